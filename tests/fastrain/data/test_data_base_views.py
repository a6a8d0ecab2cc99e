"""ME-FAS' base and views: one base a sample, what each switch does, bad combinations."""

from __future__ import annotations

import numpy as np
import pytest
from pydantic import ValidationError

from fasdata.errors import UserError
from fastrain.augmentation import AugmentConfig, BaseViews
from fastrain.data.base_views import LUMINANCE, ViewMaker, fitted
from fastrain.data.transforms import augment, augment_into, to_tensors

STILL = {"base_flip": 0, "luminance": (1, 1), "luminance_shift": 0, "crop_share": 0, "recolour": 0, "view_flip": 0}


@pytest.fixture
def image() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (24, 24, 3)).astype(np.uint8)


def made(image: np.ndarray, count: int = 3, seed: int = 0, **changes: object) -> list[np.ndarray]:
    maker = ViewMaker(BaseViews(**changes), np.random.default_rng(seed))  # type: ignore[arg-type]
    return [maker.next(image) for _ in range(count)]


def test_views_are_made_of_the_base(image: np.ndarray) -> None:
    base, first, second = made(image, blur=(0.01, 0.01), **{**STILL, "base_flip": 1})
    # some conversions to a colour space and back cost a grey level or so
    assert np.abs(base.astype(int) - image[:, ::-1]).mean() < 3
    np.testing.assert_array_equal(first, base)
    np.testing.assert_array_equal(second, base)


def test_each_step_changes_what_it_should(image: np.ndarray) -> None:
    still = made(image, blur=(0.01, 0.01), **STILL)
    for change, which in (
        ({"base_flip": 1}, 0),
        ({"luminance": (1.2, 1.2)}, 0),
        ({"luminance_shift": 200}, 0),
        ({"crop_share": 0.2}, 1),
        ({"recolour": 1, "hue_factor": (1.05, 1.05)}, 1),
        ({"recolour": 1, "saturation_factor": (0.8, 0.8)}, 1),
        ({"view_flip": 1}, 1),
        ({"blur": (1, 1)}, 1),
    ):
        changed = made(image, **{**STILL, "blur": (0.01, 0.01), **change})  # type: ignore[arg-type]
        assert not np.array_equal(changed[which], still[which]), change
        if which:
            np.testing.assert_array_equal(changed[0], still[0])


def test_the_same_generator_gives_the_same_views_and_views_differ(image: np.ndarray) -> None:
    first, again, other = made(image, seed=4), made(image, seed=4), made(image, seed=5)
    for view, repeated in zip(first, again, strict=True):
        np.testing.assert_array_equal(view, repeated)
    assert not np.array_equal(first[1], first[2])
    assert not np.array_equal(first[1], other[1])
    assert {view.shape for view in first} == {image.shape} and len(LUMINANCE) == 6


def test_a_sample_gets_its_images_one_after_the_other(image: np.ndarray) -> None:
    config = AugmentConfig(base_views=BaseViews())
    maker = ViewMaker(BaseViews(), np.random.default_rng(2))
    expected = made(image, seed=2)
    for view in expected:
        out: dict[str, np.ndarray] = {}
        augment_into({"rgb": image}, config, np.random.default_rng(9), out=out, views=maker)
        np.testing.assert_array_equal(out["rgb"], view.transpose(2, 0, 1).astype(np.float32) / np.float32(255))
    alone = augment({"rgb": image}, config, np.random.default_rng(2))["rgb"]
    np.testing.assert_array_equal(alone, expected[0].transpose(2, 0, 1).astype(np.float32) / np.float32(255))


def test_without_the_random_steps_an_image_is_fitted_only(image: np.ndarray) -> None:
    config = AugmentConfig(base_views=BaseViews(), resize=16)
    prepared = (to_tensors({"rgb": image}, config)["rgb"].numpy() * 255).round().astype(np.uint8)
    np.testing.assert_array_equal(prepared, fitted(image, 16).transpose(2, 0, 1))
    wide = np.repeat(image, 2, axis=1)
    assert fitted(wide, 24).shape == (24, 24, 3)
    np.testing.assert_array_equal(fitted(wide, 24), wide[:, 12:36])


def test_what_it_cannot_be_combined_with(image: np.ndarray) -> None:
    with pytest.raises(ValidationError, match="takes the place of horizontal_flip"):
        AugmentConfig(base_views=BaseViews(), horizontal_flip=0.5)
    with pytest.raises(UserError, match=r"rgb alone; found rgb, depth"):
        both = {"rgb": image, "depth": image[..., 0]}
        augment(both, AugmentConfig(base_views=BaseViews()), np.random.default_rng(0))
