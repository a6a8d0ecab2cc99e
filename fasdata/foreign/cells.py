"""Read CSV from outside, row by row; a quote that is never closed does not swallow the rest of the file."""

from __future__ import annotations

import bz2
import csv
import gzip
import io
import lzma
import os
import re
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, BinaryIO, cast
from zipfile import BadZipFile, ZipFile

from fasdata.errors import UserError
from fasdata.foreign.opening import in_words, opened

if TYPE_CHECKING:
    import pandas as pd

LARGEST_TABLE = 64 << 30  # bytes of a table that is read row by row: scores of millions of frames
_MOST_PACKED = 300  # bytes of a table that one packed byte stands for, at most; scores come to about ten
_HARMLESS = 64 << 20  # bytes
# What pandas and the decompressors raise; pandas' own errors are ValueErrors.
_NO_TABLE = (ValueError, csv.Error, OverflowError, EOFError, OSError, lzma.LZMAError, zlib.error, BadZipFile)


def csv_rows(text: str | Iterable[str], where: str, delimiter: str = ",") -> Iterator[tuple[int, list[str]]]:
    """Yield the number of the last line of every row of a CSV, from 1, and its cells as they are.

    `text` is whole or in lines. A quote that is never closed, which would swallow the rest of the file, is refused.

    Raises:
        UserError: it is no CSV.
    """
    lines = io.StringIO(text, newline="") if isinstance(text, str) else text
    rows = csv.reader(_closed_quotes(lines, where, delimiter), delimiter=delimiter)
    try:
        for cells in rows:
            yield rows.line_num, cells
    except csv.Error as error:
        raise UserError(f"{where} is not a CSV file", found=f"line {rows.line_num}: {in_words(error)}") from None


def _closed_quotes(lines: Iterable[str], where: str, delimiter: str) -> Iterator[str]:
    """Yield the lines; after the last one refuse a quoted cell that is still open. A quote inside a cell is text."""
    begun, number, mark = 0, 0, re.compile(f'["{re.escape(delimiter)}\\r\\n]')
    for number, line in enumerate(lines, 1):
        if begun or '"' in line:
            begun = _open_quote(line, number, begun, mark)
        yield line
    if begun:
        raise UserError(
            f"{where} is not a CSV file", found=f"a quote in line {begun} that is not closed before the end"
        )


def _open_quote(line: str, number: int, begun: int, mark: re.Pattern[str]) -> int:
    """Return the line in which the quote that is open after this line began, 0 where none is."""
    start = place = 0
    while (match := mark.search(line, place)) is not None:
        place = match.end()
        if match[0] != '"':
            start = start if begun else place
        elif begun:
            if line[place : place + 1] == '"':
                place += 1  # two of them inside a quoted cell are one character
            else:
                begun, start = 0, -1
        elif match.start() == start:
            begun = number
    return begun


def csv_cells(line: str, where: str) -> list[str]:
    """Return the cells of one line of a CSV.

    Raises:
        UserError: it is no CSV, or more than one line.
    """
    rows = [cells for _, cells in csv_rows(line, where)]
    if len(rows) > 1:
        raise UserError(f"{where} is more than one line", expected="lines that end with a line feed")
    return rows[0] if rows else []


def whole_number(text: str) -> int | None:
    """Return the number that a text of decimal digits states, None for any other text, and for more than 15 digits.

    >>> whole_number("007"), whole_number("-1"), whole_number("²"), whole_number("9" * 5000)
    (7, None, None, None)
    """
    return int(text) if text.isdecimal() and len(text) <= 15 else None


def read_csv_rows(path: Path) -> Iterator[tuple[int, dict[str, str]]]:
    """Yield the line number and the cells by column name of every row after the first, which names the columns.

    The file is read row by row. Bytes that are no UTF-8 become the replacement character; cells beyond the columns are
    left out, absent ones are empty; blank rows are skipped.

    Raises:
        UserError: as `opened` and `csv_rows`.
    """
    rows = read_csv_cells(path)
    _, header = next(rows, (1, []))
    names = [name.strip() for name in header]
    for number, cells in rows:
        if any(cell.strip() for cell in cells):
            yield number, dict(zip(names, [*cells, *[""] * len(names)], strict=False))


def read_csv_cells(path: Path, *, largest: int = LARGEST_TABLE) -> Iterator[tuple[int, list[str]]]:
    """Yield the line number and the cells of every row of a CSV file, row by row; bytes that are no UTF-8 are replaced.

    Raises:
        UserError: as `opened` and `csv_rows`.
    """
    with opened(path, largest=largest) as file:
        yield from csv_rows(io.TextIOWrapper(file, "utf-8-sig", "replace", newline=""), str(path))


def read_table(path: Path, *, separator: str = ",", names: Sequence[str] | None = None) -> pd.DataFrame:
    """Return a CSV file as a table of text cells, empty ones included; `.gz`, `.bz2`, `.xz` and `.zip` are unpacked.

    A `separator` " " stands for any number of blanks and tabs. `names` are the columns of a file without a header.

    Raises:
        UserError: as `opened`, or it is no CSV: longer rows than columns, an open quote, no UTF-8, no columns.
    """
    import pandas as pd

    with opened(path, largest=LARGEST_TABLE) as file:
        try:
            content = _unpacked(file, path.suffix.lower())
            table = pd.read_csv(
                content, sep=r"\s+" if separator == " " else separator, dtype=str, keep_default_na=False,
                encoding="utf-8-sig", names=None if names is None else list(names),
                header=0 if names is None else None,
            )  # fmt: skip
            if not isinstance(table.index, pd.RangeIndex):  # pandas takes cells beyond the columns for names of rows
                raise ValueError(f"rows of more cells than the {len(table.columns)} columns")
            return table
        except _NO_TABLE as error:
            if "out of memory" in str(error):
                raise MemoryError(f"{path}: {in_words(error)}") from None
            raise UserError(f"{path} is not a CSV file", found=in_words(error)) from None


def first_lines(path: Path, count: int, *, longest: int = 1 << 20) -> list[str]:
    """Return the first lines of a text that hold more than blanks, packed or not as in `read_table`.

    A line ends after `longest` bytes; bytes that are no UTF-8 are replaced.

    Raises:
        UserError: as `opened`, or it cannot be unpacked.
    """
    lines: list[str] = []
    with opened(path, largest=LARGEST_TABLE) as file:
        try:
            content = _unpacked(file, path.suffix.lower())
            while len(lines) < count and (line := content.readline(longest)):
                text = line.decode("utf-8-sig" if not lines else "utf-8", "replace").strip("\r\n")
                lines += [text] if text.strip() else []
        except _NO_TABLE as error:
            raise UserError(f"{path} cannot be unpacked", found=in_words(error)) from None
    return lines


def _unpacked(file: BinaryIO, suffix: str) -> IO[bytes]:
    """Return the content of a file that the suffix says is packed; any other file as it is.

    Raises:
        ValueError: reading it unpacks far more than a table can be packed.
    """
    openers: dict[str, Callable[[], IO[bytes]]] = {
        ".gz": lambda: cast(IO[bytes], gzip.GzipFile(fileobj=file)),
        ".bz2": lambda: cast(IO[bytes], bz2.BZ2File(file)),
        ".xz": lambda: cast(IO[bytes], lzma.LZMAFile(file)),  # noqa: SIM115 (as open as `file`)
        ".zip": lambda: _only_member(file),
    }
    if suffix not in openers:
        return file
    most = max(_HARMLESS, _MOST_PACKED * os.fstat(file.fileno()).st_size)
    return cast(IO[bytes], io.BufferedReader(_Limited(openers[suffix](), most)))


def _only_member(file: BinaryIO) -> IO[bytes]:
    archive = ZipFile(file)
    if len(archive.namelist()) != 1:
        raise ValueError(f"an archive of {len(archive.namelist())} files")
    return archive.open(archive.namelist()[0])


class _Limited(io.RawIOBase):
    """A stream that ends with an error after a number of bytes: a few kilobytes can be packed terabytes."""

    def __init__(self, stream: IO[bytes], most: int) -> None:
        self._stream, self._left = stream, most

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        data = self._stream.read(len(buffer))
        self._left -= len(data)
        if self._left < 0:
            raise ValueError("it unpacks to far more than a table can be packed")
        buffer[: len(data)] = data
        return len(data)
