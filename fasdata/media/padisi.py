"""PADISI-Face samples: one npz file of 22 channels for each, a single frame."""

from __future__ import annotations

import io
import math
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from fasdata.media.frame import Frame, IndexedSource, UnreadableMedia, error_line

CHANNELS = 22  # 0-2 BGR, 3 NIR, 4 depth, 5 thermal, 6-15 NIR left and right, 16-21 SWIR
MAX_BYTES = 256 << 20
_TOLERANCE = 1e-3
_MEMBER = "data.npy"
_HEADER = 1 << 14  # bytes of an array's header that are looked at; a header may claim to be of gigabytes
_MOST_PACKED = 1100  # bytes that deflate makes of one, at most


class PadisiSource(IndexedSource):
    """A sample: `data`, floats in [0, 1] of (1,22,h,w) or (22,h,w); channels 2, 1, 0 are rgb, 4 is depth, 3 is ir.

    rgb becomes uint8; depth and ir become uint16 in which 65535 stands for 1. Nothing in the file is unpickled.
    """

    def __init__(self, paths: Mapping[str, Path]) -> None:
        """Check the header; no channel is read.

        Raises:
            UnreadableMedia: not an npz file, or its `data` is missing, of another shape or type, or too large.
        """
        self._path = paths["rgb"]
        self._wanted = {name: channel for name, channel in (("depth", 4), ("ir", 3)) if name in paths}
        _check(self._path)
        super().__init__([""])

    def _read(self, handle: Any, index: int) -> Frame:
        try:
            with zipfile.ZipFile(self._path) as archive, archive.open(_MEMBER) as member:
                data = np.lib.format.read_array(member, allow_pickle=False)
        except (OSError, ValueError, EOFError, RuntimeError, zipfile.BadZipFile, zlib.error) as error:
            raise UnreadableMedia(f"data is damaged: {error_line(error)}") from None
        data = data.reshape(CHANNELS, *data.shape[-2:])
        used = data[[2, 1, 0, *self._wanted.values()]]
        if not (np.isfinite(used).all() and used.min() >= -_TOLERANCE and used.max() <= 1 + _TOLERANCE):
            raise UnreadableMedia("data: expected values from 0 to 1, found others")
        rgb = _scaled(used[:3], np.uint8).transpose(1, 2, 0)
        planes = {name: _scaled(used[3 + place], np.uint16) for place, name in enumerate(self._wanted)}
        return Frame(index, -1.0, {"rgb": np.ascontiguousarray(rgb), **planes})


def _check(path: Path) -> None:
    """Check the header of `data`, so that an array is loaded only when its size is known."""
    if not path.is_file():
        raise UnreadableMedia("the file is missing")
    try:
        with zipfile.ZipFile(path) as archive, archive.open(_MEMBER) as member:
            entry, head = archive.getinfo(_MEMBER), io.BytesIO(member.read(_HEADER))
            version = np.lib.format.read_magic(head)
            read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
            shape, _, dtype = read(head)
    except KeyError:
        raise UnreadableMedia("there is no array 'data' in the file") from None
    except (OSError, ValueError, EOFError, NotImplementedError, RuntimeError, zipfile.BadZipFile, zlib.error) as error:
        raise UnreadableMedia(f"not a readable npz file: {error_line(error)}") from None
    right = len(shape) in (3, 4) and shape[-3] == CHANNELS and shape[:-3] in ((), (1,)) and min(shape) > 0
    if not right or dtype.kind != "f":
        raise UnreadableMedia(f"data: expected floats of (1, {CHANNELS}, h, w), found {dtype} of {shape}")
    if math.prod(shape) * dtype.itemsize > MAX_BYTES:
        raise UnreadableMedia(f"data: {shape} is too large for one sample")
    stored = min(entry.file_size, _MOST_PACKED * min(entry.compress_size, path.stat().st_size))
    if math.prod(shape) * dtype.itemsize > stored:
        raise UnreadableMedia(f"data: {shape} is more than the file holds")


def _scaled(plane: np.ndarray, kind: type) -> np.ndarray:
    return np.rint(np.clip(plane.astype(np.float64), 0, 1) * np.iinfo(kind).max).astype(kind)
