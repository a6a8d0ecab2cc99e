"""Several augmentations of one image, balance in expectation, and the cut-out that GAC-FAS adds."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from fasdata.library import Library
from fastrain.augmentation import AugmentConfig
from fastrain.data.geometry import cutout_box
from fastrain.data.loader import TrainLoader
from fastrain.data.samplers import GroupStream, shuffled_together
from fastrain.data.transforms import augment
from tests.fastrain.data.test_data_loader import CHANGES, images_of


def loader(library: Library, views: int, workers: int = 0) -> TrainLoader:
    return TrainLoader(
        images_of(library, "train"), CHANGES, n_domains=3, per_group=2, seed=5, views=views, workers=workers
    )


@pytest.mark.parametrize("workers", [0, 2])
def test_two_views_are_augmentations_of_the_same_images(library: Library, workers: int) -> None:
    one, two = loader(library, 1), loader(library, 2, workers)
    for _ in range(3):
        single, batch = one.draw([0, 1, 2]), two.draw([0, 1, 2])
        assert "views" not in single
        first, second = (view["rgb"] for view in batch["views"])
        assert batch["modalities"]["rgb"] is first and batch["id"] == single["id"]
        assert torch.equal(first, single["modalities"]["rgb"])
        assert not any(torch.equal(a, b) for a, b in zip(first, second, strict=True))
    state = two.state()
    assert state == one.state()
    again = loader(library, 2)
    again.restore(state)
    for left, right in zip(two.draw([1])["views"], again.draw([1])["views"], strict=True):
        assert torch.equal(left["rgb"], right["rgb"])
    two.close()


def test_a_balanced_list_holds_every_group_alike_in_expectation() -> None:
    groups = {
        (0, 1): np.arange(3),
        (0, 0): np.arange(100, 107),
        (1, 1): np.arange(200, 220),
        (1, 0): np.arange(300, 301),
    }
    members = shuffled_together(groups, dict.fromkeys(groups, 1), balanced=True)
    assert len(members) == 4 * 20
    stream = GroupStream(members, (3,), fill=True)
    batches = [stream.batch(8 * k, 8) // 100 for k in range(50)]
    counts = np.array([np.bincount(np.minimum(batch, 3), minlength=4) for batch in batches])
    assert counts.sum(axis=0)[3] == 100 and (counts[:, 3] != 2).any()  # in expectation, not in every batch
    plain = shuffled_together(groups, dict.fromkeys(groups, 1), balanced=False)
    assert sorted(plain.tolist()) == sorted(np.concatenate(list(groups.values())).tolist())


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
