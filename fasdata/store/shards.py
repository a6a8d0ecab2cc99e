"""The LMDB files of a store: opened once a process, and only after their pages have been checked."""

from __future__ import annotations

import errno
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from stat import S_ISREG

import lmdb

from fasdata.errors import UserError
from fasdata.store import keys
from fasdata.store.lmdb_format import DamagedPages, read_metas
from fasdata.store.lmdb_pages import Seen, require_intact

FOLDER = "shards"
# By device and inode: a shard that another process has replaced is another file, and no file may be opened twice.
_open_readers: dict[tuple[int, int], tuple[Path, lmdb.Environment, int]] = {}
_lock = threading.Lock()


def _drop_inherited() -> None:
    """Close what a forked child inherits: it must not use the parent's environments, and opens its own."""
    global _lock
    _lock = threading.Lock()
    inherited = list(_open_readers.values())
    _open_readers.clear()
    for _, env, _ in inherited:
        env.close()


os.register_at_fork(after_in_child=_drop_inherited)


def shard_paths(folder: Path) -> list[Path]:
    """Return the shard files of a store in order, without files of 0 bytes, which a killed writer may leave."""
    paths = sorted((folder / FOLDER).glob("[0-9][0-9][0-9][0-9][0-9].lmdb"))
    return [path for path in paths if path.stat().st_size]


def shard_path(folder: Path, number: int) -> Path:
    """Return the file of shard `number`."""
    return folder / FOLDER / f"{number:05d}.lmdb"


@contextmanager
def reading(path: Path) -> Iterator[lmdb.Transaction]:
    """Give a read transaction on a shard; its environment is shared by all readers of this process.

    Raises:
        UserError: the file is not an LMDB file of a store, it is damaged, or it is being written to; also for what LMDB
            finds while the transaction is read.
    """
    try:
        with _opened(path).begin() as transaction:
            yield transaction
    except lmdb.Error as error:
        raise unreadable(path, error) from None


def require_sound(path: Path, *, seconds: float = float("inf")) -> Seen:
    """Check a shard more closely than opening it does: the order of its keys, and the header of every long value.

    Headers are read for at most so many `seconds`.

    Raises:
        UserError: as `reading`.
    """
    with reading(path) as transaction, _damage_named(path):
        return require_intact(path, transaction.id(), deep=True, seconds=seconds)


def require_writable(path: Path) -> None:
    """Check a shard as `require_sound` does, for its one writer: no environment of the file is opened.

    Raises:
        UserError: the shard is damaged.
    """
    with _damage_named(path):
        require_intact(path, deep=True)


def entries(transaction: lmdb.Transaction, prefix: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yield the entries whose key begins with `prefix`, in key order."""
    with transaction.cursor() as cursor:
        more = cursor.set_range(prefix)
        while more and bytes(cursor.key()).startswith(prefix):
            yield bytes(cursor.key()), bytes(cursor.value())
            more = cursor.next()


def keys_of(transaction: lmdb.Transaction, clip_id: str) -> list[bytes]:
    """Return the keys of all entries of a clip."""
    held = [keys.clip_key(clip_id)] if transaction.get(keys.clip_key(clip_id)) is not None else []
    prefix = keys.crop_prefix(clip_id)
    with transaction.cursor() as cursor:
        more = cursor.set_range(prefix)
        while more and bytes(cursor.key()).startswith(prefix):
            held.append(bytes(cursor.key()))
            more = cursor.next()
    return held


def close_readers(folder: Path) -> None:
    """Close this process's readers of a store (before it is written to, or removed)."""
    place = (folder / FOLDER).resolve()
    with _lock:
        for key in [key for key, (path, _, _) in _open_readers.items() if path.parent == place]:
            _open_readers.pop(key)[1].close()


class DamagedShard(UserError):
    """A shard that is no LMDB file of a store, or a damaged one; `reason` is the error without its advice."""

    def __init__(self, path: Path, reason: str) -> None:
        advice = f"run 'fasdata store check {path.parent.parent} --repair' and extract again"
        super().__init__(
            f"the shard {path} cannot be read",
            expected="an LMDB file of a store",
            found=reason,
            do=f"restore it from a copy, or {advice}: only its damaged clips are made anew",
        )
        self.reason = f"the shard {path} is damaged ({reason})"


def damaged(path: Path, reason: str) -> DamagedShard:
    """Return the error for a shard whose file is damaged."""
    return DamagedShard(path, reason)


DAMAGE: tuple[type[lmdb.Error], ...] = tuple(
    getattr(lmdb, name)
    for name in ("CorruptedError", "PageNotFoundError", "InvalidError", "VersionMismatchError", "PanicError",
                 "BadTxnError", "BadDbiError", "IncompatibleError", "BadValsizeError", "CursorFullError",
                 "PageFullError", "ProblemError", "BadChecksumError")
    if hasattr(lmdb, name)
)  # fmt: skip


def unreadable(path: Path, error: lmdb.Error) -> UserError:
    """Return the error for what LMDB says of a shard that is read: damage, or what this machine lacks."""
    if isinstance(error, DAMAGE):
        return damaged(path, str(error))
    if isinstance(error, lmdb.MapResizedError):
        return UserError(
            f"the shard {path} has grown since it was opened",
            found="another process that writes to the store",
            do="wait for it to end and run this again",
        )
    if isinstance(error, lmdb.MemoryError):
        do = "the whole shard is mapped: raise the limit on address space (ulimit -v)"
    elif isinstance(error, lmdb.ReadersFullError):
        do = "too many processes read it at a time: end some of them"
    else:
        do = "the shard itself need not be damaged: put right what the system says, and run this again"
    return UserError(f"the shard {path} cannot be opened here", found=str(error), do=do)


@contextmanager
def _damage_named(path: Path) -> Iterator[None]:
    try:
        yield
    except DamagedPages as error:
        raise damaged(path, str(error)) from None
    except OSError as error:
        if error.errno != errno.EIO:
            raise
        raise damaged(path, "a disk that does not give its bytes (input/output error)") from None


def _opened(path: Path) -> lmdb.Environment:
    try:
        status = os.stat(path)  # noqa: PTH116 - for every crop that is read
    except FileNotFoundError:
        raise damaged(path, "no such file") from None
    if not S_ISREG(status.st_mode):
        raise damaged(path, "no file")
    key = status.st_dev, status.st_ino
    with _lock:
        if key not in _open_readers:
            place = path.resolve()
            for stale in [stale for stale, (other, _, _) in _open_readers.items() if other == place]:
                _open_readers.pop(stale)[1].close()
            _open_readers[key] = place, _open_read_only(path), status.st_size
        _, env, size = _open_readers[key]
    if status.st_size < size:  # what lies behind the end is mapped, and reading it would end the process
        raise damaged(path, f"{status.st_size} bytes, {size - status.st_size} fewer than when it was opened")
    return env


def _open_read_only(path: Path) -> lmdb.Environment:
    env = None
    try:
        with _damage_named(path):
            read_metas(path)
            try:
                env = _map(path, lock=True)
            except lmdb.Error as error:
                # A store on read-only media has no lock file, and needs none.
                if not any(word in str(error) for word in ("Read-only", "Permission")):
                    raise
                env = _map(path, lock=False)
            with env.begin() as transaction:  # keeps a writer from reusing the pages during the check
                require_intact(path, transaction.id())
                _require_ours(transaction)
    except BaseException:
        if env is not None:
            env.close()
        raise
    return env


def _require_ours(transaction: lmdb.Transaction) -> None:
    """Check that the first and the last key are those of a clip or crop: a shard holds nothing else."""
    cursor = transaction.cursor()
    for there_is_a_key in (cursor.first(), cursor.last()):
        if there_is_a_key and not bytes(cursor.key()).startswith((keys.CLIP, keys.CROP)):
            raise DamagedPages(f"the key {bytes(cursor.key())[:40]!r} of another application")


def _map(path: Path, *, lock: bool) -> lmdb.Environment:
    return lmdb.open(str(path), subdir=False, readonly=True, create=False, lock=lock, max_readers=512, readahead=False)
