"""Read a store: cheap to open, safe across processes and threads."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from fasdata.errors import UserError
from fasdata.quality import COLUMNS as QUALITY
from fasdata.records import ClipRecord
from fasdata.store import frames_file, keys, shards, tables
from fasdata.store.columns import Columns
from fasdata.store.hashes import store_hash
from fasdata.store.info import StoreInfo
from fasdata.store.record_bytes import from_bytes

if TYPE_CHECKING:
    import numpy as np

_DIGITS = re.compile(r"(\d+)")
_REPAIR = "run 'fasdata store check --repair', then extract again"


class Store:
    """A dataset's extracted faces. Shards open on first use, in the process that uses them; never pickle it open."""

    def __init__(self, folder: Path, info: StoreInfo) -> None:
        self.folder, self.info = folder, info

    @classmethod
    def open(cls, folder: Path) -> Store:
        """Open the store at `folder`.

        Raises:
            UserError: there is none, or `store.json` is damaged or foreign.
        """
        return cls(folder, StoreInfo.read(folder))

    def __getstate__(self) -> dict[str, object]:
        return {"folder": self.folder, "info": self.info}

    @cached_property
    def _shard_of(self) -> dict[str, int]:
        if (self.folder / tables.CLIPS).is_file():
            columns = tables.read_columns(self.folder, "clip_id", "shard")
            return dict(zip(columns["clip_id"], columns["shard"], strict=True))
        return {record.clip.clip_id: shard for shard, record in tables.read_shards(self.folder)}

    @cached_property
    def _path_of(self) -> dict[int, Path]:
        return {shard: shards.shard_path(self.folder, shard) for shard in set(self._shard_of.values())}

    def clip_ids(self) -> list[str]:
        """Return all clip ids in natural order (`9` before `10`)."""
        return sorted(self._shard_of, key=natural)

    def records(self) -> Iterator[ClipRecord]:
        """Yield every clip record, in natural order of the clip ids."""
        for clip_id in self.clip_ids():
            yield self.record(clip_id)

    def columns(self) -> Columns:
        """Return what choosing frames needs of all clips: by `frames.parquet` where it is current, else by the records.

        Raises:
            UserError: a shard, or a record that is read, is damaged.
        """
        kept = self.kept_columns()
        if kept is not None:
            return kept
        return Columns.of((self._shard_of[clip_id], self.record(clip_id)) for clip_id in self.clip_ids())

    def kept_columns(self) -> Columns | None:
        """Return the columns that `frames.parquet` holds, None where it is not current.

        Raises:
            UserError: a shard is damaged.
        """
        if not (self.folder / tables.CLIPS).is_file():
            return None
        listed = tables.read_columns(self.folder, "clip_id", "content_hash", "shard")
        known = frames_file.current(self.folder, listed)
        if known is not None:
            ids = listed["clip_id"]
            known.order = sorted(range(len(ids)), key=lambda row: natural(ids[row]))
        return known

    def record(self, clip_id: str) -> ClipRecord:
        """Return one clip's record.

        Raises:
            UserError: the store has no such clip.
        """
        return from_bytes(self._get(clip_id, keys.clip_key(clip_id)), f"{clip_id} in {self.folder}", clip_id)

    def crop(self, clip_id: str, frame_index: int, modality: str = "rgb") -> np.ndarray:
        """Return a stored crop: RGB uint8 (h, w, 3), or the modality's own depth and channels.

        Raises:
            UserError: no such crop, or its bytes are no image.
        """
        from fasdata.store.codec import decode

        key = keys.crop_key(clip_id, frame_index, modality)
        try:
            return decode(self._get(clip_id, key.encode()))
        except ValueError as error:
            raise UserError(f"{key} in {self.folder} is damaged", found=str(error), do=_REPAIR) from None

    def frame_size(self, clip_id: str, frame_index: int) -> tuple[int, int] | None:
        """Return width and height of a source frame, upright; None where the store does not know the clip."""
        return self._odd_sizes.get((clip_id, frame_index)) or self._clip_sizes.get(clip_id)

    @cached_property
    def _clip_sizes(self) -> dict[str, tuple[int, int]]:
        if (self.folder / tables.CLIPS).is_file():
            ids, widths, heights = tables.read_columns(self.folder, "clip_id", "width", "height").values()
            return dict(zip(ids, zip(widths, heights, strict=True), strict=True))
        return {record.clip.clip_id: (record.width, record.height) for _, record in tables.read_shards(self.folder)}

    @cached_property
    def _odd_sizes(self) -> dict[tuple[str, int], tuple[int, int]]:
        """The sizes of the frames that have another one than their clip."""
        return tables.odd_sizes(self.folder, self._clip_sizes)

    def quality(self) -> dict[str, dict[str, float]]:
        """Return the median of each measure (`fasdata.quality.COLUMNS`) over a clip's stored frames, by clip.

        Raises:
            UserError: the index was made before they were measured, or is damaged.
        """
        return self._quality

    @cached_property
    def _quality(self) -> dict[str, dict[str, float]]:
        return tables.medians(self.folder, QUALITY)

    def content_hash(self) -> str:
        """Return the sha256 over all clips' content hashes; independent of shards, workers and order of writing."""
        if (self.folder / tables.CLIPS).is_file():
            columns = tables.read_columns(self.folder, "clip_id", "content_hash")
            hashes = dict(zip(columns["clip_id"], columns["content_hash"], strict=True))
        else:
            hashes = {record.clip.clip_id: record.content_hash for _, record in tables.read_shards(self.folder)}
        return store_hash(self.info.fingerprint, hashes)

    def _get(self, clip_id: str, key: bytes) -> bytes:
        shard = self._shard_of.get(clip_id)
        if shard is not None:
            with shards.reading(self._path_of[shard]) as transaction:
                value = transaction.get(key)
            if value is not None:
                return bytes(value)
        raise UserError(
            f"{key.decode()[:300]} is not in the store {self.folder}",
            found=f"{len(self._shard_of)} clips" if shard is None else "the clip, without that entry",
            do="extract the dataset again, or build the manifest again from this store",
        )


def natural(text: str) -> list[str | int]:
    """Return a sort key that puts `9` before `10`: text, number, text and so on, so that like is compared with like."""
    parts: list[str | int] = [*_DIGITS.split(text)]
    parts[1::2] = [int(str(digits)[-999:]) for digits in parts[1::2]]
    return parts
