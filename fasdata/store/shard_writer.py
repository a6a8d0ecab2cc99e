"""Write to the shards of a store: one open at a time, in transactions, with maps that grow."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
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
    `shard_bytes`. Shards have to be checked before (`shards.reading`), and their readers closed.
    """

    def __init__(self, folder: Path, *, shard_bytes: int = SHARD_BYTES, first_map: int = FIRST_MAP) -> None:
        self.folder = folder
        self._shard_bytes, self._first_map = shard_bytes, first_map
        existing = shards.shard_paths(folder)
        self._last = int(existing[-1].stem) if existing else 0
        self._number = self._last
        self._env: lmdb.Environment | None = None

    def last(self) -> int:
        """Return the number of the shard that a new clip goes to."""
        path = shards.shard_path(self.folder, self._last)
        if path.exists() and self._used(self._open(self._last)) > self._shard_bytes:
            self._last += 1
        return self._last

    def write(self, shard: int, values: Mapping[bytes, bytes | None]) -> None:
        """Put (or, where the value is None, delete) all of `values` in one transaction.

        Raises:
            UserError: the disk is full, or cannot be written for another reason; nothing was written.
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
                env.set_mapsize(2 * env.info()["map_size"])
            except lmdb.Error as error:
                raise self._unwritable(str(error)) from None

    @contextmanager
    def read(self, shard: int) -> Iterator[lmdb.Transaction]:
        """Give a read transaction on a shard, through the environment that writes to it."""
        with self._open(shard).begin() as transaction:
            yield transaction

    def compact(self, shard: int, without: Collection[bytes] = ()) -> None:
        """Write a shard anew from its entries without the keys in `without`, so that no deleted byte is left in it.

        LMDB's own compacting copy takes whole pages, and in their gaps lie pieces of what was deleted.
        """
        path = shards.shard_path(self.folder, shard)
        try:
            with replacing(path) as temporary:
                with self.read(shard) as transaction:
                    _copy_entries(transaction, temporary, max(self._first_map, 2 * path.stat().st_size), set(without))
                self.close()
                # While others read the old file, the lock file says which of its states is the newest; the new file
                # needs one of its own, or its readers look at a state that it does not have.
                path.with_name(f"{path.name}-lock").unlink(missing_ok=True)
        except lmdb.Error as error:
            raise self._unwritable(str(error)) from None

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
                raise self._unwritable(str(error)) from None
            self._number = number
            if is_new:
                sync_folder(path.parent)
        return self._env

    @staticmethod
    def _used(env: lmdb.Environment) -> int:
        return int((env.info()["last_pgno"] + 1) * env.stat()["psize"])

    def _unwritable(self, reason: str) -> UserError:
        return UserError(
            f"the store {self.folder} cannot be written",
            found=reason,
            do="free some space and run the same command again: finished clips are kept",
        )


def _copy_entries(transaction: lmdb.Transaction, path: Path, map_size: int, without: set[bytes]) -> None:
    """Write the entries of an environment into a new file, which the caller syncs and renames."""
    # A lock file beside a temporary one would be left behind.
    options: dict[str, Any] = {"subdir": False, "lock": False, "sync": False, "metasync": False}
    with lmdb.open(str(path), map_size=map_size, **options) as new, transaction.cursor() as cursor:
        more = cursor.first()
        while more:
            written = 0
            with new.begin(write=True) as writing:
                while more and written < _AT_ONCE:
                    if bytes(cursor.key()) not in without:
                        # Not appended: in a damaged shard the keys need not be in order.
                        writing.put(cursor.key(), cursor.value())
                        written += len(cursor.value())
                    more = cursor.next()
