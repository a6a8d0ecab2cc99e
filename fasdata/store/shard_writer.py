"""Write to the shards of a store: one open at a time, in transactions, with maps that grow."""

from __future__ import annotations

from collections.abc import Callable, Collection, Generator, Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import lmdb

from fasdata.errors import UserError
from fasdata.store import shards
from fasdata.store.atomic import replacing, sync_folder

SHARD_BYTES = 2 << 30
FIRST_MAP = 64 << 20
_AT_ONCE = 64 << 20  # bytes written in one transaction, which lie in memory until its end


class ShardWriter:
    """Transactions on the shards of the store in `folder`.

    A shard's map doubles when it is full; `last` names the shard that new clips go to, a new one once it has passed
    `shard_bytes`. Shards have to be checked before (`shards.reading`), and their readers closed; before entries are
    replaced or deleted, `require_sound` looks closer.
    """

    def __init__(self, folder: Path, *, shard_bytes: int = SHARD_BYTES, first_map: int = FIRST_MAP) -> None:
        self.folder = folder
        self._shard_bytes, self._first_map = shard_bytes, first_map
        existing = shards.shard_paths(folder)
        self._last = int(existing[-1].stem) if existing else 0
        self._number = self._last
        self._env: lmdb.Environment | None = None
        self._sound: set[int] = set()

    def require_sound(self, shard: int) -> None:
        """Check, once, what LMDB believes when it gives back the pages of a long value.

        Raises:
            UserError: the shard is damaged.
        """
        if shard not in self._sound:
            shards.require_writable(shards.shard_path(self.folder, shard))
            self._sound.add(shard)

    def last(self, waiting: Callable[[int], int] = lambda shard: 0) -> int:
        """Return the number of the shard that a new clip goes to; `waiting` tells the bytes that a shard will get."""
        path = shards.shard_path(self.folder, self._last)
        used = self._used(self._open(self._last)) if path.exists() else 0
        if used + waiting(self._last) > self._shard_bytes:
            self._last += 1
        return self._last

    def write(self, shard: int, values: Mapping[bytes, bytes | None]) -> None:
        """Put (or, where the value is None, delete) all of `values` in one transaction.

        Raises:
            UserError: the shard is damaged, the disk is full, or it cannot be written for another reason; nothing was
                written.
        """
        while True:
            env = self._open(shard)
            try:
                with env.begin(write=True) as transaction:
                    for key, value in values.items():
                        if value is None:
                            transaction.delete(key)
                        else:
                            transaction.put(key, value)
                return
            except lmdb.MapFullError:
                self._grow(env, shard)
            except lmdb.Error as error:
                raise self._unwritable(shard, error) from None

    @contextmanager
    def read(self, shard: int) -> Iterator[lmdb.Transaction]:
        """Give a read transaction on a shard, through the environment that writes to it.

        Raises:
            UserError: what LMDB finds while the transaction is read.
        """
        env = self._open(shard)
        try:
            with env.begin() as transaction:
                yield transaction
        except lmdb.Error as error:
            raise shards.unreadable(shards.shard_path(self.folder, shard), error) from None

    def compact(self, shard: int, without: Collection[bytes] = ()) -> None:
        """Write a shard anew from its entries without the keys in `without`, so that no deleted byte is left in it.

        LMDB's own compacting copy takes whole pages, and in their gaps lie pieces of what was deleted.

        Raises:
            UserError: the shard is damaged, or the disk is full; the shard stays as it is.
        """
        with closing(self._entries(shard, set(without))) as entries:
            self.rewrite(shard, entries)

    def rewrite(self, shard: int, entries: Iterable[tuple[bytes, bytes]]) -> None:
        """Replace a shard by a new file with these entries.

        Raises:
            UserError: the disk is full; the shard stays as it is.
        """
        path = shards.shard_path(self.folder, shard)
        with replacing(path) as temporary:
            try:
                _write_entries(entries, temporary, max(self._first_map, 2 * path.stat().st_size))
            except lmdb.Error as error:
                raise self._unwritable(shard, error) from None
            self.close()
            # While others read the old file, the lock file says which of its states is the newest; the new file needs
            # one of its own, or its readers look at a state that it does not have.
            path.with_name(f"{path.name}-lock").unlink(missing_ok=True)

    def _entries(self, shard: int, without: set[bytes]) -> Generator[tuple[bytes, bytes], None, None]:
        with self.read(shard) as transaction, transaction.cursor() as cursor:
            for key, value in cursor:
                if bytes(key) not in without:
                    yield bytes(key), bytes(value)

    def close(self) -> None:
        """Close the shard that is open."""
        if self._env is not None:
            self._env.close()
            self._env = None

    def _open(self, number: int) -> lmdb.Environment:
        if self._env is not None and number != self._number:
            self.close()
        if self._env is None:
            path = shards.shard_path(self.folder, number)
            size = max(self._first_map, path.stat().st_size * 2 if path.exists() else 0)
            is_new = not path.exists()
            try:
                self._env = lmdb.open(str(path), subdir=False, map_size=size, max_readers=512, readahead=False)
            except lmdb.Error as error:
                raise self._unwritable(number, error) from None
            self._number = number
            if is_new:
                sync_folder(path.parent)
        return self._env

    @staticmethod
    def _used(env: lmdb.Environment) -> int:
        return int((env.info()["last_pgno"] + 1) * env.stat()["psize"])

    def _grow(self, env: lmdb.Environment, shard: int) -> None:
        try:
            env.set_mapsize(2 * env.info()["map_size"])
        except lmdb.Error as error:
            raise self._unwritable(shard, error) from None

    def _unwritable(self, shard: int, error: lmdb.Error) -> UserError:
        if isinstance(error, shards.DAMAGE):
            return shards.damaged(shards.shard_path(self.folder, shard), str(error))
        full = isinstance(error, lmdb.DiskError) or any(word in str(error) for word in ("No space", "quota"))
        do = "free some space" if full else "put right what the system says"
        return UserError(
            f"the store {self.folder} cannot be written",
            found=str(error),
            do=f"{do} and run the same command again: finished clips are kept",
        )


def _write_entries(entries: Iterable[tuple[bytes, bytes]], path: Path, map_size: int) -> None:
    """Write entries into a new file, which the caller syncs and renames; in any order of their keys."""
    # A lock file beside a temporary one would be left behind.
    options: dict[str, Any] = {"subdir": False, "lock": False, "sync": False, "metasync": False}
    waiting = iter(entries)
    with lmdb.open(str(path), map_size=map_size, **options) as new:
        while some := _batch(waiting):
            with new.begin(write=True) as writing:
                for key, value in some:
                    writing.put(key, value)


def _batch(entries: Iterator[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    some, size = [], 0
    for key, value in entries:
        some.append((key, value))
        size += len(value)
        if size >= _AT_ONCE:
            break
    return some
