"""Write a store, one writer at a time: a clip's record and all its crops in one transaction."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Any

from fasdata.errors import UserError
from fasdata.records import Clip, ClipRecord
from fasdata.store import deriving, keys, shards, tables, writer_lock
from fasdata.store.atomic import sweep
from fasdata.store.group import Group
from fasdata.store.hashes import digest, sealed
from fasdata.store.info import FILE, StoreInfo
from fasdata.store.record_bytes import from_bytes, to_bytes
from fasdata.store.shard_writer import FIRST_MAP, SHARD_BYTES, ShardWriter


class StoreWriter:
    """Adds clips to a store; a change survives a crash once `flush` or `close` has returned.

    `add`, `extend` and `describe` commit in groups (`fasdata.store.group`), `remove` at once.
    A second writer is refused. From the first change on the store is marked as unfinished and its derived tables are
    gone; `close` writes them anew. `done` gives the status of every stored clip, `clips` its description, `rules` the
    frame rules whose frames it has.
    """

    def __init__(
        self,
        folder: Path,
        info: StoreInfo,
        *,
        shard_bytes: int = SHARD_BYTES,
        first_map: int = FIRST_MAP,
        extracts: bool = True,
    ) -> None:
        """Create the store or continue it; frame rules and devices that it lacks are added to its description.

        A writer that `extracts` nothing leaves the mark of a repair, whose lost clips are still missing, when it ends.

        Raises:
            UserError: it was made with another configuration, is damaged, or another process is writing to it.
        """
        self.folder, self._extracts = folder, extracts
        if (folder / FILE).is_file():
            StoreInfo.read(folder).require_same(info, folder)
        elif folder.is_dir() and (foreign := _foreign(folder)):
            raise UserError(f"{folder} is not empty and holds no store", found=foreign, do="give another --out")
        (folder / shards.FOLDER).mkdir(parents=True, exist_ok=True)
        self._lock = writer_lock.lock_writer(folder)
        try:
            sweep(folder)
            sweep(folder / shards.FOLDER)
            shards.close_readers(folder)
            before = StoreInfo.read(folder) if (folder / FILE).is_file() else None
            if before is not None:
                before.require_same(info, folder)  # another process may have made it since
            self.info = (before or info).widened(info)
            self._changed = False
            self._shards = ShardWriter(folder, shard_bytes=shard_bytes, first_map=first_map)
            self._group = Group(self._shards)
            self._shard_of: dict[str, int] = {}
            self._to_compact: set[int] = set()
            self.done: dict[str, str] = {}
            self.clips: dict[str, Clip] = {}
            self.rules: dict[str, frozenset[str]] = {}
            self._ways: dict[str, str] = {}
            self._same_rules: dict[frozenset[str], frozenset[str]] = {}  # one set for the many clips that share it
            self._read()
            if self.info != before:
                self._change()
                self.info.write(folder)
        except BaseException:
            self._lock.close()
            raise

    def __enter__(self) -> StoreWriter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close(finish=kind is None)

    def add(self, record: ClipRecord, crops: Mapping[str, bytes]) -> ClipRecord:
        """Write a clip and its crops (key text to encoded image) and return the record with its hashes.

        A clip that failed before is replaced.

        Raises:
            UserError: the disk is full; nothing was written of this clip, nor of those that waited for their commit.
            ValueError: the clip is already in the store, or its crops are not those of its record.
        """
        clip_id = record.clip.clip_id
        if self.done.get(clip_id, "failed") != "failed":
            raise ValueError(f"clip {clip_id} is already in the store")
        return self._put(record, crops, {})

    def extend(self, record: ClipRecord, crops: Mapping[str, bytes]) -> ClipRecord:
        """Write the wider record of a stored clip with its new crops, and return it with its hashes.

        Crops that the store has and the record still names stay as they are, unless given anew.

        Raises:
            UserError: the disk is full; the clip stays as it was, as do those that waited for their commit.
            ValueError: the store has no such clip, or a crop of the record is neither there nor given.
        """
        clip_id = record.clip.clip_id
        if clip_id not in self.done:
            raise ValueError(f"clip {clip_id} is not in the store")
        return self._put(record, crops, self._stored_crops(clip_id))

    def flush(self) -> None:
        """Commit what waits for it.

        Raises:
            UserError: the disk is full; the clips that waited stay as they were.
        """
        self._group.flush()

    def describe(self, clip: Clip) -> None:
        """Replace the description of a stored clip; its crops stay as they are."""
        self._put(replace(self.record(clip.clip_id), clip=clip), {}, self._stored_crops(clip.clip_id))

    def remove(self, clip_id: str) -> None:
        """Remove a clip with all its crops; `close` removes their bytes from the file too.

        Raises:
            ValueError: the store has no such clip.
        """
        if clip_id not in self.done:
            raise ValueError(f"clip {clip_id} is not in the store")
        self._erase(self._shard_of[clip_id], [clip_id])
        for by_clip in self._by_clip():
            del by_clip[clip_id]

    def remove_strays(self, clip_ids: Collection[str]) -> None:
        """Remove crops of clips that have no record (any more), wherever they lie."""
        for path in shards.shard_paths(self.folder):
            self._erase(int(path.stem), clip_ids)

    def _erase(self, shard: int, clip_ids: Collection[str]) -> None:
        self.flush()
        with self._shards.read(shard) as transaction:
            entries = [key for clip_id in clip_ids for key in shards.keys_of(transaction, clip_id)]
        if entries:
            self._shards.require_sound(shard)
            self._change(compact=shard)
            self._shards.write(shard, dict.fromkeys(entries))

    def record(self, clip_id: str) -> ClipRecord:
        """Return a stored clip's record.

        Raises:
            KeyError: the store has no such clip.
        """
        shard = self._shard_of[clip_id]
        self._settle(clip_id)
        with self._shards.read(shard) as transaction:
            value = bytes(transaction.get(keys.clip_key(clip_id)) or b"")
        return from_bytes(value, f"{clip_id} in {shards.shard_path(self.folder, shard)}", clip_id)

    def by_shard(self, clips: Iterable[Clip]) -> list[Clip]:
        """Return stored clips in the order of their shards, so that reading them one by one opens each shard once."""
        return sorted(clips, key=lambda clip: self._shard_of[clip.clip_id])

    def close(self, *, finish: bool = True) -> None:
        """Commit, close the shards and, with `finish`, compact those that lost a clip and write the derived tables."""
        try:
            self.flush()
            if finish and (self._changed or not tables.present(self.folder)):
                self._change()
                for shard in sorted(self._to_compact):
                    self._shards.compact(shard)
                self._shards.close()
                self._count_ways()
                deriving.rebuild(self.folder)
                writer_lock.clear_mark(self.folder, keep_lost=not self._extracts)
        finally:
            self._shards.close()
            shards.close_readers(self.folder)
            self._lock.close()

    def _read(self) -> None:
        """Read every record of the store; a damaged shard is refused."""
        for path in shards.shard_paths(self.folder):
            for record in tables.read_shard(path):
                self._remember(record, int(path.stem))
        shards.close_readers(self.folder)
        to_compact = writer_lock.interrupted(self.folder)
        if to_compact is not None:
            self._changed, self._to_compact = True, to_compact
            tables.remove(self.folder)

    def _remember(self, record: ClipRecord, shard: int) -> Callable[[], None]:
        """Take up what is known of a clip; return what takes it back."""
        clip_id, rules = record.clip.clip_id, frozenset(record.selections)
        before = [(by_clip, by_clip.get(clip_id)) for by_clip in self._by_clip()]
        self.done[clip_id], self.clips[clip_id], self._shard_of[clip_id] = record.status, record.clip, shard
        self._ways[clip_id] = record.way
        self.rules[clip_id] = self._same_rules.setdefault(rules, rules)

        def take_back() -> None:
            for by_clip, value in before:
                if value is None:
                    by_clip.pop(clip_id, None)
                else:
                    by_clip[clip_id] = value

        return take_back

    def _count_ways(self) -> None:
        ways = dict(sorted(Counter(way for way in self._ways.values() if way).items()))
        if ways != self.info.videos_read:
            self.info = replace(self.info, videos_read=ways)
            self.info.write(self.folder)

    def _by_clip(self) -> tuple[dict[str, Any], ...]:
        return self.done, self.clips, self.rules, self._ways, self._shard_of

    def _settle(self, clip_id: str) -> None:
        """Commit a clip that waits for it: it is about to be read."""
        if clip_id in self._group:
            self.flush()

    def _stored_crops(self, clip_id: str) -> dict[str, str]:
        """Return the sha256 of each crop that the store has of a clip, by key text."""
        self._settle(clip_id)
        with self._shards.read(self._shard_of[clip_id]) as transaction:
            stored = shards.entries(transaction, keys.crop_prefix(clip_id))
            return {key.decode(errors="replace"): digest(value) for key, value in stored}

    def _put(self, record: ClipRecord, crops: Mapping[str, bytes], stored: Mapping[str, str]) -> ClipRecord:
        """Write a clip in one transaction: its record and new crops, and delete stored crops that it no longer has."""
        clip_id = record.clip.clip_id
        digests = {**stored, **{key: digest(value) for key, value in crops.items()}}
        expected = set(keys.crop_keys(record))
        if not digests.keys() >= expected or not crops.keys() <= expected:
            wrong = sorted(expected - digests.keys()) or sorted(crops.keys() - expected)
            if clip_id in self.done and wrong[0] in set(keys.crop_keys(self.record(clip_id))) - digests.keys():
                path = shards.shard_path(self.folder, self._shard_of[clip_id])
                raise shards.damaged(path, f"a clip without its crop {wrong[0]}")
            raise ValueError(f"the crops of clip {clip_id} are not those of its record: {wrong[0]}")
        record = sealed(record, {key: digests[key] for key in expected})
        values: dict[bytes, bytes | None] = {key.encode(): value for key, value in crops.items()}
        values.update({key.encode(): None for key in stored.keys() - expected})
        values[keys.clip_key(clip_id)] = to_bytes(record)
        is_new = clip_id not in self._shard_of
        shard = self._shards.last(self._group.size_in) if is_new else self._shard_of[clip_id]
        if not is_new:
            self._shards.require_sound(shard)
        self._change()
        self._group.add(shard, clip_id, values, self._remember(record, shard))
        return record

    def _change(self, *, compact: int | None = None) -> None:
        """Mark the store as unfinished and remove its tables; `compact` is a shard that holds removed bytes."""
        if self._changed and compact in (None, *self._to_compact):
            return
        self._to_compact.update(() if compact is None else (compact,))
        writer_lock.mark_unfinished(self.folder, self._to_compact)
        if not self._changed:
            tables.remove(self.folder)
        self._changed = True


def _foreign(folder: Path) -> str:
    """Return a file that no store has, "" when there is none."""
    ours = {writer_lock.LOCK, writer_lock.UNFINISHED, shards.FOLDER}
    return next((path.name for path in folder.iterdir() if path.name not in ours and path.suffix != ".tmp"), "")
