"""Read the columns of a store and collect what a manifest needs of each clip: usable frames, and why others are not."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Protocol

import numpy as np
import pyarrow as pa

from fasdata.errors import UserError
from fasdata.manifests.table import SCHEMA
from fasdata.protocols.choosing import choose_frames
from fasdata.protocols.plan import Plan, Take
from fasdata.protocols.sampling import FrameRule
from fasdata.protocols.usable import loss_reason
from fasdata.quality import COLUMNS as QUALITY
from fasdata.records import Clip
from fasdata.store.columns import SHOWN, STATUSES, Columns

# -- Frames as arrays: a million of them become Arrow columns without a loop over rows --------------------------------

Span = tuple[int, int]  # rows from, to (exclusive)
ABSENT = -1  # the row that stands for "no usable frame"


class FrameColumns:
    """The frames of several stores: `add` takes up frames of a store, `take` returns rows of them as Arrow columns."""

    def __init__(self) -> None:
        self._stores: list[dict[str, np.ndarray]] = []
        self._rows = 0

    def add(self, known: Columns, rows: np.ndarray) -> int:
        """Take up stored frames of a store, and return the number of the first of them here."""
        frames = known.frame.values[known.is_stored.values]
        faces = known.face.values[known.is_stored.values]
        first = self._rows
        self._stores.append(
            {name: values[rows] for name, values in {**known.stored, "frame": frames, "face": faces}.items()}
        )
        self._rows += len(rows)
        return first

    def take(self, rows: np.ndarray) -> dict[str, pa.Array]:
        """Return the frame columns of a manifest for these rows (int64, `ABSENT` for none).

        `modalities_available` is among them.
        """
        crop = rows != ABSENT
        box, points = self._of("boxed", rows) & crop, self._of("points", rows)
        landmarks = self._of("landmarks", rows)
        landmarks[(points == 2), 4:] = np.nan  # where a release gives the eyes alone
        return {
            "frame_index": pa.array(np.where(crop, self._of("frame", rows), np.int32(-1))),
            "frame_shift": pa.array(np.where(crop, self._of("shift", rows), np.int32(0))),
            "face_status": _words(STATUSES, np.where(crop, self._of("face", rows), STATUSES.index("skip"))),
            "modalities_available": _words(SHOWN, np.where(crop, self._of("shown", rows), SHOWN.index(""))),
            "det_score": pa.array(self._of("score", rows), mask=~box),
            "scale": pa.array(self._of("scale", rows), mask=~crop),
            "box": _lists("box", self._of("box", rows), ~box),
            "landmarks": _lists("landmarks", landmarks, ~(crop & (points > 0))),
            "region": _lists("region", self._of("region", rows), ~crop),
        }

    def _of(self, name: str, rows: np.ndarray) -> np.ndarray:
        """Return values of a column; of absent rows some others."""
        values = [store[name] for store in self._stores]
        return np.concatenate(values)[rows] if self._rows else np.zeros(len(rows), np.int8)


def _words(words: tuple[str, ...], codes: np.ndarray) -> pa.Array:
    return pa.DictionaryArray.from_arrays(codes.astype(np.int8), list(words)).cast(pa.string())


def _lists(name: str, values: np.ndarray, absent: np.ndarray) -> pa.Array:
    kind = SCHEMA.field(name).type
    return pa.FixedSizeListArray.from_arrays(pa.array(values.reshape(-1)), type=kind, mask=pa.array(absent))


# -- One pass over a store --------------------------------------------------------------------------------------------

TakeKey = tuple[str, tuple[str, ...], int | None]  # frame rule, accepted stand-ins, frames from the beginning


class StoreLike(Protocol):
    """The part of a store's interface that building a manifest needs."""

    @property
    def info(self) -> Any: ...

    def columns(self) -> Columns: ...

    def content_hash(self) -> str: ...

    def quality(self) -> Mapping[str, Mapping[str, float]]: ...


@dataclass(frozen=True, slots=True)
class UsableFrames:
    """What one part can use of a clip: rows of usable frames, reasons of others, or why the store cannot tell."""

    rows: Span
    missed: tuple[str, ...]
    loss: str
    error: UserError | None = None


@dataclass(frozen=True, slots=True)
class CollectedClip:
    """A clip with the frames that each kind of take can use of it.

    `pixel_hash` and `digests` (n, 32 bytes) are its contents (`leakage.contents_of`).
    """

    clip: Clip
    n_frames: int
    pixel_hash: str
    digests: np.ndarray
    usable: Mapping[TakeKey, UsableFrames]

    @property
    def contents(self) -> frozenset[str]:
        """What the clip is known by without its name."""
        whole = {self.pixel_hash} - {""}
        return frozenset(whole).union(digest.tobytes().hex() for digest in self.digests)


@dataclass(frozen=True)
class CollectedStore:
    """The clips of one store in its order, its detector and the hash of its content."""

    dataset: str
    clips: tuple[CollectedClip, ...]
    detector: str
    content_hash: str


def take_key(take: Take) -> TakeKey:
    """Return what decides which frames of a clip a take uses."""
    return take.frames, take.on_miss, take.within


def collect(plan: Plan, dataset: str, store: StoreLike, frames: FrameColumns) -> CollectedStore:
    """Read a store once; the frames that some part may use are added to `frames`."""
    takes = [take for domain in plan.of_dataset(dataset) for take in domain.takes]
    keys = list(dict.fromkeys(map(take_key, takes)))
    known = store.columns()
    usable = [_usable(known, key, frames) for key in keys]
    measured = {condition.of for take in takes for condition in take.where} & set(QUALITY)
    described = known.clips
    if measured:  # conditions read a clip's fields
        quality = store.quality()
        described = [_with_quality(clip, measured, quality.get(clip.clip_id, {})) for clip in described]
    hashes = known.text("pixel_hash")
    clips = [
        CollectedClip(
            described[row], known.n_frames[row], hashes[row], known.contents.of(row),
            {key: of[row] for key, of in zip(keys, usable, strict=True)},
        )
        for row in known.order
    ]  # fmt: skip
    detector = store.info.config.get("detector", "")
    return CollectedStore(dataset, tuple(clips), str(detector), store.content_hash())


def _with_quality(clip: Clip, measured: set[str], of_clip: Mapping[str, float]) -> Clip:
    known = {name: f"{of_clip[name]:g}" for name in measured & of_clip.keys()}
    return replace(clip, fields={**clip.fields, **known})


def _usable(known: Columns, key: TakeKey, frames: FrameColumns) -> list[UsableFrames]:
    """Return the frames that a kind of take can use of every clip."""
    chosen = choose_frames(known, FrameRule.parse(key[0]), key[1], key[2])
    starts = (chosen.rows.starts + frames.add(known, chosen.rows.values)).tolist()
    usable = []
    for row, (status, reason) in enumerate(zip(known.text("status"), known.text("reason"), strict=True)):
        span, missed = (starts[row], starts[row + 1]), chosen.missed.get(row, ())
        loss = "" if span[0] < span[1] or row in chosen.errors else loss_reason(status, reason, missed)
        usable.append(UsableFrames(span, missed, loss, chosen.errors.get(row)))
    return usable
