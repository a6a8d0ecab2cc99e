"""MixCropMask: its operations against torchvision's, and as part of a sample's augmentation."""

from __future__ import annotations

import numpy as np
import pytest
from pydantic import ValidationError
from torchvision.transforms import functional

from benchmarks.augmix_operations import strengths, torchvision_operations
from fastrain.augmentation import AugmentConfig, MixCropMask
from fastrain.data.mixcropmask import OPERATIONS, GeneratorDice, augmix, mix_crop_mask
from fastrain.data.transforms import augment, output_side, to_tensors

SIDE = 40
CONFIG = AugmentConfig(mix_crop_mask=MixCropMask(crop=24), shared_geometry=False)


def sample(seed: int = 0) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    return {
        "rgb": rng.integers(1, 256, (SIDE, SIDE, 3), np.uint8),
        "depth": rng.integers(1, 4096, (SIDE, SIDE), np.uint16),
        "ir": rng.integers(1, 256, (SIDE, SIDE), np.uint8),
    }


def positions() -> np.ndarray:
    """Return an image whose every pixel says where it is."""
    return np.arange(SIDE * SIDE, dtype=np.uint16).reshape(SIDE, SIDE).view(np.uint8).reshape(SIDE, SIDE, 2)


def test_the_result_is_the_generators_alone() -> None:
    first, again, other = (augment(sample(), CONFIG, np.random.default_rng(seed), "mm") for seed in (1, 1, 2))
    assert {name: tuple(image.shape) for name, image in first.items()} == {
        "rgb": (3, 24, 24),
        "depth": (1, 24, 24),
        "ir": (1, 24, 24),
    }
    assert all((first[name] == again[name]).all() for name in first)
    assert any((first[name] != other[name]).any() for name in first)
    assert all(image.aminmax().min >= 0 and image.max() <= 1 for image in first.values())


def test_half_the_samples_lose_one_modality_or_all_but_one() -> None:
    config, rng = MixCropMask(crop=4, mix=False), np.random.default_rng(0)
    images = {name: np.full((8, 8), 9, np.uint8) for name in ("rgb", "depth", "ir")}
    left = []
    for _ in range(4000):
        changed = mix_crop_mask(images, config, GeneratorDice(rng), shared_crop=False)
        left.append(tuple(name for name, image in changed.items() if image.any()))
    share = {kept: left.count(kept) / len(left) for kept in set(left)}
    assert share[("rgb", "depth", "ir")] == pytest.approx(0.5, abs=0.03)
    for lost in images:
        assert share[tuple(name for name in images if name != lost)] == pytest.approx(1 / 12, abs=0.02)
        assert share[(lost,)] == pytest.approx(1 / 12, abs=0.02)


def test_a_modality_by_itself_is_never_taken_away() -> None:
    config = MixCropMask(crop=4, mix=False)
    for seed in range(20):
        dice = GeneratorDice(np.random.default_rng(seed))
        assert mix_crop_mask({"ir": np.ones((8, 8), np.uint8)}, config, dice, shared_crop=False)["ir"].all()


@pytest.mark.parametrize("shared", [True, False])
def test_crops_are_shared_only_when_asked_for(shared: bool) -> None:
    images = {"rgb": positions(), "depth": positions()}
    config, same, corners = MixCropMask(crop=24, mix=False, mask=False), 0, set()
    for seed in range(60):
        dice = GeneratorDice(np.random.default_rng(seed))
        changed = mix_crop_mask(images, config, dice, shared_crop=shared)
        row, column = divmod(int(changed["rgb"][0, 0].copy().view(np.uint16)[0]), SIDE)
        corners.add((row, column))
        np.testing.assert_array_equal(changed["rgb"], positions()[row : row + 24, column : column + 24])
        same += np.array_equal(changed["rgb"], changed["depth"])
    assert (same == 60) if shared else same < 5
    assert {0, SIDE - 24} <= {row for row, _ in corners} and max(column for _, column in corners) == SIDE - 24


def test_rgb_does_not_depend_on_the_others() -> None:
    config = AugmentConfig(mix_crop_mask=MixCropMask(crop=24, mask=False), shared_geometry=False)
    alone = augment({"rgb": sample()["rgb"]}, config, np.random.default_rng(5))
    together = augment(sample(), config, np.random.default_rng(5))
    assert (alone["rgb"] == together["rgb"]).all()


def test_mixing_changes_an_image_and_keeps_its_kind() -> None:
    image = sample()["rgb"].transpose(2, 0, 1)
    mixed = [augmix(np.ascontiguousarray(image), GeneratorDice(np.random.default_rng(seed))) for seed in range(8)]
    assert all(result.shape == image.shape and result.dtype == np.uint8 for result in mixed)
    assert all((result != image).any() for result in mixed)


def test_deep_images_are_brought_down_to_8_bits_for_training_and_test_alike() -> None:
    depth = np.array([[0, 16, 2048, 5000]] * 4, np.uint16)
    config = AugmentConfig(mix_crop_mask=MixCropMask(crop=4, mix=False))
    tested = to_tensors({"depth": depth}, config, "mm")["depth"]
    trained = augment({"depth": depth}, config, np.random.default_rng(0), "mm")["depth"]
    assert (tested == trained).all()
    np.testing.assert_allclose(tested[0, 0].numpy() * 255, [0, 1, 128, 255], rtol=1e-6)
    assert output_side(config, 112, random=True) == 4 and output_side(config, 112, random=False) == 112


def test_what_would_follow_is_refused() -> None:
    with pytest.raises(ValidationError, match="takes the place of random_erasing"):
        AugmentConfig.model_validate({"mix_crop_mask": {}, "random_erasing": {}})


@pytest.mark.parametrize("side", [40, 47])
def test_the_operations_give_the_bytes_of_torchvisions(side: int) -> None:
    theirs = torchvision_operations(functional)
    noise = np.random.default_rng(side).integers(0, 256, (3, side, side), np.uint8)
    dark = noise // 3 + np.uint8(20)
    assert set(theirs) == {operation.name for operation in OPERATIONS}
    for operation in OPERATIONS:
        for image in (noise, dark, noise[:1].copy(), dark[:1].copy()):
            for amount in strengths(operation, side):
                np.testing.assert_array_equal(
                    operation.apply(image, amount), theirs[operation.name](image, amount), f"{operation.name} {amount}"
                )


def test_autocontrast_gives_the_bytes_of_torchvisions_for_every_range() -> None:
    theirs = torchvision_operations(functional)["AutoContrast"]
    ours = next(operation for operation in OPERATIONS if operation.name == "AutoContrast")
    for low in range(0, 256, 3):
        for high in range(low, 256):
            image = np.arange(256, dtype=np.uint8).clip(low, high).reshape(1, 16, 16)
            np.testing.assert_array_equal(ours.apply(image, 0.0), theirs(image, 0.0), f"{low} to {high}")
