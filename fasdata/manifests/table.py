"""The table of a manifest: its columns, the words they may hold, and a hash of its content."""

from __future__ import annotations

import hashlib
from typing import Literal, get_args

import numpy as np
import pyarrow as pa

from fasdata.records import ATTACK_TYPES, LABELS, SPLITS, FaceStatus

PartName = Literal["train", "val", "test"]
PARTS: tuple[PartName, ...] = get_args(PartName)
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


# -- A hash of the content of a table, whatever its chunks, its encoding or the version that wrote the file -----------


def table_fingerprint(table: pa.Table) -> str:
    """Return the sha256 of column names, types and values, in column and row order."""
    digest = hashlib.sha256()
    for field in table.schema:
        digest.update(f"{field.name}:{_spell(field.type)}:{table.num_rows}\n".encode())
        column = table.column(field.name).combine_chunks()
        _update(digest, pa.concat_arrays(column.chunks) if isinstance(column, pa.ChunkedArray) else column)
    return digest.hexdigest()


def _spell(kind: pa.DataType) -> str:
    """Return the type without the inner name of lists, which a file changes from item to element."""
    return f"{kind.value_type}[{kind.list_size}]" if pa.types.is_fixed_size_list(kind) else str(kind)


def _update(digest: hashlib._Hash, column: pa.Array) -> None:
    if column.null_count:
        digest.update(np.packbits(column.is_valid().to_numpy(zero_copy_only=False)).tobytes())
    if pa.types.is_string(column.type):
        _update_text(digest, column)
    elif pa.types.is_fixed_size_list(column.type):
        _update(digest, column.flatten())  # leaves out what stands under a null
    else:
        values = column.drop_null().to_numpy(zero_copy_only=False)
        digest.update(np.ascontiguousarray(values.astype(values.dtype.newbyteorder("<"))).tobytes())


def _update_text(digest: hashlib._Hash, column: pa.Array) -> None:
    """Hash lengths and bytes; a slice of a larger column counts like a column of its own."""
    _, offsets_buffer, data = column.buffers()
    offsets = (
        np.frombuffer(offsets_buffer, dtype=np.int32)[column.offset : column.offset + len(column) + 1]
        if len(column)
        else np.zeros(1, np.int32)
    )
    digest.update(np.diff(offsets).astype("<i4").tobytes())
    if data is not None:
        digest.update(memoryview(data)[int(offsets[0]) : int(offsets[-1])])
