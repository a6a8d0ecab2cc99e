"""The preparation of some datasets' images: grey colour, and dark rows and columns cut out."""

from __future__ import annotations

import numpy as np

from fastrain.config import DataConfig
from fastrain.data.by_dataset import Preparation, without_black


def test_only_the_named_datasets_are_prepared() -> None:
    image = np.random.default_rng(0).integers(1, 256, (40, 40, 3), np.uint8)
    image[:, 10:20] = 0
    prepared = Preparation.of(DataConfig(grey=("casia-surf-cefa",), cut_black=("casia-surf-cefa",)))
    assert prepared.apply(image, "wmca") is image
    done = prepared.apply(image, "casia-surf-cefa")
    assert done.shape == image.shape and (done[..., 0] == done[..., 2]).all()
    assert (done.max(axis=(0, 2)) > 0).all()  # the dark stripe is gone, the rest fills its place


def test_only_the_edges_are_cut_when_that_is_asked_for() -> None:
    image = np.zeros((12, 12, 3), np.uint8)
    image[3:9, 2:11] = 200
    image[5] = 0  # a dark row between bright ones
    assert without_black(image).shape == (5, 9, 3)
    np.testing.assert_array_equal(without_black(image, edges_alone=True), image[3:9, 2:11])
    assert without_black(np.zeros((6, 6), np.uint8), edges_alone=True).shape == (6, 6)
    shown = {how: Preparation.of(DataConfig(cut_black=("x",), cut_black_as=how)) for how in ("rows", "box")}  # type: ignore[arg-type]
    assert shown["rows"].apply(image, "x").min() == 200 > shown["box"].apply(image, "x").min()


def test_dark_means_the_same_share_of_16_bits() -> None:
    deep = np.full((6, 6), 20000, np.uint16)
    deep[2], deep[:, 4] = 7 * 257, 100
    assert without_black(deep).shape == (5, 5)
    assert without_black(np.zeros((6, 6), np.uint16)).shape == (6, 6)
