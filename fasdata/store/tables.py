"""`clips.parquet`, `index.parquet`, `failures.csv`: derived from the shards, and compared with them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from fasdata.errors import UserError
from fasdata.five_points import misfit
from fasdata.quality import COLUMNS as QUALITY
from fasdata.quality import geometry
from fasdata.records import MODALITIES, ClipRecord
from fasdata.store import keys, shards
from fasdata.store.record_bytes import from_bytes

if TYPE_CHECKING:
    import lmdb
    import pyarrow as pa


CLIPS = "clips.parquet"
INDEX = "index.parquet"
FAILURES = "failures.csv"
DERIVED = (CLIPS, INDEX, FAILURES)
FRAMES = "frames.parquet"  # see `frames_file`; a store is complete without it
FAILURE_COLUMNS = ["clip_id", "relpath", "label", "attack_type", "status", "reason"]
_TEXT, _WHOLE, _REAL, _TRUTH = "string", "int64", "double", "bool"
CLIP_TYPES = {
    **dict.fromkeys(
        ["clip_id", "split", "label", "attack_type", "pai", "subject", "fields", "layout", "relpath_rgb",
         "relpath_depth", "relpath_ir", "status", "reason"], _TEXT,
    ),
    "n_frames": _WHOLE, "frame_rate": _REAL, "width": _WHOLE, "height": _WHOLE, "rotation": _WHOLE,
    "frames_with_face": _WHOLE, "registered": _TEXT, "depth_unit": _TEXT, "notes": _TEXT, "rules": _TEXT,
    "content_hash": _TEXT, "shard": _WHOLE,
}  # fmt: skip
FRAME_TYPES = {
    "clip_id": _TEXT, "frame_index": _WHOLE, "name": _TEXT, "pts": _REAL, "face_status": _TEXT, "score": _REAL,
    "n_faces": _WHOLE, "shift": _WHOLE, "key_rgb": _TEXT, "key_depth": _TEXT, "key_ir": _TEXT, "registered": _TEXT,
    "depth_unit": _TEXT, "phash": _TEXT, "dark": _TRUTH, "misfit": _TRUTH, "frame_width": _WHOLE,
    "frame_height": _WHOLE, **dict.fromkeys(QUALITY, _REAL),
}  # fmt: skip
# Columns of `index.parquet` that its first version did not have.
ADDED = ("misfit", "frame_width", "frame_height", *QUALITY)


def read_shard(path: Path) -> Iterator[ClipRecord]:
    """Yield the clip records of one shard in key order.

    Raises:
        UserError: the shard is damaged, or a record is not of the form this version writes.
    """
    with shards.reading(path) as transaction:
        yield from records_in(path, transaction)


def records_in(path: Path, transaction: lmdb.Transaction) -> Iterator[ClipRecord]:
    """Yield the clip records of an opened shard in key order."""
    for key, value in shards.entries(transaction, keys.CLIP):
        clip_id = key[len(keys.CLIP) :].decode(errors="replace")
        yield from_bytes(value, f"{clip_id} in {path}", clip_id)


def read_shards(folder: Path) -> Iterator[tuple[int, ClipRecord]]:
    """Yield every clip record of a store with the number of its shard, in the order of the tables."""
    for path in shards.shard_paths(folder):
        for record in read_shard(path):
            yield int(path.stem), record


def present(folder: Path) -> bool:
    """Tell whether the store has its derived tables."""
    return all((folder / name).is_file() for name in DERIVED)


def remove(folder: Path) -> None:
    """Remove what is derived from the shards: a store without its tables is being written, or was interrupted."""
    for name in (*DERIVED, FRAMES):
        (folder / name).unlink(missing_ok=True)


def clip_rows(records: Iterable[tuple[int, ClipRecord]]) -> Iterator[dict[str, Any]]:
    """Yield the rows of `clips.parquet` for records with their shards."""
    for shard, record in records:
        clip = record.clip
        yield {
            "clip_id": clip.clip_id, "split": clip.split, "label": clip.label, "attack_type": clip.attack_type,
            "pai": clip.pai, "subject": clip.subject, "fields": json.dumps(dict(clip.fields), sort_keys=True),
            "layout": clip.layout, **{f"relpath_{name}": clip.relpaths.get(name, "") for name in MODALITIES},
            "status": record.status, "reason": record.reason, "n_frames": record.n_frames,
            "frame_rate": float(record.frame_rate), "width": record.width, "height": record.height,
            "rotation": record.rotation, "frames_with_face": sum(frame.face_observed for frame in record.frames),
            "registered": record.registered, "depth_unit": record.depth_unit, "notes": "; ".join(record.notes),
            "rules": " + ".join(sorted(record.selections)), "content_hash": record.content_hash, "shard": shard,
        }  # fmt: skip


def frame_rows(records: Iterable[tuple[int, ClipRecord]]) -> Iterator[dict[str, Any]]:
    """Yield the rows of `index.parquet` for records with their shards.

    `misfit` is derived from the landmarks: five of them are known and fit no face (`fasdata.five_points.misfit`). The
    columns of `fasdata.quality` are null where they are not known, those of the pixels where no frame is stored.
    """
    for _, record in records:
        clip_id = record.clip.clip_id
        for frame in record.frames:
            modalities, index = (frame.crop.modalities if frame.crop else ()), frame.index
            yield {
                "clip_id": clip_id, "frame_index": index, "name": frame.name, "pts": float(frame.pts),
                "face_status": frame.status, "score": float(frame.score), "n_faces": frame.n_faces,
                "shift": frame.shift,
                **{f"key_{name}": keys.crop_key(clip_id, index, name) if name in modalities else ""
                   for name in MODALITIES},
                "registered": record.registered, "depth_unit": record.depth_unit, "phash": frame.phash,
                "dark": frame.dark, "misfit": misfit(frame.landmarks),
                "frame_width": (frame.size or (record.width, record.height))[0],
                "frame_height": (frame.size or (record.width, record.height))[1],
                "sharpness": frame.sharpness, "brightness": frame.brightness, **geometry(frame.box, frame.landmarks),
            }  # fmt: skip


def failure_rows(records: Iterable[ClipRecord]) -> Iterator[list[str]]:
    """Yield the rows of `failures.csv`: clips without a usable face, and those that could not be decoded."""
    for record in records:
        if record.status != "ok":
            clip = record.clip
            path = clip.relpaths.get("rgb") or next(iter(clip.relpaths.values()), "")
            yield [clip.clip_id, path, clip.label, clip.attack_type, record.status, record.reason]


def read_columns(folder: Path, *columns: str) -> dict[str, list[Any]]:
    """Return columns of `clips.parquet`.

    Raises:
        UserError: the file is damaged or foreign.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        table = pq.ParquetFile(folder / CLIPS).read(columns=list(columns))
        for name in columns:
            if table.schema.field(name).type != pa.type_for_alias(CLIP_TYPES[name]) or table.column(name).null_count:
                raise ValueError(f"the column {name} is not all {CLIP_TYPES[name]}")
        return {name: table.column(name).to_pylist() for name in columns}
    except (OSError, ValueError, KeyError, pa.ArrowException) as error:
        raise UserError(
            f"{folder / CLIPS} cannot be read",
            found=" ".join(str(error).split())[:200],
            do="run 'fasdata store check --repair': it is rebuilt from the shards",
        ) from None


class Listed(NamedTuple):
    """What `clips.parquet` says of a clip."""

    content_hash: str
    shard: int


def listed(folder: Path) -> dict[str, Listed] | None:
    """Return the rows of `clips.parquet` by clip, None where there is none or it cannot be read."""
    try:
        columns = read_columns(folder, "clip_id", "content_hash", "shard") if (folder / CLIPS).is_file() else None
    except UserError:
        return None
    if columns is None:
        return None
    return {clip: Listed(content, shard) for clip, content, shard in zip(*columns.values(), strict=True)}


def indexed(folder: Path) -> set[str] | None:
    """Return the clips that `index.parquet` names, None where it is missing or cannot be read."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        column = pq.ParquetFile(folder / INDEX).read(columns=["clip_id"]).column("clip_id")
        return {clip for clip in column.to_pylist() if isinstance(clip, str)}
    except (OSError, ValueError, KeyError, pa.ArrowException):
        return None


def odd_sizes(folder: Path, usual: Mapping[str, tuple[int, int]]) -> dict[tuple[str, int], tuple[int, int]]:
    """Return the sizes of the frames whose size is not the `usual` one of their clip, as far as the index knows them.

    Raises:
        UserError: `index.parquet` is damaged or foreign.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    wanted = ["clip_id", "frame_index", "frame_width", "frame_height"]
    try:
        file = pq.ParquetFile(folder / INDEX)
        if not set(wanted) <= set(file.schema_arrow.names):
            return {}  # of the first version
        rows = zip(*(column.to_pylist() for column in file.read(columns=wanted).columns), strict=True)
        return {(clip, index): size for clip, index, *of in rows if (size := (of[0], of[1])) != usual.get(clip)}
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, KeyError, pa.ArrowException) as error:
        raise UserError(
            f"{folder / INDEX} cannot be read",
            found=" ".join(str(error).split())[:200],
            do="run 'fasdata store check --repair': it is rebuilt from the shards",
        ) from None


def medians(folder: Path, columns: Sequence[str]) -> dict[str, dict[str, float]]:
    """Return the medians of columns of the index over the stored frames of each clip; unknown ones are left out.

    Raises:
        UserError: `index.parquet` is of an earlier version, missing, damaged or foreign.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        rows = pq.ParquetFile(folder / INDEX).read(columns=["clip_id", "key_rgb", *columns]).to_pandas()
        stored = rows[rows["key_rgb"] != ""].groupby("clip_id")[list(columns)].median()
    except (OSError, ValueError, KeyError, TypeError, pa.ArrowException) as error:
        raise UserError(
            f"{folder / INDEX} does not have the measures of its faces",
            expected=", ".join(columns),
            found=" ".join(str(error).split())[:200],
            do=f"run 'fasdata store check {folder} --repair': it measures the stored crops",
        ) from None
    return {
        str(clip): {name: float(value) for name, value in of.items() if value == value}
        for clip, of in stored.to_dict("index").items()
    }


def schema_of(types: dict[str, str]) -> pa.Schema:
    """Return the schema of a table by the names of its types."""
    import pyarrow as pa

    return pa.schema([(name, pa.type_for_alias(alias)) for name, alias in types.items()])
