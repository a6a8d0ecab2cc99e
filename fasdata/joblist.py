"""What an extraction has to do, against what the store already holds."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import overload

from fasdata.executors.unit import Job
from fasdata.records import Clip
from fasdata.store.writer import StoreWriter


class JobList(Sequence[Job]):
    """New clips, then stored ones that lack frames of a rule the store is to have.

    The record of a stored clip is read when its job is taken, so that memory does not grow with the store.
    """

    def __init__(self, clips: Iterable[Clip], writer: StoreWriter, *, retry_failed: bool = False) -> None:
        self._writer = writer
        rules, new, wider = frozenset(writer.info.rules), [], []
        for clip in clips:
            status = writer.done.get(clip.clip_id)
            if status is None or (status == "failed" and retry_failed):
                new.append(clip)
            elif status != "failed" and not writer.rules[clip.clip_id] >= rules:
                wider.append(clip)
        self.new, self.wider = len(new), len(wider)
        self._clips = [*new, *writer.by_shard(wider)]

    def __len__(self) -> int:
        return len(self._clips)

    @overload
    def __getitem__(self, place: int) -> Job: ...

    @overload
    def __getitem__(self, place: slice) -> list[Job]: ...

    def __getitem__(self, place: int | slice) -> Job | list[Job]:
        if isinstance(place, slice):
            return [self[i] for i in range(*place.indices(len(self)))]
        clip = self._clips[place]
        return Job(clip, self._writer.record(clip.clip_id) if place >= self.new else None)
