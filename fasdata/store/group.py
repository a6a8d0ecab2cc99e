"""Commit the clips of a store in groups: a sync a picture is what a dataset of single pictures would wait for.

A clip is always in one transaction, with its record and all its crops; a group is several clips in one. It is committed
as soon as it holds `GROUP_BYTES`, or with the first change that comes `GROUP_COMMITS` times as long after the last
commit as that took, at most `GROUP_SECONDS`. So slow commits take about a tenth of the time; where they are quick,
clips are committed one by one: crops that wait would only take fresh memory from the system. A kill costs at most what
was done in `GROUP_SECONDS`, or fills `GROUP_BYTES`, and the clips then in hand; the next run does it again.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

from fasdata.errors import UserError
from fasdata.store.shard_writer import ShardWriter

GROUP_BYTES = 8 << 20
GROUP_SECONDS = 1.0
GROUP_COMMITS = 10.0  # how many commits could be done while a group waits


class Group:
    """Changes of one shard that wait for their commit, each with what takes it back in memory should that fail."""

    def __init__(self, shards: ShardWriter) -> None:
        self._shards = shards
        self._shard = -1
        self._values: dict[bytes, bytes | None] = {}
        self._clips: set[str] = set()
        self._undo: list[Callable[[], None]] = []
        self._bytes = 0
        self._due = float("-inf")

    def __contains__(self, clip_id: object) -> bool:
        return clip_id in self._clips

    def size_in(self, shard: int) -> int:
        """Return about how many bytes a shard's file will grow by."""
        return self._bytes if shard == self._shard else 0

    def add(
        self, shard: int, clip_id: str, values: Mapping[bytes, bytes | None], undo: Callable[[], None] | None = None
    ) -> None:
        """Put (or delete, where the value is None) the entries of a clip, now or with the next ones.

        Raises:
            UserError: as `flush`; then nothing of this clip was written either.
        """
        if shard != self._shard:
            self.flush()
        self._shard = shard
        self._values.update(values)
        self._clips.add(clip_id)
        self._undo += [undo] if undo else []
        self._bytes += sum(_taken(value) for value in values.values() if value)
        if self._bytes >= GROUP_BYTES or time.monotonic() >= self._due:
            self.flush()

    def flush(self) -> None:
        """Commit what waits, in one transaction: once this returns, it survives a crash.

        Raises:
            UserError: the shard is damaged, the disk is full, or it cannot be written for another reason; nothing of
                the group was written.
        """
        waiting, undo = self._values, self._undo
        self._values, self._undo, self._clips, self._bytes = {}, [], set(), 0
        if not waiting:
            return
        begun = time.monotonic()
        try:
            self._shards.write(self._shard, waiting)
        except UserError:
            for take_back in reversed(undo):
                take_back()
            raise
        done = time.monotonic()
        self._due = done + min(GROUP_SECONDS, GROUP_COMMITS * (done - begun))


_PAGE, _LONG = 4096, 2000  # bytes: of a usual page, and of a value that gets pages of its own


def _taken(value: bytes) -> int:
    """Return about how many bytes a value takes in a shard's file."""
    return len(value) if len(value) < _LONG else -(-(len(value) + 16) // _PAGE) * _PAGE
