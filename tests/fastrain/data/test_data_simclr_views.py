"""FLIP's base and views: one base a sample, views of what it was before its flip, bad combinations."""

from __future__ import annotations

import numpy as np
import pytest
from pydantic import ValidationError

from fasdata.errors import UserError
from fastrain.augmentation import AugmentConfig
from fastrain.data.samplers import GroupStream
from fastrain.data.simclr_views import SimCLRViewMaker
from fastrain.data.transforms import augment, augment_into, to_tensors

STILL = {"saturate": 0, "base_flip": 0, "crop": None, "jitter": None, "grey": 0, "blurred": 0, "view_flip": 0}


@pytest.fixture
def image() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (24, 24, 3)).astype(np.uint8)


def config(resize: int | None = None, **changes: object) -> AugmentConfig:
    tree = {"simclr_views": {**STILL, **changes}, "resize": resize, "interpolation": "bicubic"}
    return AugmentConfig.model_validate(tree)


def made(image: np.ndarray, seed: int = 0, resize: int | None = None, **changes: object) -> list[np.ndarray]:
    maker = SimCLRViewMaker(config(resize, **changes), np.random.default_rng(seed))
    return [maker.next(image) for _ in range(3)]


def test_views_are_made_of_what_the_base_was_before_its_flip(image: np.ndarray) -> None:
    base, first, second = made(image, base_flip=1)
    np.testing.assert_array_equal(base, image[:, ::-1])
    np.testing.assert_array_equal(first, image)
    np.testing.assert_array_equal(second, image)
    grey = made(image, base_flip=1, saturate=1, saturation=(1e-6, 1e-6))
    assert all(np.ptp(view, axis=2).max() <= 1 for view in grey)


@pytest.mark.parametrize(
    ("change", "which"),
    [
        ({"saturate": 1, "saturation": (0.5, 0.5)}, 0),
        ({"base_flip": 1}, 0),
        ({"crop": {}}, 1),
        ({"jitter": {"hue": 0.3}}, 1),
        ({"grey": 1}, 1),
        ({"blurred": 1, "blur": (1, 1)}, 1),
        ({"view_flip": 1}, 1),
    ],
)
def test_each_step_changes_what_it_should(image: np.ndarray, change: dict[str, object], which: int) -> None:
    changed = made(image, **change)
    assert not np.array_equal(changed[which], image)
    if which:
        np.testing.assert_array_equal(changed[0], image)
    assert {view.shape for view in changed} == {image.shape}


def test_the_same_generator_gives_the_same_views_and_views_differ(image: np.ndarray) -> None:
    strong = {"crop": {}, "jitter": {"brightness": 0.4, "hue": 0.1}, "grey": 0.2, "blurred": 0.5}
    first, again, other = (made(image, seed, **strong) for seed in (4, 4, 5))
    for view, repeated in zip(first, again, strict=True):
        np.testing.assert_array_equal(view, repeated)
    assert not np.array_equal(first[1], first[2]) and not np.array_equal(first[1], other[1])


def test_a_sample_gets_its_images_one_after_the_other_at_the_size_that_is_asked(image: np.ndarray) -> None:
    whole = AugmentConfig.model_validate({"simclr_views": {}, "resize": 16, "interpolation": "bicubic"})
    maker, again = (SimCLRViewMaker(whole, np.random.default_rng(2)) for _ in range(2))
    for _ in range(3):
        out: dict[str, np.ndarray] = {}
        augment_into({"rgb": image}, whole, np.random.default_rng(9), out=out, views=maker)
        expected = again.next(image).transpose(2, 0, 1).astype(np.float32) / np.float32(255)
        np.testing.assert_array_equal(out["rgb"], expected)
        assert out["rgb"].shape == (3, 16, 16)
    still = config(resize=16)
    alone = augment({"rgb": image}, still, np.random.default_rng(2))["rgb"]
    np.testing.assert_array_equal(alone, to_tensors({"rgb": image}, still)["rgb"])


def test_what_it_cannot_be_combined_with(image: np.ndarray) -> None:
    with pytest.raises(ValidationError, match="simclr_views takes the place of horizontal_flip"):
        AugmentConfig.model_validate({"simclr_views": {}, "horizontal_flip": 0.5})
    with pytest.raises(ValidationError, match="base_views takes the place of simclr_views"):
        AugmentConfig.model_validate({"simclr_views": {}, "base_views": {}})
    with pytest.raises(UserError, match=r"augment\.simclr_views is made for rgb alone; found rgb, depth"):
        augment({"rgb": image, "depth": image[..., 0]}, config(), np.random.default_rng(0))


@pytest.mark.parametrize(("members", "size", "passes"), [(10, 3, 9), (9, 3, 9), (2, 3, 2)])
def test_the_rest_of_a_pass_is_dropped_unless_it_is_all_there_is(members: int, size: int, passes: int) -> None:
    stream = GroupStream(np.arange(members), (1,), fill=True, whole=size)
    drawn = np.concatenate([stream.batch(start * size, size) for start in range(12)])
    assert len(drawn) == 12 * size
    for start in range(0, len(drawn) - passes, passes):
        assert len(set(drawn[start : start + passes].tolist())) == passes
    assert set(drawn.tolist()) == set(range(members))  # what is dropped in one pass comes in another
