"""Derive the tables of a store, and its columns of frames, from the records in its shards."""

from __future__ import annotations

import csv
import math
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from fasdata.errors import UserError
from fasdata.quality import face_in_crop, measure
from fasdata.records import ClipRecord, FrameRecord
from fasdata.store import columns, frames_file, keys, shards, tables, writer_lock
from fasdata.store.atomic import replacing
from fasdata.store.codec import decode

if TYPE_CHECKING:
    import lmdb


def rebuild(folder: Path) -> None:
    """Write the tables from the shards; `clips.parquet`, which marks a store as complete, comes last."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    with ExitStack() as stack:
        temporary = {name: stack.enter_context(replacing(folder / name)) for name in (*tables.DERIVED, tables.FRAMES)}
        frame_schema, clip_schema = map(tables.schema_of, (tables.FRAME_TYPES, tables.CLIP_TYPES))
        with ExitStack() as open_files:
            file = open_files.enter_context(temporary[tables.FAILURES].open("w", encoding="utf-8", newline=""))
            failures = csv.writer(file, lineterminator="\n")
            failures.writerow(tables.FAILURE_COLUMNS)
            frames = open_files.enter_context(pq.ParquetWriter(temporary[tables.INDEX], frame_schema))
            clips = open_files.enter_context(pq.ParquetWriter(temporary[tables.CLIPS], clip_schema))
            state = frames_file.state_of(folder)
            kept = open_files.enter_context(frames_file.FramesWriter(temporary[tables.FRAMES], state))
            records = _with_measured(folder)
            while batch := list(islice(records, columns.AT_ONCE)):
                some = [(shard, measured) for shard, _, measured in batch]
                failures.writerows(tables.failure_rows(record for _, record in some))
                frames.write_table(pa.Table.from_pylist(list(tables.frame_rows(some)), frame_schema))
                clips.write_table(pa.Table.from_pylist(list(tables.clip_rows(some)), clip_schema))
                kept.add([(shard, record) for shard, record, _ in batch])


def keep_frames(folder: Path) -> None:
    """Write `frames.parquet` where it is missing or of other records; in a store that cannot be written it stays so.

    Raises:
        UserError: a shard or a record is damaged.
    """
    if frames_file.is_of(folder, frames_file.state_of(folder)) or writer_lock.interrupted(folder) is not None:
        return
    try:
        lock = writer_lock.lock_writer(folder)
    except UserError:  # on media that are read only, or another process is writing
        return
    with lock, suppress(OSError), replacing(folder / tables.FRAMES) as temporary:
        state, records = frames_file.state_of(folder), tables.read_shards(folder)
        with frames_file.FramesWriter(temporary, state) as kept:
            while batch := list(islice(records, columns.AT_ONCE)):
                kept.add(batch)


def _with_measured(folder: Path) -> Iterator[tuple[int, ClipRecord, ClipRecord]]:
    """Yield every record with its shard, as it is and with sharpness and brightness of all stored frames.

    Older records have none of their own.
    """
    for path in shards.shard_paths(folder):
        with shards.reading(path) as transaction:
            for record in tables.records_in(path, transaction):
                yield int(path.stem), record, _measured(record, transaction)


def _measured(record: ClipRecord, transaction: lmdb.Transaction) -> ClipRecord:
    if all(frame.sharpness is not None for frame in record.frames if frame.crop):
        return record

    def measured(frame: FrameRecord) -> FrameRecord:
        if frame.crop is None or frame.sharpness is not None:
            return frame
        data = transaction.get(keys.crop_key(record.clip.clip_id, frame.index).encode())
        try:
            image = decode(bytes(data or b""))
        except ValueError:
            return frame  # the check of the store tells of it
        inside = face_in_crop(image, frame.box or (math.nan,), frame.crop.region, frame.crop.scale)
        sharpness, brightness = measure(inside)
        return replace(frame, sharpness=sharpness, brightness=brightness)

    return replace(record, frames=tuple(map(measured, record.frames)))
