"""The maps that a method learns from: of the unchanged image, moved with it, at their own size."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
import torch

from fasdata.errors import UserError
from fasdata.library import Library
from fastrain.augmentation import AugmentConfig, BlackSquare, Erasures, LevelsGamma, PatchShuffle, RandomCrop
from fastrain.data.target_maps import MapWriter, lit_plane, require_movable
from fastrain.data.transforms import augment_into
from fastrain.networks.lit_pixels import lit, lit_map, lit_map_of
from fastrain.pixel_targets import PixelTarget
from tests.fastrain.data.test_data_loader import loader, same

FACE = {"face": PixelTarget("lit", 16)}


def picture(side: int = 64) -> np.ndarray:
    """A face on black: bright from the upper left corner to two thirds of the width."""
    image = np.zeros((side, side, 3), np.uint8)
    image[: side // 2, : 2 * side // 3] = np.random.default_rng(0).integers(1, 255, (side // 2, 2 * side // 3, 3))
    return image


def mapped(image: np.ndarray, config: AugmentConfig, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the changed image and its map."""
    out: dict[str, np.ndarray] = {}
    maps = {"face": np.zeros((1, 16, 16), np.float32)}
    augment_into({"rgb": image}, config, np.random.default_rng(seed), out=out, maps=MapWriter(FACE, maps))
    return out["rgb"], maps["face"]


@pytest.mark.parametrize(
    "config",
    [
        AugmentConfig(),
        AugmentConfig(horizontal_flip=1.0),
        AugmentConfig(rotation=90),
        AugmentConfig(random_crop=RandomCrop(padding=20)),
        AugmentConfig(horizontal_flip=0.5, patch_shuffle=PatchShuffle(size=16, p=1.0)),
    ],
    ids=["plain", "flip", "rotation", "crop", "patches"],
)
def test_a_map_moves_as_its_image_does(config: AugmentConfig) -> None:
    for seed in range(4):
        image, face = mapped(picture(), config, seed)
        seen = lit_map(lit(torch.from_numpy(image)[None]), 16)[0].numpy()
        # A rotation interpolates the image and not the map, so that single cells of its edge differ.
        assert np.abs(face[0] - seen).mean() < (0.06 if config.rotation else 1e-9)
        assert 0 < face.mean() < 1


def test_colours_and_holes_are_not_in_a_map() -> None:
    holes = {"erasures": Erasures(p=1.0, scale=(0.2, 0.3)), "black_square": BlackSquare(longest=40)}
    plain, changed = AugmentConfig(), AugmentConfig(levels_gamma=LevelsGamma(), **holes)
    for seed in range(4):
        (before, face), (after, same) = (mapped(picture(), config, seed) for config in (plain, changed))
        assert np.array_equal(face, same) and not np.array_equal(before, after)


def test_the_first_modality_that_shows_anything_says_where() -> None:
    black, deep = np.zeros((8, 8, 3), np.uint8), np.eye(8, dtype=np.uint16)
    assert np.array_equal(lit_plane({"rgb": black, "depth": deep}), np.eye(8))
    assert lit_plane({"rgb": picture(8), "depth": deep}).sum() == 4 * 5
    batch = {"rgb": torch.zeros(2, 3, 8, 8), "depth": torch.from_numpy(deep.astype(np.float32)).expand(2, 1, 8, 8)}
    batch["rgb"][1, 2, 3, 4] = 0.1
    maps = lit_map_of(batch, 8)
    assert torch.equal(maps[0], torch.eye(8)) and maps[1].sum() == 1 == maps[1, 3, 4]


@pytest.mark.parametrize("side", [20, 56, 64, 112, 224, 256])
def test_small_maps_are_where_opencv_sees_a_lit_pixel(side: int) -> None:
    pixels = (np.random.default_rng(side).random((side, side)) > 0.9).astype(np.float32)
    seen = cv2.resize(pixels, (32, 32), interpolation=cv2.INTER_LINEAR) > 1e-3
    assert np.array_equal(lit_map(torch.from_numpy(pixels)[None], 32)[0].numpy() > 0, seen)


def test_a_batch_has_the_map_of_every_face_and_else_what_it_had(library: Library) -> None:
    plain, mapping = loader(library), loader(library, targets=FACE, workers=2)
    for domains in ([0, 1, 2], [2], [1, 0]):
        batch, without = mapping.draw(domains), plain.draw(domains)
        assert batch["maps"]["face"].shape == (len(batch["label"]), 1, 16, 16) and "maps" not in without
        assert same(batch, without)
        assert np.isin(batch["maps"]["face"].numpy(), (0, 1)).all() and batch["maps"]["face"].mean() > 0.5


def test_what_a_map_cannot_follow_is_refused() -> None:
    for name in ("mix_crop_mask", "base_views"):
        config = AugmentConfig.model_validate({name: {}})
        with pytest.raises(UserError, match=f"augment.{name} moves images in ways that the map face cannot follow"):
            require_movable(FACE, config)
        assert require_movable({}, config) == {}
    with pytest.raises(ValueError, match="one view"):
        require_movable(FACE, AugmentConfig(), views=2)
