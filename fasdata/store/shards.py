"""LMDB files of a store: opened once a process, and only after their pages have been found whole."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from stat import S_ISREG

import lmdb

from fasdata.errors import UserError
from fasdata.store import keys
from fasdata.store.lmdb_pages import DamagedPages, read_metas, require_whole

FOLDER = "shards"
# By device and inode: a shard that another process has replaced is another file, and none may be opened twice.
_open_readers: dict[tuple[int, int], tuple[Path, lmdb.Environment]] = {}
_lock = threading.Lock()


def _drop_inherited() -> None:
    """A forked child must not use the parent's environments, and must forget them to open its own."""
    global _lock
    _lock = threading.Lock()
    inherited = list(_open_readers.values())
    _open_readers.clear()
    for _, env in inherited:
        env.close()


os.register_at_fork(after_in_child=_drop_inherited)


def shard_paths(folder: Path) -> list[Path]:
    """Return the shard files of a store in order; one of 0 bytes, which a killed writer may leave, is none."""
    found = sorted((folder / FOLDER).glob("[0-9][0-9][0-9][0-9][0-9].lmdb"))
    return [path for path in found if path.stat().st_size]


def shard_path(folder: Path, number: int) -> Path:
    """Return the file of shard `number`."""
    return folder / FOLDER / f"{number:05d}.lmdb"


@contextmanager
def reading(path: Path) -> Iterator[lmdb.Transaction]:
    """Give a read transaction on a shard; its environment is shared by all readers of this process.

    Raises:
        UserError: the file is not an LMDB file of a store, it is damaged, or it is being written to.
    """
    env = _opened(path)
    try:
        transaction = env.begin()
    except lmdb.MapResizedError:
        raise UserError(
            f"the shard {path} has grown since it was opened",
            found="another process that writes to the store",
            do="wait for it to end and run this again",
        ) from None
    with transaction:
        yield transaction


def entries(transaction: lmdb.Transaction, prefix: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yield the entries whose key begins with `prefix`, in key order."""
    with transaction.cursor() as cursor:
        found = cursor.set_range(prefix)
        while found and bytes(cursor.key()).startswith(prefix):
            yield bytes(cursor.key()), bytes(cursor.value())
            found = cursor.next()


def close_readers(folder: Path) -> None:
    """Close this process's readers of a store (before it is written to, or removed)."""
    place = (folder / FOLDER).resolve()
    with _lock:
        for key in [key for key, (path, _) in _open_readers.items() if path.parent == place]:
            _open_readers.pop(key)[1].close()


def damaged(path: Path, found: str) -> UserError:
    """Return the error for a shard that cannot be used."""
    return UserError(
        f"the shard {path} cannot be read",
        expected="an LMDB file of a store",
        found=found,
        do="restore it from a copy, or run 'fasdata store check --repair' and extract again",
    )


def _opened(path: Path) -> lmdb.Environment:
    try:
        found = os.stat(path)  # noqa: PTH116 - for every crop that is read
    except FileNotFoundError:
        raise damaged(path, "no such file") from None
    if not S_ISREG(found.st_mode):
        raise damaged(path, "no file")
    key = found.st_dev, found.st_ino
    with _lock:
        if key not in _open_readers:
            place = path.resolve()
            for stale in [stale for stale, (other, _) in _open_readers.items() if other == place]:
                _open_readers.pop(stale)[1].close()
            _open_readers[key] = place, _open_read_only(path)
        return _open_readers[key][1]


def _open_read_only(path: Path) -> lmdb.Environment:
    env = None
    try:
        read_metas(path)
        try:
            env = _map(path, lock=True)
        except lmdb.Error as error:
            # A store on read-only media has no lock file to share, and needs none.
            if not any(word in str(error) for word in ("Read-only", "Permission")):
                raise
            env = _map(path, lock=False)
        with env.begin() as transaction:  # keeps the pages that are looked at from being written over meanwhile
            require_whole(path, transaction.id())
            _require_ours(transaction)
    except (lmdb.Error, DamagedPages) as error:
        if env is not None:
            env.close()
        raise damaged(path, str(error)) from None
    return env


def _require_ours(transaction: lmdb.Transaction) -> None:
    """A shard holds crops and clips only: the first and the last key of another application are not theirs."""
    cursor = transaction.cursor()
    for found in (cursor.first(), cursor.last()):
        if found and not bytes(cursor.key()).startswith((keys.CLIP, keys.CROP)):
            raise DamagedPages(f"the key {bytes(cursor.key())[:40]!r} of another application")


def _map(path: Path, *, lock: bool) -> lmdb.Environment:
    return lmdb.open(str(path), subdir=False, readonly=True, create=False, lock=lock, max_readers=512, readahead=False)
