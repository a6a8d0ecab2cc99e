"""`frames.parquet`: the columns of `fasdata.store.columns`, kept beside the shards and proven to be of their records.

The file counts only while each shard is in the very state that it was derived from (the newest transaction of the file,
the root of its tree, its last page), and while its clips have the content hashes that `clips.parquet` names. Anything
else, and it is as if it were not there: the records are the truth, and are read.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

from fasdata.errors import UserError
from fasdata.foreign import json_of, read_parquet, read_parquet_notes
from fasdata.records import ClipRecord
from fasdata.store import columns, shards, tables, writer_lock
from fasdata.store.lmdb_format import DamagedPages, read_metas

if TYPE_CHECKING:
    import pyarrow as pa

FORMAT = 1
_NOTES = b"fasdata.frames"
_GROUP = 16 << 20  # bytes that are written together
State = dict[str, list[int]]  # by the name of a shard's file: transaction, root page, last page


def state_of(folder: Path) -> State:
    """Return in which state the shards of a store are, from their first pages.

    Raises:
        UserError: a shard is damaged.
    """
    states: State = {}
    for path in shards.shard_paths(folder):
        try:
            newest = max(read_metas(path), key=lambda meta: meta.txn)
        except DamagedPages as error:
            raise shards.damaged(path, str(error)) from None
        states[path.name] = [newest.txn, newest.main.root, newest.last_page]
    return states


class FramesWriter:
    """Writes the columns of a store whose shards are in `state`, some clips at a time.

    What it holds are numbers of which hardly two are the same: they are not compressed, so that they are read at once.
    """

    def __init__(self, path: Path, state: State) -> None:
        import pyarrow.parquet as pq

        schema = columns.schema()
        about = {_NOTES: json.dumps({"format": FORMAT, "shards": state}, sort_keys=True).encode()}
        texts = [field.name for field in schema if field.type == "string"]
        self._file = pq.ParquetWriter(
            path, schema.with_metadata(about), compression="NONE", use_dictionary=texts, write_page_checksum=True
        )
        self._waiting: list[pa.Table] = []

    def add(self, records: Sequence[tuple[int, ClipRecord]]) -> None:
        """Add the rows of records, given with their shards."""
        self._waiting.append(columns.table_of(records))
        if sum(table.nbytes for table in self._waiting) > _GROUP:
            self._write()

    def _write(self) -> None:
        import pyarrow as pa

        if self._waiting:
            self._file.write_table(pa.concat_tables(self._waiting))
            self._waiting = []

    def __enter__(self) -> FramesWriter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self._write()
        self._file.close()


def is_of(folder: Path, state: State) -> bool:
    """Tell whether the file is there and was derived from the shards in this state."""
    path = folder / tables.FRAMES
    try:
        return path.is_file() and _state_in(read_parquet_notes(path)) == state
    except UserError:
        return False


def current(folder: Path, listed: Mapping[str, Sequence[object]]) -> columns.Columns | None:
    """Return the columns of a store from its file, None where there is none that is of its records as they are now.

    `listed` are the columns clip_id, content_hash and shard of `clips.parquet`.

    Raises:
        UserError: a shard is damaged.
    """
    if writer_lock.interrupted(folder) is not None or not is_of(folder, state_of(folder)):
        return None
    try:
        table = read_parquet(folder / tables.FRAMES, checksums=True)
        known = columns.Columns(table.replace_schema_metadata(None))
    except (UserError, ValueError):
        return None
    here = {"clip_id": known.text("clip_id"), "content_hash": known.text("content_hash"), "shard": known.shards}
    return known if here == dict(listed) else None


def _state_in(notes: Mapping[bytes, bytes]) -> State | None:
    about = json_of(notes.get(_NOTES, b"{}"), tables.FRAMES)
    return about.get("shards") if isinstance(about, dict) and about.get("format") == FORMAT else None
