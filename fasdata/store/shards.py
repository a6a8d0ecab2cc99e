"""LMDB files of a store: opened once a process, grown on demand."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import lmdb

from fasdata.errors import UserError

FOLDER = "shards"
FIRST_MAP = 64 << 20
_open_readers: dict[str, lmdb.Environment] = {}
_lock = threading.Lock()


def _drop_inherited() -> None:
    """A forked child must not use the parent's environments, and must forget them to open its own."""
    global _lock
    _lock = threading.Lock()
    inherited = list(_open_readers.values())
    _open_readers.clear()
    for env in inherited:
        env.close()


os.register_at_fork(after_in_child=_drop_inherited)


def shard_paths(folder: Path) -> list[Path]:
    """Return the shard files of a store in order."""
    return sorted((folder / FOLDER).glob("[0-9][0-9][0-9][0-9][0-9].lmdb"))


def shard_path(folder: Path, number: int) -> Path:
    """Return the file of shard `number`."""
    return folder / FOLDER / f"{number:05d}.lmdb"


def open_for_reading(path: Path) -> lmdb.Environment:
    """Return the environment of a shard, shared by all readers of this process.

    Raises:
        UserError: the file is not an LMDB file, or it is damaged.
    """
    key = str(path.resolve())
    with _lock:
        if key not in _open_readers:
            _open_readers[key] = _open_read_only(path)
        return _open_readers[key]


def close_readers(folder: Path) -> None:
    """Close this process's readers of a store (before it is written to, or removed)."""
    prefix = str((folder / FOLDER).resolve())
    with _lock:
        for key in [key for key in _open_readers if key.startswith(prefix)]:
            _open_readers.pop(key).close()


def _open_read_only(path: Path) -> lmdb.Environment:
    try:
        try:
            return _map(path, lock=True)
        except lmdb.Error as error:
            # A store on read-only media has no lock file to share, and needs none.
            if not any(word in str(error) for word in ("Read-only", "Permission")):
                raise
            return _map(path, lock=False)
    except lmdb.Error as error:
        raise UserError(
            f"the shard {path} cannot be read",
            expected="an LMDB file",
            found=str(error),
            do="restore it from a copy, or remove the whole store and extract again",
        ) from None


def _map(path: Path, *, lock: bool) -> lmdb.Environment:
    return lmdb.open(str(path), subdir=False, readonly=True, create=False, lock=lock, max_readers=512, readahead=False)
