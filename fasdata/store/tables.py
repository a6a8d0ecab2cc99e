"""`clips.parquet` and `index.parquet`: derived from the shards, and rebuilt from them at any time."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from fasdata.errors import UserError
from fasdata.records import MODALITIES, ClipRecord, clip_record_from_json
from fasdata.store import keys, shards
from fasdata.store.atomic import replacing

if TYPE_CHECKING:
    import pandas as pd

CLIPS = "clips.parquet"
INDEX = "index.parquet"


def read_shard(path: Path) -> Iterator[ClipRecord]:
    """Yield the clip records of one shard in key order.

    Raises:
        UserError: a record is not of the form this version writes.
    """
    env = shards.open_for_reading(path)
    with env.begin() as transaction, transaction.cursor() as cursor:
        if not cursor.set_range(keys.CLIP):
            return
        for key, value in cursor:
            if not key.startswith(keys.CLIP):
                return
            yield parse_record(value, f"{path.name}:{key.decode(errors='replace')}")


def parse_record(value: bytes, where: str) -> ClipRecord:
    """Return the clip record held in `value`; `where` names it in errors."""
    try:
        return clip_record_from_json(json.loads(value))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise UserError(
            f"the clip record {where} is damaged or foreign",
            found=f"{type(error).__name__}: {error}",
            do="extract again",
        ) from None


def remove(folder: Path) -> None:
    """Remove the derived tables: a store without them is being written, or was interrupted."""
    for name in (CLIPS, INDEX):
        (folder / name).unlink(missing_ok=True)


def rebuild(folder: Path) -> None:
    """Write both tables from the shards."""
    import pandas as pd

    clips: list[dict[str, object]] = []
    frames: list[dict[str, object]] = []
    for path in shards.shard_paths(folder):
        for record in read_shard(path):
            clips.append({**_clip_row(record), "shard": int(path.stem)})
            frames.extend(_frame_rows(record))
    tables = {CLIPS: pd.DataFrame(clips, columns=CLIP_COLUMNS), INDEX: pd.DataFrame(frames, columns=FRAME_COLUMNS)}
    for name, table in tables.items():
        with replacing(folder / name) as temporary:
            table.to_parquet(temporary, index=False)


CLIP_COLUMNS = [
    "clip_id", "split", "label", "attack_type", "pai", "subject", "fields", "layout", "relpath_rgb", "relpath_depth",
    "relpath_ir", "status", "reason", "n_frames", "frame_rate", "width", "height", "rotation", "frames_with_face",
    "registered", "depth_unit", "notes", "content_hash", "shard",
]  # fmt: skip
FRAME_COLUMNS = [
    "clip_id", "frame_index", "name", "pts", "face_status", "score", "n_faces", "shift", "key_rgb", "key_depth",
    "key_ir", "registered", "depth_unit", "phash", "dark",
]  # fmt: skip


def _clip_row(record: ClipRecord) -> dict[str, object]:
    clip = record.clip
    return {
        "clip_id": clip.clip_id, "split": clip.split, "label": clip.label, "attack_type": clip.attack_type,
        "pai": clip.pai, "subject": clip.subject, "fields": json.dumps(dict(clip.fields), sort_keys=True),
        "layout": clip.layout, **{f"relpath_{name}": clip.relpaths.get(name, "") for name in MODALITIES},
        "status": record.status,
        "reason": record.reason, "n_frames": record.n_frames, "frame_rate": record.frame_rate,
        "width": record.width, "height": record.height, "rotation": record.rotation,
        "frames_with_face": sum(frame.face_observed for frame in record.frames), "registered": record.registered,
        "depth_unit": record.depth_unit, "notes": "; ".join(record.notes), "content_hash": record.content_hash,
    }  # fmt: skip


def _frame_rows(record: ClipRecord) -> Iterator[dict[str, object]]:
    for frame in record.frames:
        held, clip_id = (frame.crop.modalities if frame.crop else ()), record.clip.clip_id
        yield {
            "clip_id": clip_id, "frame_index": frame.index, "name": frame.name, "pts": frame.pts,
            "face_status": frame.status, "score": frame.score, "n_faces": frame.n_faces, "shift": frame.shift,
            **{f"key_{name}": keys.crop_key(clip_id, frame.index, name) if name in held else "" for name in MODALITIES},
            "registered": record.registered, "depth_unit": record.depth_unit, "phash": frame.phash, "dark": frame.dark,
        }  # fmt: skip


def clip_shards(folder: Path) -> dict[str, int]:
    """Return clip id to shard number, from the table when there is one, else from the shards."""
    if (folder / CLIPS).is_file():
        table = _read_clips(folder, "shard")
        return dict(zip(table["clip_id"], table["shard"].astype(int), strict=True))
    return {record.clip.clip_id: int(path.stem) for path in shards.shard_paths(folder) for record in read_shard(path)}


def clip_hashes(folder: Path) -> dict[str, str]:
    """Return clip id to content hash, from the table when there is one, else from the shards."""
    if (folder / CLIPS).is_file():
        table = _read_clips(folder, "content_hash")
        return dict(zip(table["clip_id"], table["content_hash"], strict=True))
    found = (record for path in shards.shard_paths(folder) for record in read_shard(path))
    return {record.clip.clip_id: record.content_hash for record in found}


def _read_clips(folder: Path, column: str) -> pd.DataFrame:
    import pandas as pd

    try:
        return pd.read_parquet(folder / CLIPS, columns=["clip_id", column])
    except (OSError, ValueError, KeyError) as error:
        raise UserError(
            f"{folder / CLIPS} cannot be read", found=str(error), do="remove it: it is rebuilt from the shards"
        ) from None
