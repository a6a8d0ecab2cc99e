"""Read tables as spreadsheets save them (semicolons, tabs, UTF-16, a byte order mark), or say what is wrong."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from fasdata.errors import UserError
from fasdata.foreign.cells import csv_rows
from fasdata.foreign.opening import LARGEST, read_bytes, text_of

_DELIMITERS = (",", ";", "\t", "|")
_SAVE = "save it as CSV UTF-8"
_BINARY = {b"PK\x03\x04": "a zip file, as .xlsx and .ods are", b"\xd0\xcf\x11\xe0": "an old Excel file"}


def sheet_text(path: Path, *, largest: int = LARGEST) -> str:
    """Return the text of a file in UTF-8 or UTF-16, with or without a byte order mark.

    Raises:
        UserError: as `read_bytes`; or it is a spreadsheet itself, or in another encoding.
    """
    data = read_bytes(path, largest=largest)
    for magic, what in _BINARY.items():
        if data.startswith(magic):
            raise UserError(f"{path} is no text", found=what, do=f"open it in a spreadsheet and {_SAVE}")
    encoding = _wide_encoding(data)
    if not encoding:
        return text_of(data, str(path), do=_SAVE)
    try:
        return data.decode(encoding).removeprefix("\ufeff")
    except UnicodeDecodeError:
        raise UserError(f"{path} looks like {encoding.upper()} and is not", do=_SAVE) from None


def read_sheet(
    path: Path, *required: str, largest: int = LARGEST, beyond: str = ""
) -> Iterator[tuple[int, dict[str, str]]]:
    """Yield the line number of every row of a table and its stripped cells by column name, in lower case.

    Commas, semicolons, tabs or bars stand between the cells: whichever makes the columns of `required`. Absent cells
    are empty, blank rows are skipped. Cells beyond the columns are left out, or stand under the name `beyond`.

    Raises:
        UserError: as `sheet_text` and `csv_rows`; a column of `required` is missing, or a column is there twice.
    """
    text, skipped = sheet_text(path, largest=largest), 0
    delimiters: tuple[str, ...] = _DELIMITERS
    first, _, rest = text.partition("\n")
    if first.strip().lower().startswith("sep=") and len(first.strip()) <= 5:  # Excel's own first line
        text, skipped, delimiters = rest, 1, (first.strip("\r\n")[4:5] or "\t",)
    delimiter, names = _header(text, path, required, delimiters)
    missing = [name for name in required if name not in names]
    if missing:
        raise UserError(
            f"{path} lacks the column {missing[0]!r}", expected=f"a first line with {', '.join(required)}",
            found=", ".join(names)[:200] or "an empty file",
            do="write the names of the columns into the first line, and commas, semicolons or tabs between the cells",
        )  # fmt: skip
    twice = [name for name, times in Counter(names).items() if name and times > 1]
    if twice:
        raise UserError(f"{path}: the column {twice[0]!r} is there twice", do="remove or rename one of them")
    rows = ((number, cells) for number, cells in csv_rows(text, str(path), delimiter) if any(map(str.strip, cells)))
    next(rows, None)
    for number, cells in rows:
        padded = [cell.strip() for cell in cells] + [""] * len(names)
        extra = {beyond: " ".join(padded[len(names) : len(cells)]).strip()} if beyond else {}
        yield number + skipped, dict(zip(names, padded, strict=False)) | extra


def _header(text: str, path: Path, required: tuple[str, ...], delimiters: tuple[str, ...]) -> tuple[str, list[str]]:
    """Return the delimiter and the names of the columns."""
    headers = {}
    for delimiter in delimiters:
        rows = csv_rows(text[: 1 << 16], str(path), delimiter)
        header = next((cells for _, cells in rows if any(map(str.strip, cells))), [])
        headers[delimiter] = [cell.strip().lower() for cell in header]
    return max(headers.items(), key=lambda item: (set(required) <= set(item[1]), len(item[1]) > 1, len(item[1])))


def _wide_encoding(data: bytes) -> str:
    """Return the encoding of two or four bytes a character that a text is in, "" for any other."""
    for mark, encoding in ((b"\xff\xfe\0\0", "utf-32"), (b"\0\0\xfe\xff", "utf-32"), (b"\xff\xfe", "utf-16"),
                           (b"\xfe\xff", "utf-16")):  # fmt: skip
        if data.startswith(mark):
            return encoding
    start = data[:64]
    if len(start) >= 4 and 0 in start and not any(start[1::2]):
        return "utf-16-le"
    if len(start) >= 4 and 0 in start and not any(start[::2]):
        return "utf-16-be"
    return ""
