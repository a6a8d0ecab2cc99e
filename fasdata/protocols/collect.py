"""Read a store once and collect what a manifest needs of each clip: its usable frames, and why others are not."""

from __future__ import annotations

import math
from array import array
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from typing import Any, Protocol

import numpy as np
import pyarrow as pa

from fasdata.errors import UserError
from fasdata.manifest.leakage import contents_of
from fasdata.manifest.table import SCHEMA
from fasdata.protocols.plan import Plan, Take
from fasdata.protocols.sampling import FrameRule
from fasdata.protocols.usable import loss_reason, select_frames
from fasdata.quality import COLUMNS as QUALITY
from fasdata.records import Clip, ClipRecord, FrameRecord, Landmarks

# -- Frames as typed arrays: a million of them fit into memory, and become Arrow columns without a loop over rows -----

Span = tuple[int, int]  # rows from, to (exclusive)
_NO_BOX = (0.0,) * 4
_NO_POINTS = ((0.0, 0.0),) * 5
_REST = ((math.nan, math.nan),) * 3  # where a release gives the eyes alone
_NO_REGION = (0,) * 4


class FrameColumns:
    """Columns of frames: `add` appends the frames of a clip, `take` returns any rows in any order as Arrow columns."""

    def __init__(self) -> None:
        self._index, self._shift, self._region = array("i"), array("i"), array("i")
        self._box, self._landmarks = array("f"), array("f")
        self._scale, self._score = array("f"), array("f")
        self._status: list[str] = []
        self._modalities: list[str] = []
        self._has = {name: array("b") for name in ("box", "landmarks", "crop")}

    def add(self, frames: Sequence[FrameRecord]) -> Span:
        """Append frames and return the rows they took."""
        start = len(self._index)
        crops = [frame.crop for frame in frames]
        self._index.extend([frame.index for frame in frames])
        self._shift.extend([frame.shift for frame in frames])
        self._score.extend([frame.score for frame in frames])
        self._status.extend([frame.status for frame in frames])
        self._box.extend(chain.from_iterable([frame.box or _NO_BOX for frame in frames]))
        points = chain.from_iterable([_five(frame.landmarks) for frame in frames])
        self._landmarks.extend(chain.from_iterable(points))
        self._region.extend(chain.from_iterable([crop.region if crop else _NO_REGION for crop in crops]))
        self._scale.extend([crop.scale if crop else 0.0 for crop in crops])
        self._modalities.extend([",".join(crop.modalities) if crop else "" for crop in crops])
        self._has["box"].extend([frame.box is not None for frame in frames])
        self._has["landmarks"].extend([frame.landmarks is not None for frame in frames])
        self._has["crop"].extend([crop is not None for crop in crops])
        return start, len(self._index)

    def take(self, rows: np.ndarray) -> dict[str, pa.Array]:
        """Return the frame columns of a manifest for these rows (int64); `modalities_available` among them."""
        absent = {name: ~np.frombuffer(values, np.int8).astype(bool)[rows] for name, values in self._has.items()}
        return {
            "frame_index": pa.array(_numbers(self._index, np.int32)[rows]),
            "frame_shift": pa.array(_numbers(self._shift, np.int32)[rows]),
            "face_status": pa.array(self._status, pa.string()).take(pa.array(rows)),
            "modalities_available": pa.array(self._modalities, pa.string()).take(pa.array(rows)),
            "det_score": pa.array(_numbers(self._score, np.float32)[rows], mask=absent["box"]),
            "scale": pa.array(_numbers(self._scale, np.float32)[rows], mask=absent["crop"]),
            "box": _lists("box", _numbers(self._box, np.float32), rows, absent["box"]),
            "landmarks": _lists("landmarks", _numbers(self._landmarks, np.float32), rows, absent["landmarks"]),
            "region": _lists("region", _numbers(self._region, np.int32), rows, absent["crop"]),
        }


def _five(landmarks: Landmarks | None) -> Landmarks:
    if not landmarks:
        return _NO_POINTS
    return landmarks if len(landmarks) == 5 else landmarks + _REST


def _numbers(values: array[Any], kind: type[np.generic]) -> np.ndarray:
    return np.frombuffer(values, kind) if values else np.empty(0, kind)


def _lists(name: str, values: np.ndarray, rows: np.ndarray, absent: np.ndarray) -> pa.Array:
    kind = SCHEMA.field(name).type
    flat = values.reshape(-1, kind.list_size)[rows].reshape(-1)
    return pa.FixedSizeListArray.from_arrays(pa.array(flat), type=kind, mask=pa.array(absent))


# -- One pass over a store --------------------------------------------------------------------------------------------

_NO_FRAME = FrameRecord(index=-1, pts=0.0, status="skip")
TakeKey = tuple[str, tuple[str, ...], int | None]  # frame rule, accepted stand-ins, frames from the beginning


class StoreLike(Protocol):
    """The part of a store's interface that building a manifest needs."""

    @property
    def info(self) -> Any: ...

    def records(self) -> Iterator[ClipRecord]: ...

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
    """A clip with the frames that each kind of take can use of it; `contents` are `leakage.contents_of` it."""

    clip: Clip
    n_frames: int
    contents: frozenset[str]
    usable: Mapping[TakeKey, UsableFrames]

    def usable_by(self, take: Take) -> UsableFrames:
        """Return the frames that a take can use."""
        return self.usable[take_key(take)]


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


def collect(plan: Plan, dataset: str, store: StoreLike, columns: FrameColumns) -> CollectedStore:
    """Read a store once; the frames that some part may use are added to `columns`."""
    takes = [take for domain in plan.of_dataset(dataset) for take in domain.takes]
    keys = list(dict.fromkeys(map(take_key, takes)))
    rules = {key: FrameRule.parse(key[0]) for key in keys}
    measured = {condition.of for take in takes for condition in take.where} & set(QUALITY)
    quality = store.quality() if measured else {}
    clips = []
    for record in store.records():
        usable = {key: _usable(record, rules[key], key, columns) for key in keys}
        clip = record.clip
        if measured:  # conditions read a clip's fields
            of_clip = quality.get(clip.clip_id, {})
            known = {name: f"{of_clip[name]:g}" for name in measured & of_clip.keys()}
            clip = replace(clip, fields={**clip.fields, **known})
        clips.append(CollectedClip(clip, record.n_frames, contents_of(record), usable))
    detector = store.info.config.get("detector", "")
    return CollectedStore(dataset, tuple(clips), str(detector), store.content_hash())


def absent_row(columns: FrameColumns) -> int:
    """Add the row that stands for "no usable frame" and return its number."""
    return columns.add([_NO_FRAME])[0]


def _usable(record: ClipRecord, rule: FrameRule, key: TakeKey, columns: FrameColumns) -> UsableFrames:
    try:
        selection = select_frames(record, rule, key[1], key[2])
    except UserError as error:  # raised only if the clip goes to a part that needs this rule
        return UsableFrames((0, 0), (), "", error)
    loss = "" if selection.frames else loss_reason(record, selection)
    return UsableFrames(columns.add(selection.frames), selection.missed, loss)
