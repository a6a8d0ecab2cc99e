"""The columns of a manifest and the words they may hold."""

from __future__ import annotations

from typing import get_args

import pyarrow as pa

from fasdata.records import ATTACK_TYPES, LABELS, SPLITS, FaceStatus

PARTS = ("train", "val", "test")
STATUSES = ("ok", "fta")

_TEXT = pa.string()
# The arrays of one frame may be absent (no box in a pre-cropped set, nothing at all in a failure to acquire).
_MAY_BE_ABSENT = ("box", "landmarks", "region", "scale", "det_score")

_TYPES: dict[str, pa.DataType] = {
    "sample_id": _TEXT,  # <dataset>/<clip_id>/<frame_index>
    "dataset": _TEXT,  # slug = folder of the store
    "domain": _TEXT,
    "domain_id": pa.int32(),  # place in the recipe's source order; target -1
    "part": _TEXT,
    "split_official": _TEXT,
    "clip_id": _TEXT,
    "subject": _TEXT,
    "label": _TEXT,
    "attack_type": _TEXT,
    "pai": _TEXT,
    "frame_index": pa.int32(),  # -1 where no frame was usable
    "n_frames": pa.int32(),  # decoded frames of the clip
    "frame_rule": _TEXT,
    "modalities_available": _TEXT,  # rgb or rgb,depth,ir
    "missing_reason": _TEXT,  # of those the recipe uses: depth:masked (by the protocol), ir:absent (in the dataset)
    "key_rgb": _TEXT,
    "key_depth": _TEXT,
    "key_ir": _TEXT,
    "box": pa.list_(pa.float32(), 4),  # x0 y0 x1 y1
    "landmarks": pa.list_(pa.float32(), 10),  # x y of five points, image-left eye first; NaN after the eyes if unknown
    "region": pa.list_(pa.int32(), 4),  # stored crop: x0 y0 x1 y1
    "scale": pa.float32(),  # stored pixels a source pixel
    "detector": _TEXT,
    "det_score": pa.float32(),
    "face_status": _TEXT,
    "on_miss": _TEXT,  # stand-ins the recipe accepts, joined by +, or skip
    "frame_shift": pa.int32(),  # frames to the one whose face stands in
    "status": _TEXT,
    "recipe": _TEXT,
    "protocol": _TEXT,
    "protocol_alias": _TEXT,
    "tool_version": _TEXT,
}

SCHEMA = pa.schema([pa.field(name, kind, nullable=name in _MAY_BE_ABSENT) for name, kind in _TYPES.items()])

VOCABULARY: dict[str, tuple[str, ...]] = {
    "part": PARTS,
    "label": LABELS,
    "status": STATUSES,
    "split_official": ("", *SPLITS),
    "attack_type": ("", *ATTACK_TYPES),
    "face_status": get_args(FaceStatus),
}
