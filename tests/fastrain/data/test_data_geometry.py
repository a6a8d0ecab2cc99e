"""The cut-out of GAC-FAS: its box, and what fills it."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from fastrain.augmentation import AugmentConfig
from fastrain.data.geometry import cutout_box
from fastrain.data.transforms import augment


def test_the_box_is_even_and_clipped_and_may_be_empty() -> None:
    assert cutout_box(100, 80, 0.75, 40, 50) == (20, 25, 60, 75)
    assert cutout_box(100, 80, 0.75, 0, 99) == (0, 74, 20, 100)
    assert cutout_box(9, 9, 0.5, 4, 4) == (1, 1, 7, 7)  # six whole pixels, three to each side
    assert cutout_box(9, 9, 0.99, 4, 4) is None
    assert cutout_box(64, 64, 0.0, 10, 10) == (0, 0, 42, 42)


def test_cutting_out_is_shared_by_the_modalities_and_keeps_the_mean() -> None:
    grey = np.random.default_rng(1).integers(0, 256, (32, 32), dtype=np.uint8)
    images = {"rgb": np.repeat(grey[:, :, None], 3, axis=2), "ir": grey}
    always = AugmentConfig.model_validate({"cutout": {"p": 1.0}})
    changed = 0
    for seed in range(20):
        result = augment(images, always, np.random.default_rng(seed))
        original = torch.from_numpy(grey / np.float32(255))
        different = result["rgb"][0] != original
        assert torch.equal(result["rgb"][1], result["ir"][0])
        if different.any():
            changed += 1
            rows, columns = (different.any(dim=d).nonzero().flatten() for d in (1, 0))
            patch = result["rgb"][0, rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
            assert float(patch.std()) < 1e-6
            kept = original[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
            assert float(patch[0, 0]) == pytest.approx(float(kept.mean()), abs=1e-5)
    assert changed > 10
    never = AugmentConfig.model_validate({"cutout": {"p": 0.0}})
    assert torch.equal(
        augment(images, never, np.random.default_rng(0))["ir"][0], torch.from_numpy(grey / np.float32(255))
    )
