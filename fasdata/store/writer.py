"""The one writer of a store: a clip's record and all its crops in one transaction."""

from __future__ import annotations

import fcntl
import hashlib
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from types import TracebackType

import lmdb

from fasdata.errors import UserError
from fasdata.records import Clip, ClipRecord, clip_record_to_json
from fasdata.store import keys, shards, tables
from fasdata.store.info import FILE, StoreInfo, canonical_json

SHARD_BYTES = 2 << 30


class StoreWriter:
    """Adds clips to a store; what it has returned from `add` survives a crash.

    A shard's map doubles when it is full and a new shard starts once the current one passes `shard_bytes`. A second
    writer is refused. The derived tables are removed at the start and written anew by `close`.
    """

    def __init__(
        self, folder: Path, info: StoreInfo, *, shard_bytes: int = SHARD_BYTES, first_map: int = shards.FIRST_MAP
    ) -> None:
        """Create the store or continue it.

        Raises:
            UserError: it was made with another configuration, or somebody else is writing to it.
        """
        self.folder, self.info = folder, info
        self._shard_bytes, self._first_map = shard_bytes, first_map
        if (folder / FILE).is_file():
            StoreInfo.read(folder).require_same(info, folder)
        elif folder.is_dir() and any(folder.iterdir()) and not _only_lock(folder):
            raise UserError(
                f"{folder} is not empty and holds no store",
                found=next(path.name for path in folder.iterdir()),
                do="give another --out",
            )
        (folder / shards.FOLDER).mkdir(parents=True, exist_ok=True)
        self._lock = _lock_writer(folder)
        if not (folder / FILE).is_file():
            info.write(folder)
        shards.close_readers(folder)
        tables.remove(folder)
        self._shard_of: dict[str, int] = {}
        self.done: dict[str, str] = {}  # clip_id -> status
        self.clips: dict[str, Clip] = {}  # what each stored clip was taken to mean
        for path in shards.shard_paths(folder):
            for record in tables.read_shard(path):
                self.done[record.clip.clip_id] = record.status
                self.clips[record.clip.clip_id] = record.clip
                self._shard_of[record.clip.clip_id] = int(path.stem)
        shards.close_readers(folder)
        existing = shards.shard_paths(folder)
        self._number = int(existing[-1].stem) if existing else 0
        self._env: lmdb.Environment | None = None

    def __enter__(self) -> StoreWriter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close(finish=kind is None)

    def add(self, record: ClipRecord, crops: Mapping[str, bytes]) -> ClipRecord:
        """Write a clip and its crops (key text to encoded image) and return the record with its content hash.

        A clip that failed before is replaced.

        Raises:
            UserError: the disk is full; nothing of this clip was written.
            ValueError: the clip is already in the store.
        """
        clip_id = record.clip.clip_id
        if self.done.get(clip_id, "failed") != "failed":
            raise ValueError(f"clip {clip_id} is already in the store")
        if self._shard_of.get(clip_id, self._number) != self._number:
            self._elsewhere(clip_id, {keys.clip_key(clip_id): None})  # the failure lies in an older shard
        record = replace(record, pixel_hash=pixel_hash(crops))
        record = replace(record, content_hash=content_hash(record))
        values: dict[bytes, bytes | None] = {key.encode(): value for key, value in crops.items()}
        values[keys.clip_key(clip_id)] = canonical_json(clip_record_to_json(record)).encode()
        self._write(values)
        self.done[clip_id], self._shard_of[clip_id] = record.status, self._number
        self.clips[clip_id] = record.clip
        return record

    def describe(self, clip: Clip) -> None:
        """Give a stored clip the meaning that its path and the list files have now; its crops stay as they are."""
        shard = shards.shard_path(self.folder, self._shard_of[clip.clip_id])
        self._switch_to(self._shard_of[clip.clip_id])
        with self._shard(roll=False).begin() as transaction:
            record = tables.parse_record(
                transaction.get(keys.clip_key(clip.clip_id)) or b"", f"{clip.clip_id} in {shard}"
            )
        record = replace(record, clip=clip)
        record = replace(record, content_hash=content_hash(record))
        body = canonical_json(clip_record_to_json(record)).encode()
        self._elsewhere(clip.clip_id, {keys.clip_key(clip.clip_id): body})
        self.clips[clip.clip_id] = clip

    def close(self, *, finish: bool = True) -> None:
        """Close the shards and, when `finish`, write the derived tables."""
        if self._env is not None:
            self._env.close()
            self._env = None
        if finish:
            tables.rebuild(self.folder)
        shards.close_readers(self.folder)
        self._lock.close()

    def _write(self, values: Mapping[bytes, bytes | None], *, roll: bool = True) -> None:
        """Put (or, where the value is None, delete) all of `values` in one transaction."""
        while True:
            env = self._shard(roll=roll)
            try:
                with env.begin(write=True) as transaction:
                    for key, value in values.items():
                        if value is None:
                            transaction.delete(key)
                        else:
                            transaction.put(key, value)
                return
            except lmdb.MapFullError:
                env.set_mapsize(2 * env.info()["map_size"])
            except lmdb.Error as error:
                raise UserError(
                    f"the store {self.folder} cannot be written",
                    found=str(error),
                    do="free some space and run the same command again: finished clips are kept",
                ) from None

    def _elsewhere(self, clip_id: str, values: Mapping[bytes, bytes | None]) -> None:
        """Write to the shard that a stored clip lies in, then go back to the last one."""
        self._switch_to(self._shard_of[clip_id])
        self._write(values, roll=False)
        self._switch_to(max(int(path.stem) for path in shards.shard_paths(self.folder)))

    def _switch_to(self, number: int) -> None:
        if number != self._number and self._env is not None:
            self._env.close()
            self._env = None
        self._number = number

    def _shard(self, *, roll: bool = True) -> lmdb.Environment:
        if roll and self._env is not None and self._used() > self._shard_bytes:
            self._switch_to(self._number + 1)
        if self._env is None:
            path = shards.shard_path(self.folder, self._number)
            size = max(self._first_map, path.stat().st_size * 2 if path.exists() else 0)
            try:
                self._env = lmdb.open(str(path), subdir=False, map_size=size, max_readers=512, readahead=False)
            except lmdb.Error as error:
                raise UserError(f"the shard {path} cannot be opened for writing", found=str(error)) from None
        return self._env

    def _used(self) -> int:
        assert self._env is not None
        return (self._env.info()["last_pgno"] + 1) * self._env.stat()["psize"]


def pixel_hash(crops: Mapping[str, bytes]) -> str:
    """Return the sha256 over a clip's crops by frame and modality, "" when it has none; the clip's name is left out."""
    placed = sorted((keys.crop_place(key), hashlib.sha256(value).hexdigest()) for key, value in crops.items())
    return hashlib.sha256(canonical_json(placed).encode()).hexdigest() if placed else ""


def content_hash(record: ClipRecord) -> str:
    """Return the sha256 over a clip's record, its pixel hash included: equal content, equal hash, in any shard."""
    body = clip_record_to_json(replace(record, content_hash=""))
    return hashlib.sha256(canonical_json(body).encode()).hexdigest()


def _only_lock(folder: Path) -> bool:
    return {path.name for path in folder.iterdir()} <= {"writer.lock", shards.FOLDER}


def _lock_writer(folder: Path):  # type: ignore[no-untyped-def]
    handle = (folder / "writer.lock").open("a")
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        handle.close()
        raise UserError(
            f"another process is writing to the store {folder}",
            expected="one writer",
            do="wait for it to end, or stop it",
        ) from None
    return handle
