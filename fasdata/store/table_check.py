"""Compare the derived tables of a store with its records, row by row."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fasdata.errors import UserError
from fasdata.foreign import read_csv_cells
from fasdata.records import ClipRecord
from fasdata.store import frames_file
from fasdata.store.columns import table_of
from fasdata.store.tables import (
    ADDED,
    CLIPS,
    DERIVED,
    FAILURE_COLUMNS,
    FAILURES,
    FRAME_TYPES,
    FRAMES,
    INDEX,
    clip_rows,
    failure_rows,
    frame_rows,
)

if TYPE_CHECKING:
    import pyarrow as pa

_OF_PIXELS = ("sharpness", "brightness")


class TableCheck:
    """Compares the tables of a store with the records it is given, which come in the order of the shards.

    A missing table is not compared: a store without tables is unfinished, which the check notes by itself. Stores of
    earlier versions have no `frames.parquet`.
    """

    def __init__(self, folder: Path) -> None:
        readers: dict[str, Callable[[Path], Iterator[Any]]] = {
            CLIPS: _parquet_rows,
            INDEX: _parquet_rows,
            FAILURES: _csv_rows,
        }
        there = {name: read for name, read in readers.items() if (folder / name).is_file()}
        self._older = {name: absent for name in there if (absent := _absent_columns(folder / name))}
        self._rows = {name: read(folder / name) for name, read in there.items() if name not in self._older}
        self._differ: set[str] = set()
        self._frames = _frame_batches(folder) if (folder / FRAMES).is_file() else None

    def compare(self, shard: int, record: ClipRecord) -> None:
        """Compare the rows of one clip."""
        self._next(CLIPS, clip_rows([(shard, record)]))
        self._next(INDEX, frame_rows([(shard, record)]))
        self._next(FAILURES, failure_rows([record]))
        if self._frames is not None and FRAMES not in self._differ:
            row = next(self._frames, None)
            if row is None or not row.equals(table_of([(shard, record)])):
                self._differ.add(FRAMES)

    def differences(self) -> list[str]:
        """Return what is wrong with the tables, after the last clip."""
        for name, rows in self._rows.items():
            if next(rows, None) is not None:
                self._differ.add(name)
        if self._frames is not None and next(self._frames, None) is not None:
            self._differ.add(FRAMES)
        lacking = {name: " and no ".join(absent) for name, absent in self._older.items()}
        older = [f"{name} is of an earlier version: it has no {absent}" for name, absent in lacking.items()]
        return older + [f"{name} does not agree with the shards" for name in (*DERIVED, FRAMES) if name in self._differ]

    def _next(self, name: str, expected: Iterable[Any]) -> None:
        rows = self._rows.get(name)
        if rows is None or name in self._differ:
            return
        for row in expected:
            if not _agree(next(rows, None), row):
                self._differ.add(name)
                return


def _agree(row: Any, expected: Any) -> bool:
    """Tell whether a row is the expected one; of older records only the table knows the measures of the pixels."""
    if isinstance(row, dict) and isinstance(expected, dict) and row.keys() == expected.keys():
        unknown = {name for name in _OF_PIXELS if name in expected and expected[name] is None}
        return all(row[name] == value for name, value in expected.items() if name not in unknown)
    return bool(row == expected)


def _absent_columns(path: Path) -> list[str]:
    """Return the columns that a table lacks and that later versions added: with them missing the rest may be right."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    if path.name != INDEX:
        return []
    try:
        names = set(pq.ParquetFile(path).schema_arrow.names)
    except (OSError, ValueError, pa.ArrowException):
        return []  # told when its rows are compared
    if not FRAME_TYPES.keys() - set(ADDED) <= names <= FRAME_TYPES.keys():
        return []
    return [name for name in ADDED if name not in names]


def _parquet_rows(path: Path) -> Iterator[dict[str, Any]]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        for batch in pq.ParquetFile(path).iter_batches(batch_size=4096):
            yield from batch.to_pylist()
    except (OSError, ValueError, pa.ArrowException):
        yield {}  # equals no row


def _frame_batches(folder: Path) -> Iterator[pa.Table]:
    """Yield the rows of `frames.parquet`, each a table; one that equals none where it is not of these shards."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        if not frames_file.is_of(folder, frames_file.state_of(folder)):
            yield pa.table({})
        for batch in pq.ParquetFile(folder / FRAMES, page_checksum_verification=True).iter_batches(batch_size=256):
            for row in range(batch.num_rows):
                yield pa.Table.from_batches([batch.slice(row, 1)]).replace_schema_metadata(None)
    except (UserError, OSError, ValueError, pa.ArrowException):
        yield pa.table({})


def _csv_rows(path: Path) -> Iterator[list[str]]:
    try:
        rows = read_csv_cells(path)
        if next(rows, (0, None))[1] != FAILURE_COLUMNS:
            yield []
        yield from (cells for _, cells in rows)
    except UserError:
        yield []
