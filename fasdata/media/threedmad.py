"""3DMAD recordings: one HDF5 file each, with colour, 16-bit depth and eye positions."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from fasdata.media.frame import MAX_CLAIM, Frame, IndexedSource, Point, UnreadableMedia
from fasdata.media.hdf5 import member, open_hdf5, read_values, require


class ThreedmadSource(IndexedSource):
    """A recording: `Color_Data` uint8 (n,3,h,w) RGB, `Depth_Data` uint16 (n,1,h,w), `Eye_Pos` (n,4).

    `Eye_Pos` is x, y of the person's right eye, the left one in the image, then of the other. Depth is read when
    `paths` names it; where the file lacks it, the frames have colour alone and `notes` says so.
    """

    def __init__(self, paths: Mapping[str, Path]) -> None:
        """Check the form of the file; no frame is decoded.

        Raises:
            UnreadableMedia: not an HDF5 file, no colour, or another form than the above.
        """
        self._path, notes = paths["rgb"], []
        with open_hdf5(self._path) as file:
            counts = [len(_colour(file))]
            self._deep = "depth" in paths
            if self._deep and "Depth_Data" not in file:
                self._deep = False
                notes.append("depth: absent, there is no Depth_Data")
            if self._deep:
                counts.append(len(_depth(file)))
            self._eyes = "Eye_Pos" in file
            if self._eyes and _eyes(file).shape[0] < min(counts):
                self._eyes = False
                notes.append("Eye_Pos has fewer rows than there are frames and is not used")
        if min(counts) > MAX_CLAIM:  # an array of any length takes no space until it is filled
            raise UnreadableMedia(f"Color_Data claims {min(counts)} frames, more than the limit of {MAX_CLAIM}")
        if len(set(counts)) > 1:
            notes.append(f"colour has {counts[0]} frames and depth {counts[1]}: the common ones are taken")
        super().__init__([""] * min(counts), notes)

    def _open(self) -> AbstractContextManager[h5py.File]:
        return open_hdf5(self._path)

    def _read(self, handle: Any, index: int) -> Frame:
        images = {"rgb": np.ascontiguousarray(read_values(_colour(handle), index).transpose(1, 2, 0))}
        if self._deep:
            images["depth"] = read_values(_depth(handle), index)[0]
        return Frame(index, -1.0, images, eyes=_points(read_values(_eyes(handle), index)) if self._eyes else None)


def eye_positions(path: Path) -> list[tuple[Point, Point] | None]:
    """Return the image-left and image-right eye of every frame, None where the release marks them as unknown.

    Raises:
        UnreadableMedia: not an HDF5 file, or `Eye_Pos` has another form.
    """
    with open_hdf5(path) as file:
        if "Eye_Pos" not in file:
            return []
        eyes = _eyes(file)
        if len(eyes) > MAX_CLAIM:
            raise UnreadableMedia(f"Eye_Pos claims {len(eyes)} frames, more than the limit of {MAX_CLAIM}")
        return [_points(row) for row in read_values(eyes)]


def _colour(file: h5py.File) -> h5py.Dataset:
    return require(member(file, "Color_Data", h5py.Dataset), (None, 3, None, None), np.uint8)


def _depth(file: h5py.File) -> h5py.Dataset:
    return require(member(file, "Depth_Data", h5py.Dataset), (None, 1, None, None), np.uint16)


def _eyes(file: h5py.File) -> h5py.Dataset:
    eyes = member(file, "Eye_Pos", h5py.Dataset)
    if eyes.dtype.kind not in "iuf":
        raise UnreadableMedia(f"Eye_Pos: expected numbers, found {eyes.dtype}")
    return require(eyes, (None, 4), eyes.dtype)


def _points(row: np.ndarray) -> tuple[Point, Point] | None:
    """Return the two eyes, or None where the release marks them as unknown (zeros)."""
    x0, y0, x1, y1 = (float(value) for value in row)
    return ((x0, y0), (x1, y1)) if np.isfinite(row).all() and row.any() else None
