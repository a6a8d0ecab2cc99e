"""Frames as typed arrays: a million of them fit into memory, and become Arrow columns without a loop over rows."""

from __future__ import annotations

import math
from array import array
from collections.abc import Sequence
from itertools import chain

import numpy as np
import pyarrow as pa

from fasdata.manifest.columns import SCHEMA
from fasdata.records import FrameRecord, Landmarks

Span = tuple[int, int]  # rows from, to (exclusive)
_NO_BOX = (0.0,) * 4
_NO_POINTS = ((0.0, 0.0),) * 5
_REST = ((math.nan, math.nan),) * 3  # where a release gives the eyes alone
_NO_REGION = (0,) * 4


class FrameColumns:
    """Grows by the frames of one clip at a time; `take` gives the Arrow columns of any rows in any order."""

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


def _numbers(values: array, kind: type) -> np.ndarray:
    return np.frombuffer(values, kind) if values else np.empty(0, kind)


def _lists(name: str, values: np.ndarray, rows: np.ndarray, absent: np.ndarray) -> pa.Array:
    kind = SCHEMA.field(name).type
    chosen = values.reshape(-1, kind.list_size)[rows].reshape(-1)
    return pa.FixedSizeListArray.from_arrays(pa.array(chosen), type=kind, mask=pa.array(absent))
