"""Folders of images, one a modality, and single images."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from fasdata.datasets.naming import natural_key
from fasdata.media.frame import Frame, UnreadableMedia
from fasdata.media.indexed import IndexedSource
from fasdata.media.still import SUFFIXES, read_still
from fasdata.records import MODALITIES


class StillsSource(IndexedSource):
    """A clip whose modalities are folders of images, or one image each.

    Frames are matched over the modalities by file name (without extension) and put in natural order; those that not
    every modality has are left out and counted in `notes`. A modality without any image is absent: noted, and the
    others stand. A clip given as files is one frame.
    """

    def __init__(self, paths: Mapping[str, Path]) -> None:
        """List the images; none is decoded.

        Raises:
            UnreadableMedia: no colour image, or no frame that all modalities have.
        """
        listed = {name: _images(paths[name]) for name in MODALITIES if name in paths}
        found = {name: {frame: files[0] for frame, files in images.items()} for name, images in listed.items()}
        notes = [f"{name}: absent, there is no image" for name, images in found.items() if not images]
        for name, images in listed.items():
            double = sum(len(files) > 1 for files in images.values())
            if double:
                notes.append(
                    f"{name}: {double} frames are there in several formats, of which the first by name is taken"
                )
        self._files = {name: images for name, images in found.items() if images}
        if "rgb" not in self._files:
            raise UnreadableMedia("; ".join(("there is no colour image", *notes)))
        common = set.intersection(*(set(images) for images in self._files.values()))
        for name in self._files:
            others = set().union(*self._files.values()) - set(self._files[name])
            if others:
                notes.append(f"{name}: {len(others)} frames lack it and are left out")
        super().__init__(sorted(common, key=natural_key), notes)

    def _read(self, handle: Any, index: int) -> Frame:
        name = self.names[index]
        return Frame(index, -1.0, {mod: read_still(files[name], mod) for mod, files in self._files.items()}, name)


def _images(path: Path) -> dict[str, list[Path]]:
    """Return the images below `path` by name without extension; a single file goes by the empty name."""
    if not path.is_dir():
        return {"": [path]} if path.is_file() else {}
    found: dict[str, list[Path]] = {}
    for file in sorted(file for file in path.iterdir() if file.suffix.lower() in SUFFIXES and file.name[0] != "."):
        found.setdefault(_spelt(file.stem), []).append(file)
    return found


def _spelt(name: str) -> str:
    """A file's name as text that can be stored: bytes that are no UTF-8 are spelt out."""
    return name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
