"""Write a pack: images first, then the records that say where they are."""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from types import TracebackType

import numpy as np

from fasdata.claims import claim
from fasdata.errors import UserError
from fasdata.packs.info import FILE, PackInfo
from fasdata.packs.pack import IMAGES, INDEX, RECORD, read_index
from fasdata.records import MODALITIES
from fasdata.store.atomic import is_temporary

SYNC_AFTER = 64 << 20  # bytes of images between two syncs


class PackWriter:
    """Adds frames to a pack; after a crash a new writer continues from the last safe record.

    A pack of another version of the view's geometry is removed and begun anew.

    Raises:
        UserError: the folder holds another pack, another codec, or other files; another process is writing.
    """

    def __init__(self, folder: Path, info: PackInfo, n_rows: int) -> None:
        self.folder = folder
        _require_fit(folder, info)
        folder.mkdir(parents=True, exist_ok=True)
        self._lock = claim(folder / _LOCK, f"another process is writing the pack {folder}")
        try:
            _require_fit(folder, info)  # again, now that no other process can have begun one
            if (folder / FILE).is_file() and PackInfo.read(folder).outdated:
                # The description goes last: after a crash in between, the pack is still one to be made anew.
                for name in (INDEX, IMAGES, FILE):
                    (folder / name).unlink(missing_ok=True)
            if not (folder / FILE).is_file():
                info.write(folder)
            images = folder / IMAGES
            records = read_index(folder, n_rows, images.stat().st_size if images.is_file() else 0)
        except BaseException:
            self._lock.close()
            raise
        self.done = frozenset(records["row"].tolist())
        self._end = int((records["offset"] + records["length"]).max()) if len(records) else 0
        self._images = images.open("ab")
        self._images.truncate(self._end)
        self._index = (folder / INDEX).open("ab")
        self._index.truncate(len(records) * RECORD.itemsize)
        self._waiting: list[np.ndarray] = []
        self._unsafe = 0

    def __enter__(self) -> PackWriter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if not isinstance(error, OSError):
                self._make_safe()
        finally:
            for file in (self._index, self._images, self._lock):
                with suppress(OSError):  # a full disk refuses what is still buffered; no record points to it
                    file.close()

    def add(self, row: int, images: Mapping[str, bytes], outside: float) -> None:
        """Append the encoded images (by modality) of a manifest row."""
        record = np.zeros((), RECORD)
        record["row"], record["outside"] = row, outside
        for name, data in images.items():
            m = MODALITIES.index(name)
            record["offset"][m], record["length"][m] = self._end, len(data)
            self._images.write(data)
            self._end += len(data)
            self._unsafe += len(data)
        self._waiting.append(record)
        if self._unsafe >= SYNC_AFTER:
            self._make_safe()

    def _make_safe(self) -> None:
        """Sync the images to disk, then write the records that point to them."""
        self._images.flush()
        os.fsync(self._images.fileno())
        self._index.write(b"".join(record.tobytes() for record in self._waiting))
        self._index.flush()
        os.fsync(self._index.fileno())
        self._waiting, self._unsafe = [], 0


def _require_fit(folder: Path, info: PackInfo) -> None:
    """Stop where the folder holds another pack, or files that are no pack."""
    if not (folder / FILE).is_file():
        files = folder.iterdir() if folder.is_dir() else ()
        strangers = sorted(path.name for path in files if path.name != _LOCK and not is_temporary(path))
        if strangers:
            raise UserError(f"{folder} holds no pack", found=strangers[0], do="remove it")
        return
    there = PackInfo.read(folder)
    if not there.outdated:
        info.require_same(there, folder)


_LOCK = "writer.lock"
