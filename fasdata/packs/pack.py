"""Read a pack: where each of its images lies, and the images themselves."""

from __future__ import annotations

import os
import weakref
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from fasdata.errors import UserError
from fasdata.packs.info import PackInfo
from fasdata.records import MODALITIES

if TYPE_CHECKING:
    from fasdata.manifests import Manifest


IMAGES = "images.bin"
INDEX = "index.bin"
# The records of `index.bin`, written only after their images are safe on disk: one a frame, with its row in the
# manifest and the offset and length of each modality's bytes (length 0 = it has none).
# `outside` is the share of the view that lies past the stored region.
RECORD = np.dtype(
    [
        ("row", "<u4"),
        ("outside", "<f4"),
        ("offset", "<u8", (len(MODALITIES),)),
        ("length", "<u4", (len(MODALITIES),)),
    ]
)


def read_index(folder: Path, n_rows: int, data_bytes: int) -> np.ndarray:
    """Return the records of `index.bin`; a record that was cut off at the end is left out.

    `n_rows` are the rows of the manifest, `data_bytes` the size of the images' file.

    Raises:
        UserError: a record points out of the file or to no row, or a row has two.
    """
    path = folder / INDEX
    try:
        records = np.fromfile(path, RECORD, path.stat().st_size // RECORD.itemsize)
    except FileNotFoundError:
        return np.empty(0, RECORD)
    ends = records["offset"].astype(np.float64) + records["length"]  # no overflow, whatever is written there
    rows = records["row"]
    if len(rows) and (ends.max() > data_bytes or rows.max() >= n_rows or len(np.unique(rows)) < len(rows)):
        raise UserError(
            f"{path} is damaged, or images are missing from the file beside it",
            expected=f"{int(ends.max())} bytes of images for {n_rows} rows",
            found=f"{data_bytes} bytes",
            do=f"remove {folder} and pack again",
        )
    return records


class Pack:
    """The views of a manifest's frames, by row of the manifest. Reading is safe from several threads.

    Files are read, never mapped: memory stays flat, and a file cut short is an error and not a crash.
    """

    def __init__(self, folder: Path, info: PackInfo, n_rows: int) -> None:
        self.folder, self.info = folder, info
        self._raw = info.codec == "raw"
        path = folder / IMAGES
        records = read_index(folder, n_rows, path.stat().st_size if path.is_file() else 0)
        self._place = np.full(n_rows, -1, np.int32)
        self._place[records["row"]] = np.arange(len(records))
        # Columns of their own: a record array would be unpacked field by field at every look.
        self._where = {
            name: (records["offset"][:, m].copy(), records["length"][:, m].copy()) for m, name in enumerate(MODALITIES)
        }
        self._kinds = _kinds(info.view.size)
        if self._raw:
            self._check_lengths()
        self._file = os.open(path, os.O_RDONLY | os.O_CLOEXEC) if len(records) else -1
        weakref.finalize(self, _close, self._file)

    @classmethod
    def open(cls, folder: Path, manifest: Manifest) -> Pack:
        """Open a pack of this manifest.

        Raises:
            UserError: there is no pack, it was made from something else or by another geometry, or it is damaged.
        """
        info = PackInfo.read(folder)
        if info.outdated:
            raise UserError(
                f"the pack {folder} holds views of another geometry",
                expected=f"version {info.view.geometry_version} of the geometry of {info.view}",
                found=f"version {info.geometry}",
                do="run the same 'fasdata pack' again: it is made anew",
            )
        different = PackInfo.of(manifest, info.view, info.codec).differences(info)
        if different:
            raise UserError(
                f"the pack {folder} is not of this manifest",
                expected=f"{manifest.meta['canonical']} in recipe {manifest.meta['recipe']['name']}, as built now",
                found=", ".join(different),
                do="remove it and pack again",
            )
        return cls(folder, info, manifest.table.num_rows)

    def holds(self, rows: np.ndarray) -> np.ndarray:
        """Return for each of these manifest rows whether the pack has it."""
        held: np.ndarray = self._place[rows] >= 0
        return held

    def require(self, rows: np.ndarray, part: str) -> None:
        """Check that the pack has all of these rows of a part.

        Raises:
            UserError: some are missing.
        """
        lacking = int((~self.holds(rows)).sum())
        if lacking:
            raise UserError(
                f"the pack {self.folder} does not hold all of the part {part}",
                expected=f"{len(rows)} frames",
                found=f"{len(rows) - lacking}",
                do="run the same 'fasdata pack' again, without --parts",
            )

    def image(self, row: int, modality: str) -> np.ndarray:
        """Return the view of a manifest row: uint8 (S,S,3), or (S,S) with the bits of the store.

        Raises:
            UserError: the pack does not hold it, or its bytes are no image of that size.
        """
        place, (offsets, lengths) = self._place[row], self._where[modality]
        length = int(lengths[place]) if place >= 0 else 0
        if not length:
            raise UserError(f"the pack {self.folder} has no {modality} of row {row}", do="pack again")
        read = self._read_raw if self._raw else self._read_encoded
        return read(modality, int(offsets[place]), length)

    def read_into(self, rows: np.ndarray, modality: str, block: np.ndarray) -> bool | None:
        """Read the views of some rows into `block`, one after the other; return whether all are of its shape and bits.

        None: they have to be read one by one, because they are encoded, or one is not there.

        Raises:
            UserError: the file ends too early.
        """
        places = self._place[rows]
        offsets, lengths = self._where[modality]
        wanted = lengths[places]
        if not self._raw or places.min(initial=0) < 0 or not wanted.all():
            return None
        of_one = self._kinds.get((modality == "rgb", int(wanted[0]))) if len(wanted) else None
        if of_one != (block.shape[1:], block.dtype) or (wanted != wanted[0]).any():
            return False
        length = int(wanted[0])
        for place, offset in zip(block, offsets[places].tolist(), strict=True):
            if os.preadv(self._file, [place.data], offset) != length:
                raise self._damaged("ends too early")
        return True

    def _read_raw(self, modality: str, offset: int, length: int) -> np.ndarray:
        image = np.empty(*self._kinds[modality == "rgb", length])
        if os.preadv(self._file, [image.data], offset) != length:
            raise self._damaged("ends too early")
        return image

    def _read_encoded(self, modality: str, offset: int, length: int) -> np.ndarray:
        from fasdata.store.codec import decode

        try:
            image = decode(os.pread(self._file, length, offset))
        except ValueError as error:
            raise self._damaged(str(error)) from None
        if image.shape[:2] != (self.info.view.size,) * 2 or (image.ndim == 3) != (modality == "rgb"):
            raise self._damaged(f"an image of shape {image.shape}")
        return image

    def _check_lengths(self) -> None:
        for name, (_, lengths) in self._where.items():
            known = [length for coloured, length in self._kinds if coloured == (name == "rgb")]
            if not np.isin(lengths, [0, *known]).all():
                raise self._damaged(f"{name} images of another size")

    def _damaged(self, problem: str) -> UserError:
        return UserError(f"the pack {self.folder} is damaged", found=problem, do="remove it and pack again")


def _close(file: int) -> None:
    if file >= 0:
        os.close(file)


def _kinds(size: int) -> dict[tuple[bool, int], tuple[tuple[int, ...], np.dtype]]:
    """Return shape and type of raw pixels, by (whether rgb, number of bytes)."""
    pixels, byte, word = size * size, np.dtype(np.uint8), np.dtype("<u2")
    return {
        (True, 3 * pixels): ((size, size, 3), byte),
        (False, pixels): ((size, size), byte),
        (False, 2 * pixels): ((size, size), word),
    }
