"""Files made in code: empty trees, and tiny recordings in the forms of multi-modal releases."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

import cv2
import h5py
import numpy as np


def plant(root: Path, *paths: str) -> Path:
    """Create empty files below `root` and return it."""
    for path in paths:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).touch()
    return root


def noise(seed: int, *shape: int, kind: type = np.uint8) -> np.ndarray:
    """Return random pixels."""
    return np.random.default_rng(seed).integers(0, np.iinfo(kind).max, shape, dtype=kind)


def write_still(path: Path, image: np.ndarray) -> Path:
    """Write an RGB or one-channel image."""
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), cv2.cvtColor(image, cv2.COLOR_RGB2BGR) if image.ndim == 3 else image)
    return path


def write_wmca(path: Path, frames: Mapping[int, np.ndarray]) -> Path:
    """Write `Frame_<i>/array`, channels first, as WMCA's preprocessed releases do."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with h5py.File(path, "w") as file:
        for number, array in frames.items():
            file.create_group(f"Frame_{number}").create_dataset("array", data=array)
    return path


def wmca_pair(folder: Path, name: str, numbers: Iterable[int], seed: int = 0, side: int = 128) -> dict[str, Path]:
    """Write the RGB and the CDIT file of one recording."""
    numbers = list(numbers)
    rgb = {i: noise(seed + i, 3, side, side) for i in numbers}
    cdit = {i: noise(seed + i + 500, 4, side, side) for i in numbers}
    stack = write_wmca(folder / "WMCA_preprocessed_CDIT" / name, cdit)
    return {"rgb": write_wmca(folder / "WMCA_preprocessed_RGB" / name, rgb), "depth": stack, "ir": stack}


def write_threedmad(path: Path, n: int = 4, height: int = 24, width: int = 32, **changes: np.ndarray | None) -> Path:
    """Write a 3DMAD recording; `changes` replace or (None) leave out members."""
    path.parent.mkdir(parents=True, exist_ok=True)
    members: dict[str, np.ndarray | None] = {
        "Color_Data": noise(1, n, 3, height, width),
        "Depth_Data": noise(2, n, 1, height, width, kind=np.uint16),
        "Eye_Pos": np.tile(np.array([10, 8, 20, 8], np.int32), (n, 1)),
        **changes,
    }
    with h5py.File(path, "w") as file:
        for name, array in members.items():
            if array is not None:
                file.create_dataset(name, data=array)
    return path


def write_padisi(path: Path, data: np.ndarray | None = None, **arrays: np.ndarray) -> Path:
    """Write a PADISI sample: 22 channels of floats in [0, 1]."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if data is None and not arrays:
        data = np.random.default_rng(3).random((1, 22, 40, 32))
    np.savez(path, **({"data": data} if data is not None else {}), **arrays)
    return path
