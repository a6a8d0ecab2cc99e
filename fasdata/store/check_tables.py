"""Whether the derived tables say what the shards say, compared row by row on the way through them."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from fasdata.records import ClipRecord
from fasdata.store import tables


class TableCheck:
    """Compares the tables of a store with the records it is given, which come in the order of the shards.

    A table that is missing is not compared: a store without tables is unfinished, which is another finding.
    """

    def __init__(self, folder: Path) -> None:
        readers: dict[str, Callable[[Path], Iterator[Any]]] = {
            tables.CLIPS: _parquet_rows,
            tables.INDEX: _parquet_rows,
            tables.FAILURES: _csv_rows,
        }
        self._rows = {name: read(folder / name) for name, read in readers.items() if (folder / name).is_file()}
        self._differ: set[str] = set()

    def compare(self, shard: int, record: ClipRecord) -> None:
        """Compare the rows of one clip."""
        self._next(tables.CLIPS, tables.clip_rows([(shard, record)]))
        self._next(tables.INDEX, tables.frame_rows([(shard, record)]))
        self._next(tables.FAILURES, tables.failure_rows([record]))

    def differences(self) -> list[str]:
        """Return what is wrong with the tables, after the last clip."""
        for name, rows in self._rows.items():
            if next(rows, None) is not None:
                self._differ.add(name)
        return [f"{name} does not say what the shards say" for name in tables.DERIVED if name in self._differ]

    def _next(self, name: str, expected: Iterable[Any]) -> None:
        rows = self._rows.get(name)
        if rows is None or name in self._differ:
            return
        for wanted in expected:
            if next(rows, None) != wanted:
                self._differ.add(name)
                return


def _parquet_rows(path: Path) -> Iterator[dict[str, Any]]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        for batch in pq.ParquetFile(path).iter_batches(batch_size=4096):
            yield from batch.to_pylist()
    except (OSError, ValueError, pa.ArrowException):
        yield {}  # equals no row


def _csv_rows(path: Path) -> Iterator[list[str]]:
    try:
        with path.open(encoding="utf-8", newline="") as file:
            rows = csv.reader(file)
            if next(rows, None) != tables.FAILURE_COLUMNS:
                yield []
            yield from rows
    except (OSError, ValueError, csv.Error):
        yield []
