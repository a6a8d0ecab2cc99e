"""MixCropMask and the views of a test image against numbers made by running the published code of MMDGFAS."""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

from fastrain.augmentation import MixCropMask
from fastrain.data.by_dataset import grey, without_black
from fastrain.data.mixcropmask import OPERATIONS, REACH, mix_crop_mask
from fastrain.methods.mmdgfas.method import crop_corners, crops36
from tests.golden.fill_mmdgfas import Fill
from tests.golden.location import golden_dir

BY_NAME = {operation.name: operation for operation in OPERATIONS}
SLOTS = ("rgb", "depth", "ir")


@pytest.fixture(scope="module")
def folder() -> Path:
    return golden_dir("mmdgfas")


@pytest.fixture(scope="module")
def seed(folder: Path) -> int:
    return Fill.of(folder).seed


def test_the_operations_and_their_magnitudes(folder: Path) -> None:
    golden = np.load(folder / "augmix_ops.npz")
    assert list(BY_NAME) == golden["op_order"].tolist()
    assert [operation.signed for operation in OPERATIONS] == golden["signed"].tolist()
    for name, operation in BY_NAME.items():
        expected = golden[f"space_{name}"]
        if operation.magnitude is None:
            assert expected.tolist() == [0.0]
        else:
            magnitudes = np.float32([operation.magnitude(k, 112) for k in range(REACH)])
            np.testing.assert_array_equal(magnitudes, expected.astype(np.float32))


def test_every_operation_at_every_strength(folder: Path) -> None:
    golden = np.load(folder / "augmix_ops.npz")
    image = golden["in"][0]
    for name, amount, expected in zip(golden["names"].tolist(), golden["mags"], golden["out"], strict=True):
        done = BY_NAME[name].apply(image, float(amount))
        assert done.dtype == np.uint8
        away = np.abs(done.astype(int) - expected)
        if name.startswith("Shear"):
            assert away.max() <= 1 and (away == 0).mean() >= 0.98, (name, amount)
        else:
            assert away.max() == 0, (name, amount)


def test_one_channel_is_as_three_equal_ones(folder: Path) -> None:
    golden = np.load(folder / "augmix_ops.npz")
    plane = golden["in"][0, :1]
    for name, amount in zip(golden["names"].tolist(), golden["mags"], strict=True):
        alone = BY_NAME[name].apply(plane, float(amount))
        together = BY_NAME[name].apply(np.repeat(plane, 3, axis=0), float(amount))
        np.testing.assert_array_equal(together, np.repeat(alone, 3, axis=0), err_msg=name)


def test_whole_samples(folder: Path, seed: int) -> None:
    golden = np.load(folder / "mixcropmask.npz")
    cases = sorted({int(match[1]) for key in golden.files if (match := re.match(r"c(\d+)_", key))})
    assert cases
    masked = 0
    for case in cases:
        pictures = dict(zip(SLOTS, (picture(case, slot, seed + case)[:, :, ::-1] for slot in range(3)), strict=True))
        draws = np.concatenate(
            [*(golden[f"c{case}_slot{slot}_draw"] for slot in range(3)), golden[f"c{case}_mask_draw"]]
        )
        dice = Replay(iter(draws))
        crop = golden[f"c{case}_out_u8"].shape[0]
        sample = mix_crop_mask(pictures, MixCropMask(crop=crop), dice, shared_crop=False)
        assert next(dice.values, None) is None
        packed = np.concatenate([sample[name][:, :, ::-1] for name in SLOTS], axis=2)
        away = np.abs(packed.astype(int) - golden[f"c{case}_out_u8"])
        assert (away == 0).mean() >= 0.98 and (away <= 1).mean() >= 0.995, case
        lost = golden[f"c{case}_sum"] == 0
        assert ((packed.reshape(-1, 9) == 0).all(axis=0) == lost).all()
        masked += bool(lost.any())
    assert masked > 0


def test_crops_and_flips(folder: Path, seed: int) -> None:
    golden = np.load(folder / "crops.npz")
    rows, columns, colours = np.indices((112, 112, 3))
    image = noisy(rows, columns, colours, 1, seed)
    tensor = torch.from_numpy(image.transpose(2, 0, 1).copy())[None]
    keys = [match for key in golden.files if (match := re.fullmatch(r"(\w+?)_(\d+)_topleft", key))]
    assert keys
    for match in keys:
        dataset, crop = match[1], int(match[2])
        expected = golden[match[0]].tolist()
        ours = [list(corner) for corner in crop_corners(112, crop)]
        views = crops36({"rgb": tensor}, crop)["rgb"].numpy().transpose(0, 2, 3, 1)
        sums = [zlib.crc32(np.ascontiguousarray(view).tobytes()) for view in views]
        # CeFA's copy of the published routine swaps the axes; the views are the same in another order
        swapped = [[left, top] for top, left in ours]
        assert expected in (ours, swapped), dataset
        if expected == ours:
            assert sums == golden[f"{dataset}_{crop}_crc"].tolist()
        else:
            assert sorted(sums) == sorted(golden[f"{dataset}_{crop}_crc"].tolist())
        if f"{dataset}_{crop}_first" in golden.files and expected == ours:
            np.testing.assert_array_equal(views[:, :6, :6], golden[f"{dataset}_{crop}_first"])


def test_a_random_crop(folder: Path, seed: int) -> None:
    golden = np.load(folder / "crops.npz")
    image = noisy(*np.indices((112, 112, 3)), 2, seed)
    dice = Replay(iter(golden["random_crop_start_x_then_y"]))
    cut = mix_crop_mask({"rgb": image}, MixCropMask(mix=False), dice, shared_crop=False)["rgb"]
    assert zlib.crc32(np.ascontiguousarray(cut).tobytes()) == golden["random_crop_crc"]


class Replay:
    """Dice whose numbers are known."""

    def __init__(self, values: Iterator[float]) -> None:
        self.values = values

    def shares(self, n: int) -> np.ndarray:
        return np.array([next(self.values) for _ in range(n)], np.float32)

    def integer(self, low: int, high: int) -> int:
        value = next(self.values)
        assert value == int(value) and low <= value < high
        return int(value)


def picture(case: int, slot: int, s: int) -> np.ndarray:
    """Return the picture of a slot, as the arrays' README describes it: uint8 (112,112,3)."""
    rows, columns, colours = np.indices((112, 112, 3))
    if case % 2:
        return noisy(rows, columns, colours, slot, s)
    smooth = ((2 * rows + columns + 11 * colours + 37 * slot + s) % 256) // 2 + 40
    return ((smooth + 60 * ((rows // 8 + columns // 8 + colours) % 2)) % 256).astype(np.uint8)


def noisy(rows: np.ndarray, columns: np.ndarray, colours: np.ndarray, m: int, s: int) -> np.ndarray:
    return (((7 * rows + 13 * columns + 29 * colours + 53 * m + s) ^ ((rows * columns) >> 3)) & 255).astype(np.uint8)


def test_dark_rows_and_grey(folder: Path) -> None:
    golden = np.load(folder / "crops.npz")
    for name in ("blackcrop", "blackcrop_dark"):
        cut = without_black(golden[f"{name}_in"][:, :, ::-1])
        np.testing.assert_array_equal(cut[:, :, ::-1], golden[f"{name}_out"])
    shown = grey(np.ascontiguousarray(golden["blackcrop_in"][:, :, ::-1]))
    for channel in range(3):
        np.testing.assert_array_equal(shown[:, :, channel], golden["gray_out"])
