"""One pass over a store: what a manifest needs of each clip, and nothing else."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from fasdata.errors import UserError
from fasdata.protocols.frame_columns import FrameColumns, Span
from fasdata.protocols.plan import Plan, Take
from fasdata.protocols.select import loss_reason, select_frames
from fasdata.records import Clip, ClipRecord, FrameRecord
from fasdata.sampling import FrameRule

_NUMBER = re.compile(r"(?<![\w(])\d+(?![\w)])")
_NOTHING = FrameRecord(index=-1, pts=0.0, status="skip")
Key = tuple[str, tuple[str, ...], int | None]  # frame rule, accepted stand-ins, frames from the beginning


class StoreLike(Protocol):
    """What building needs of a store."""

    @property
    def info(self) -> Any: ...

    def records(self) -> Iterator[ClipRecord]: ...

    def content_hash(self) -> str: ...


@dataclass(frozen=True, slots=True)
class Chosen:
    """What one part would use of a clip: rows of usable frames, reasons of others, or why the store cannot tell."""

    rows: Span
    missed: tuple[str, ...]
    loss: str
    error: UserError | None = None


@dataclass(frozen=True, slots=True)
class Entry:
    """A clip with what each kind of take would use of it."""

    clip: Clip
    n_frames: int
    pixel_hash: str
    chosen: Mapping[Key, Chosen]

    def of(self, take: Take) -> Chosen:
        """Return what a take would use of it."""
        return self.chosen[take_key(take)]


@dataclass(frozen=True)
class Collected:
    """The clips of one store in its order, its detector and the hash of its content."""

    dataset: str
    entries: tuple[Entry, ...]
    detector: str
    content_hash: str


def take_key(take: Take) -> Key:
    """Return what decides which frames of a clip a take uses."""
    return take.frames, take.on_miss, take.within


def collect(plan: Plan, dataset: str, store: StoreLike, columns: FrameColumns) -> Collected:
    """Read a store once; frames that some part may use go into `columns`."""
    takes = [take for domain in plan.of_dataset(dataset) for take in domain.takes]
    keys = list(dict.fromkeys(map(take_key, takes)))
    rules = {key: FrameRule.parse(key[0]) for key in keys}
    entries = []
    for record in store.records():
        chosen = {key: _choose(record, rules[key], key, columns) for key in keys}
        entries.append(Entry(record.clip, record.n_frames, record.pixel_hash, chosen))
    detector = store.info.config.get("detector", "")
    return Collected(dataset, tuple(entries), str(detector), store.content_hash())


def absent_row(columns: FrameColumns) -> int:
    """Return the row that stands for "no usable frame"."""
    return columns.add([_NOTHING])[0]


def _choose(record: ClipRecord, rule: FrameRule, key: Key, columns: FrameColumns) -> Chosen:
    try:
        selection = select_frames(record, rule, key[1], key[2])
    except UserError as error:  # raised only if the clip goes to a part that needs this rule
        return Chosen((0, 0), (), "", error)
    loss = "" if selection.frames else _NUMBER.sub("N", loss_reason(record, selection))
    return Chosen(columns.add(selection.frames), selection.missed, loss)
