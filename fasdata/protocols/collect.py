"""One pass over a store: what a manifest needs of each clip, and nothing else."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from fasdata.errors import UserError
from fasdata.protocols.frame_columns import FrameColumns, Span
from fasdata.protocols.plan import TARGET_ID, Domain, Plan
from fasdata.protocols.select import loss_reason, select_frames
from fasdata.records import Clip, ClipRecord, FrameRecord
from fasdata.sampling import FrameRule

_NUMBER = re.compile(r"(?<![\w(])\d+(?![\w)])")
_NOTHING = FrameRecord(index=-1, pts=0.0, status="skip")


class StoreLike(Protocol):
    """What building needs of a store."""

    @property
    def info(self) -> Any: ...

    def records(self) -> Iterator[ClipRecord]: ...

    def content_hash(self) -> str: ...


@dataclass(frozen=True)
class Chosen:
    """What one part would use of a clip: rows of usable frames, reasons of others, or why the store cannot tell."""

    rows: Span
    missed: tuple[str, ...]
    loss: str
    error: UserError | None = None


@dataclass(frozen=True)
class Entry:
    """A clip with what each part it may go to would use of it."""

    clip: Clip
    n_frames: int
    pixel_hash: str
    chosen: Mapping[str, Chosen]


@dataclass(frozen=True)
class Collected:
    """The clips of one store in its order, its detector and the hash of its content."""

    domain: Domain
    entries: tuple[Entry, ...]
    detector: str
    content_hash: str


def collect(plan: Plan, domain: Domain, store: StoreLike, columns: FrameColumns) -> Collected:
    """Read a store once; frames that some part may use go into `columns`."""
    rules = plan.rules
    parts = (
        {"test": rules.target} if domain.domain_id == TARGET_ID else {"train": rules.sources, "val": rules.validation}
    )
    asked = {part: (FrameRule.parse(of.frames), tuple(of.on_miss)) for part, of in parts.items()}
    entries = []
    for record in store.records():
        made: dict[tuple[FrameRule, tuple[str, ...]], Chosen] = {}
        for key in asked.values():
            if key not in made:
                made[key] = _choose(record, *key, columns)
        entries.append(
            Entry(record.clip, record.n_frames, record.pixel_hash, {part: made[key] for part, key in asked.items()})
        )
    detector = store.info.config.get("detector", "")
    return Collected(domain, tuple(entries), str(detector), store.content_hash())


def absent_row(columns: FrameColumns) -> int:
    """Return the row that stands for "no usable frame"."""
    return columns.add([_NOTHING])[0]


def _choose(record: ClipRecord, rule: FrameRule, accepted: tuple[str, ...], columns: FrameColumns) -> Chosen:
    try:
        selection = select_frames(record, rule, accepted)
    except UserError as error:  # raised only if the clip goes to a part that needs this rule
        return Chosen((0, 0), (), "", error)
    loss = "" if selection.frames else _NUMBER.sub("N", loss_reason(record, selection))
    return Chosen(columns.add(selection.frames), selection.missed, loss)
