from __future__ import annotations

import json

import numpy as np
import pytest

from fasdata.errors import UserError
from fastrain.evaluation.colour_probe import colour_probe


def pictures(n: int, brighter: float, seed: int) -> tuple[list[np.ndarray], list[int]]:
    """Noise; bona fide ones brighter by so many grey levels."""
    rng = np.random.default_rng(seed)
    labels = [i % 2 for i in range(n)]
    images = [
        np.clip(rng.normal(rng.normal(110, 10) + brighter * y, 20, (12, 14, 3)), 0, 255).astype(np.uint8)
        for y in labels
    ]
    return images, labels


def test_it_sees_brightness_and_nothing_else() -> None:
    assert colour_probe(*pictures(60, 40, 0), {"val": pictures(40, 40, 1)})["auc"]["val"] > 0.9
    assert 0.3 < colour_probe(*pictures(200, 0, 0), {"val": pictures(200, 0, 1)})["auc"]["val"] < 0.7


def test_a_checkerboard_has_the_same_mean_and_deviation_whatever_its_phase() -> None:
    board = np.indices((8, 8)).sum(axis=0) % 2 * 200
    images = [np.repeat((board if i % 2 else 200 - board)[:, :, None], 3, axis=2).astype(np.uint8) for i in range(20)]
    labels = [i % 2 for i in range(20)]
    assert colour_probe(images, labels, {"val": (images, labels)})["auc"]["val"] == 0.5


def test_parts_without_both_classes_say_why_and_the_result_is_json() -> None:
    images, labels = pictures(20, 30, 0)
    probe = colour_probe(images, labels, {"val": (images[::2], labels[::2]), "test": ([], [])})
    assert probe["auc"] == {"val": None, "test": None}
    assert probe["reason"] == {"val": "one class only", "test": "no image"}
    assert probe["n"] == {"val": 10, "test": 0} and probe["n_train"] == 20
    json.dumps(probe, allow_nan=False)


def test_what_cannot_be_fitted_is_one_line() -> None:
    images, labels = pictures(4, 30, 0)
    with pytest.raises(UserError, match="both classes"):
        colour_probe(images, [1, 1, 1, 1], {})
    with pytest.raises(UserError, match="found 4 and 3"):
        colour_probe(images, [1, 0, 1], {})
    with pytest.raises(UserError, match="HxWx3"):
        colour_probe([image[:, :, 0] for image in images], labels, {})
