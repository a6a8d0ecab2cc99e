"""WMCA's preprocessed recordings: HDF5 groups `Frame_<i>` with gaps; colour in one file, the rest in another."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from fasdata.datasets.tree import natural_key
from fasdata.media.frame import Frame, IndexedSource, UnreadableMedia
from fasdata.media.hdf5 import member, open_hdf5, read_values, require

_FRAME = re.compile(r"^Frame_\d+$")
_COLOUR, _STACK = 3, 4  # channels of the RGB files, and of the CDIT files: grey, depth, infrared, thermal
_PLANE = {"depth": 1, "ir": 2}
GREY_NOTE = "rgb is the grey channel of the CDIT file, three times: there is no RGB file"


class WmcaSource(IndexedSource):
    """A recording of which `paths` names the RGB file, the CDIT file, or both; their shapes tell which is which.

    Its frames are those that all its files have, in natural order (`Frame_10` after `Frame_9`). Depth and ir are 8-bit
    planes, normalised by the release. Without an RGB file rgb is the grey channel repeated, and `notes` says so.
    """

    def __init__(self, paths: Mapping[str, Path]) -> None:
        """Read the names of the frames.

        Raises:
            UnreadableMedia: no file is readable, groups are missing, arrays have another form, or no frame is common.
        """
        names: dict[int, set[str]] = {}
        self._files: dict[int, Path] = {}
        reasons = []
        for path in dict.fromkeys(paths.values()):
            try:
                channels, frames = _contents(path)
            except UnreadableMedia as error:
                reasons.append(str(error))
                continue
            self._files[channels], names[channels] = path, frames
        if not self._files:
            raise UnreadableMedia("; ".join(reasons))
        self._planes = [name for name in _PLANE if name in paths and _STACK in self._files]
        if _COLOUR in self._files and not self._planes:
            self._files.pop(_STACK, None)
        common = set.intersection(*(names[channels] for channels in self._files))
        lost = len(set().union(*(names[channels] for channels in self._files))) - len(common)
        notes = [*reasons, *([f"{lost} frames are in one of the two files only"] if lost else [])]
        if _COLOUR not in self._files:
            notes.append(GREY_NOTE)
        super().__init__(sorted(common, key=natural_key), notes)

    @contextmanager
    def _open(self) -> Iterator[dict[int, h5py.File]]:
        with ExitStack() as stack:
            yield {channels: stack.enter_context(open_hdf5(path)) for channels, path in self._files.items()}

    def _read(self, handle: Any, index: int) -> Frame:
        name = self.names[index]
        arrays = {channels: read_values(_array(file, name, channels)) for channels, file in handle.items()}
        if _COLOUR in arrays:
            rgb = np.ascontiguousarray(arrays[_COLOUR].transpose(1, 2, 0))
        else:
            rgb = np.repeat(arrays[_STACK][0][:, :, None], 3, axis=2)
        planes = {plane: arrays[_STACK][_PLANE[plane]] for plane in self._planes}
        return Frame(index, -1.0, {"rgb": rgb, **planes}, name)


def _contents(path: Path) -> tuple[int, set[str]]:
    """Return the number of channels of a file's frames, and their names."""
    with open_hdf5(path) as file:
        names = {name for name in file if _FRAME.match(name)}
        if not names:
            raise UnreadableMedia(f"{path.name}: there is no group Frame_<number> in the file")
        reason = ""
        for name in sorted(names, key=natural_key):
            try:
                array = member(file, f"{name}/array", h5py.Dataset)
                channels = array.shape[0] if len(array.shape or ()) == 3 and array.shape[0] == _COLOUR else _STACK
                _array(file, name, channels)
            except UnreadableMedia as error:
                reason = reason or str(error)
                continue
            return channels, names
    raise UnreadableMedia(f"{path.name}: {reason}")


def _array(file: h5py.File, name: str, channels: int) -> h5py.Dataset:
    return require(member(file, f"{name}/array", h5py.Dataset), (channels, None, None), np.uint8)
