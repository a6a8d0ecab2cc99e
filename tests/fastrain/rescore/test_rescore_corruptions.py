"""Pictures made worse: more with every severity, the same for the same seed, and of the same form."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import pytest

from fasdata.errors import UserError
from fastrain.evaluation.statistics.proportions import Interval
from fastrain.rescore.corruptions import SEVERITIES, Corruption, kept_frames, parse_corruptions
from fastrain.rescore.robustness import Rung
from fastrain.rescore.robustness_report import robustness_answer

KINDS = ("jpeg", "blur", "resize", "noise", "gamma")


def picture(size: int = 96) -> np.ndarray:
    rng = np.random.default_rng(0)
    coarse = cv2.resize(rng.integers(0, 255, (8, 8, 3), np.uint8), (size, size), interpolation=cv2.INTER_CUBIC)
    return cv2.addWeighted(coarse, 0.8, rng.integers(0, 255, (size, size, 3), np.uint8), 0.2, 0)


@pytest.mark.parametrize("kind", KINDS)
def test_each_severity_changes_more_than_the_one_before(kind: str) -> None:
    image = picture()
    off = []
    for severity in SEVERITIES:
        worse = Corruption(kind, severity).apply(image, np.random.default_rng(1))
        assert worse.shape == image.shape and worse.dtype == np.uint8
        off.append(np.abs(worse.astype(int) - image).mean())
    assert off[0] > 0 and (np.diff(off) > 0).all()


@pytest.mark.parametrize("kind", KINDS)
def test_the_same_seed_gives_the_same_picture_and_the_original_stays(kind: str) -> None:
    image = picture()
    before = image.copy()
    first, second = (Corruption(kind, 3).apply(image, np.random.default_rng(5)) for _ in range(2))
    assert np.array_equal(first, second) and np.array_equal(image, before)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_one_channel_keeps_its_form(kind: str, dtype: type) -> None:
    image = (picture()[..., 0].astype(dtype)) * (1 if dtype is np.uint8 else 200)
    worse = Corruption(kind, 2).apply(image, np.random.default_rng(0))
    assert worse.shape == image.shape and worse.dtype == dtype


def test_the_same_severity_means_the_same_at_any_size() -> None:
    off = []
    for size in (64, 256):
        smooth = cv2.resize(np.random.default_rng(0).integers(0, 255, (8, 8, 3), np.uint8), (size, size))
        off.append(np.abs(Corruption("blur", 5).apply(smooth, np.random.default_rng(0)).astype(int) - smooth).mean())
    assert off[0] == pytest.approx(off[1], rel=0.15)


def test_what_is_asked_for() -> None:
    assert parse_corruptions("jpeg:3, blur")[:2] == [Corruption("jpeg", 3), Corruption("blur", 1)]
    assert len(parse_corruptions("all")) == 30
    assert parse_corruptions("jpeg:1,jpeg:1") == [Corruption("jpeg", 1)]
    assert all(corruption.setting for corruption in parse_corruptions("all"))
    with pytest.raises(UserError, match="did you mean 'jpeg'"):
        parse_corruptions("jpg")
    with pytest.raises(UserError, match="no such severity; expected 1 to 5"):
        parse_corruptions("blur:6")


def test_dropped_frames_leave_one_at_least() -> None:
    rng = np.random.default_rng(0)
    assert len(kept_frames(np.arange(20), 3, rng)) == 10
    assert len(kept_frames(np.arange(2), 5, rng)) == 1
    kept = kept_frames(np.arange(100, 120), 4, rng)
    assert (np.diff(kept) > 0).all() and kept.min() >= 100 and len(kept) == 5


@pytest.mark.parametrize(
    ("low", "high", "words", "kind"),
    [
        (0.35, 0.60, "Worse pictures make it err more: HTER 10.00 % [5.00, 20.00] on the pictures as they are, 45.00 % "
                     "[35.00, 60.00] at blur 5, the worst.", "bad"),
        (0.15, 0.60, "No corruption is distinguishable from the pictures as they are", "mixed"),
    ],
)  # fmt: skip
def test_the_answer_of_a_robustness_page_follows_the_intervals(low: float, high: float, words: str, kind: str) -> None:
    nothing: Any = None
    rungs = [
        Rung(None, {"hter": 0.1}, {"hter": Interval(0.05, 0.2)}, nothing),
        Rung(Corruption("blur", 5), {"hter": 0.45}, {"hter": Interval(low, high)}, nothing),
        Rung(Corruption("blur", 1), {"hter": 0.1}, {"hter": Interval(0.05, 0.2)}, nothing),
    ]
    answer = robustness_answer(rungs)
    assert words in answer.title
    assert answer.kind == kind and answer.next.endswith(".")
