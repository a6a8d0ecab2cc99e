"""The one door for text from outside: JSON, YAML and CSV come in here, with limits on size, depth and encoding.

Whatever is wrong with a file ends in one line that names it. Only regular files are read: a pipe would wait for ever.
Nothing is run, unpickled, or believed before its form was checked.
"""

from __future__ import annotations

import csv
import io
import json
import lzma
import os
import re
import stat
import zlib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, TypeVar, get_args
from zipfile import BadZipFile

import yaml
from pydantic import BaseModel, ValidationError

from fasdata.errors import UserError, nearest

if TYPE_CHECKING:
    import pandas as pd

Model = TypeVar("Model", bound=BaseModel)

LARGEST = 2 << 30  # bytes of a text that is read whole
LARGEST_TABLE = 64 << 30  # bytes of a table that is read row by row: scores of millions of frames
LARGEST_YAML = 16 << 20  # a card with a table of paths; YAML is read slowly
DEEPEST = 100  # lists and mappings inside each other; ours have under ten
MOST = 20_000_000  # values of one text, written out; the largest lists have a few million
_SHOWN = 160  # characters of a parser's own words
# What pandas and the decompressors raise; pandas' own errors are ValueErrors.
_NO_TABLE = (ValueError, csv.Error, OverflowError, EOFError, OSError, lzma.LZMAError, zlib.error, BadZipFile)
_CSV_MARK = re.compile(r'[",\r\n]')

# -- Bytes and text ---------------------------------------------------------------------------------------------------


class Unreadable(UserError):
    """The file itself cannot be had: it is missing, no regular file, too large, or the system refuses it."""


@contextmanager
def opened(path: Path, *, largest: int = LARGEST) -> Iterator[BinaryIO]:
    """Open a regular file for reading.

    Raises:
        Unreadable: it is missing, no regular file, larger than `largest` bytes, or cannot be read.
    """
    try:
        handle = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0))
        try:
            state = os.fstat(handle)
            if not stat.S_ISREG(state.st_mode):
                raise Unreadable(f"{path} is no file", expected="a regular file", found=_kind(state.st_mode))
            if state.st_size > largest:
                size = f"{state.st_size / 2**20:.1f} MiB"
                raise Unreadable(f"{path} is too large", expected=f"at most {largest / 2**20:.1f} MiB", found=size)
            with os.fdopen(handle, "rb", closefd=False) as file:
                yield file
        finally:
            os.close(handle)
    except OSError as error:
        raise Unreadable(f"{path} cannot be read", found=error.strerror or str(error)) from None


def read_bytes(path: Path, *, largest: int = LARGEST) -> bytes:
    """Return the content of a regular file.

    Raises:
        Unreadable: as `opened`.
    """
    with opened(path, largest=largest) as file:
        return file.read(largest + 1)


def read_text(path: Path, *, largest: int = LARGEST) -> str:
    """Return the text of a regular file in UTF-8; a byte order mark is left out.

    Raises:
        UserError: as `read_bytes`, or the bytes are no UTF-8.
    """
    return text_of(read_bytes(path, largest=largest), str(path))


def text_of(data: bytes, where: str) -> str:
    """Return bytes as UTF-8 text, without a byte order mark; `where` names their source in an error.

    Raises:
        UserError: they are no UTF-8.
    """
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UserError(
            f"{where} is no UTF-8 text", found=f"byte {data[error.start]:#04x} at {error.start}", do="save it as UTF-8"
        ) from None


# -- JSON -------------------------------------------------------------------------------------------------------------


def json_of(text: str | bytes, where: str, *, unique_keys: bool = False, do: str = "") -> Any:
    """Return the value of a JSON text; with `unique_keys` a key that stands twice in an object is refused.

    `where` names the text in an error, `do` says there what helps.

    Raises:
        UserError: it is no JSON, or nested deeper than `DEEPEST`.
    """
    text = text_of(text, where) if isinstance(text, bytes) else text
    try:
        value = json.loads(text, object_pairs_hook=_once if unique_keys else None)
    except RecursionError:
        raise _too_deep(where) from None
    except ValueError as error:
        raise UserError(f"{where} is damaged", expected="JSON", found=_words(error), do=do) from None
    return _shallow(value, where)


def read_json(path: Path, *, largest: int = LARGEST, unique_keys: bool = False, do: str = "") -> Any:
    """Return the value of a JSON file.

    Raises:
        UserError: as `read_text` and `json_of`.
    """
    return json_of(read_text(path, largest=largest), str(path), unique_keys=unique_keys, do=do)


def read_json_object(path: Path, *, largest: int = LARGEST, do: str = "") -> dict[str, Any]:
    """Return the object that a JSON file holds.

    Raises:
        UserError: as `read_json`, or it holds another kind of value.
    """
    value = read_json(path, largest=largest, do=do)
    if not isinstance(value, dict):
        raise UserError(f"{path} is damaged", expected="a JSON object", found=type(value).__name__, do=do)
    return value


def quick_json(data: bytes) -> Any:
    """Return the value of a JSON text that the caller checks whole, as a store does with a million records.

    Raises:
        ValueError: it is no JSON.
        RecursionError: it is nested too deeply.
    """
    return json.loads(data)


# -- YAML -------------------------------------------------------------------------------------------------------------


def yaml_of(text: str, where: str) -> Any:
    """Return the value of a YAML text, of plain types alone.

    Raises:
        UserError: it is no YAML, or nested deeper than `DEEPEST`.
    """
    try:
        value = _loaded(text)
    except RecursionError:
        raise _too_deep(where) from None
    except (yaml.YAMLError, ValueError) as error:  # ValueError: a date that no calendar has
        raise UserError(f"{where} is not readable YAML", found=_words(error)) from None
    return _bounded(value, where)


def read_yaml(path: Path) -> Any:
    """Return the value of a YAML file.

    Raises:
        UserError: as `read_text` and `yaml_of`.
    """
    return yaml_of(read_text(path, largest=LARGEST_YAML), str(path))


def _loaded(text: str) -> Any:
    loader = _Loader(text)
    try:
        return loader.get_single_data()
    finally:
        loader.dispose()


class _Loader(yaml.SafeLoader):
    """The safe loader, which reads nested structures by recursion: it stops at `DEEPEST` instead of the stack's end."""

    _depth = 0

    def compose_node(self, parent: Any, index: Any) -> Any:
        self._depth += 1
        if self._depth > DEEPEST:
            raise RecursionError
        try:
            return super().compose_node(parent, index)
        finally:
            self._depth -= 1


# -- CSV --------------------------------------------------------------------------------------------------------------


def csv_rows(text: str | Iterable[str], where: str) -> Iterator[tuple[int, list[str]]]:
    """Yield the number of the last line of every row of a CSV, from 1, and its cells as they are.

    `text` is whole or in lines. A quote that is never closed, which would swallow the rest of the file, is refused.

    Raises:
        UserError: it is no CSV.
    """
    lines = io.StringIO(text, newline="") if isinstance(text, str) else text
    rows = csv.reader(_closed_quotes(lines, where))
    try:
        for cells in rows:
            yield rows.line_num, cells
    except csv.Error as error:
        raise UserError(f"{where} is not a CSV file", found=f"line {rows.line_num}: {_words(error)}") from None


def _closed_quotes(lines: Iterable[str], where: str) -> Iterator[str]:
    """Yield the lines; after the last one refuse a quoted cell that is still open. A quote inside a cell is text."""
    begun, number = 0, 0
    for number, line in enumerate(lines, 1):
        if begun or '"' in line:
            begun = _open_quote(line, number, begun)
        yield line
    if begun:
        raise UserError(
            f"{where} is not a CSV file", found=f"a quote in line {begun} that is not closed before the end"
        )


def _open_quote(line: str, number: int, begun: int) -> int:
    """Return the line in which the quote that is open after this line began, 0 where none is."""
    start = place = 0
    while (match := _CSV_MARK.search(line, place)) is not None:
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


def read_table(path: Path) -> pd.DataFrame:
    """Return a CSV file as a table of text cells, empty ones included; `.gz`, `.bz2`, `.xz` and `.zip` are unpacked.

    Raises:
        UserError: as `opened`, or it is no CSV: rows of different lengths, an open quote, no UTF-8, no columns.
    """
    import pandas as pd

    packed = {".gz": "gzip", ".bz2": "bz2", ".xz": "xz", ".zip": "zip"}.get(path.suffix.lower())
    with opened(path, largest=LARGEST_TABLE) as file:
        try:
            return pd.read_csv(file, dtype=str, keep_default_na=False, encoding="utf-8-sig", compression=packed)  # type: ignore[arg-type]
        except (
            ValueError,
            csv.Error,
            OverflowError,
            EOFError,
            OSError,
            lzma.LZMAError,
            zlib.error,
            BadZipFile,
        ) as error:
            raise UserError(f"{path} is not a CSV file", found=_words(error)) from None  # pandas' own are ValueErrors


# -- Schemas ----------------------------------------------------------------------------------------------------------


def validated(model: type[Model], data: Any, where: str) -> Model:
    """Return the data as a validated `model`.

    Raises:
        UserError: it is no mapping of keys, a key is unknown (names the nearest), or a value does not fit.
    """
    if not isinstance(data, Mapping):
        raise UserError(
            f"{where} does not hold keys and values", expected=", ".join(model.model_fields), found=type(data).__name__
        )
    try:
        return model.model_validate(dict(data))
    except ValidationError as error:
        raise UserError(f"{where}: {first_problem(error, model)}") from None
    except RecursionError:
        raise _too_deep(where) from None


def read_declared(path: Path, model: type[Model]) -> Model:
    """Read a YAML file into a validated `model`.

    Raises:
        UserError: as `read_yaml` and `validated`.
    """
    return validated(model, read_yaml(path), str(path))


def first_problem(error: ValidationError, model: type[BaseModel]) -> str:
    """Return the most telling problem of a failed validation, in one line."""
    problems = error.errors(include_url=False, include_input=False)
    # A misspelt key is also a missing one: the spelling is what helps.
    first = next((problem for problem in problems if problem["type"] == "extra_forbidden"), problems[0])
    where = ".".join(str(part) for part in first["loc"])
    if first["type"] == "extra_forbidden":
        close = nearest(str(first["loc"][-1]), {path.rpartition(".")[2] for path in key_paths(model)})
        return f"unknown key {where!r}" + (f"; did you mean {close!r}?" if close else "")
    return f"{where or 'the file'}: {first['msg'].removeprefix('Value error, ')}"


def key_paths(
    model: type[BaseModel], inner: Mapping[str, type[BaseModel]] | None = None, prefix: str = ""
) -> Iterator[str]:
    """Yield the path (`data.augment.blur`) of every key of a model, each section before the keys in it.

    `inner` gives the models of those sections, by path, that the outer model declares as plain mappings.
    """
    for name, field in model.model_fields.items():
        path = prefix + name
        yield path
        for section in [inner[path]] if inner and path in inner else _models_in(field.annotation):
            yield from key_paths(section, inner, path + ".")


def _models_in(annotation: object) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for part in get_args(annotation):
        yield from _models_in(part)


# -- What is wrong, in words ------------------------------------------------------------------------------------------


def _shallow(value: Any, where: str) -> Any:
    """Return the value of a JSON text; refuse one that is nested deeper than `DEEPEST`."""
    level = [value] if isinstance(value, dict | list) else []
    for _ in range(DEEPEST):
        if not level:
            return value
        level = [part for node in level for part in _parts(node)]
    raise _too_deep(where)


def _bounded(value: Any, where: str) -> Any:
    """Return the value; refuse one so deep or so large, written out, that code which walks it would not come back.

    YAML lets one part stand in many places, or inside itself: a few lines can stand for a billion values.
    """
    heights: dict[int, int] = {}
    sizes: dict[int, int] = {}
    path: list[tuple[Any, Iterator[Any]]] = [(value, _parts(value))]
    inside = {id(value)}
    while path:
        node, rest = path[-1]
        part = next((part for part in rest if id(part) not in heights), None)
        if part is not None:
            if id(part) in inside or len(path) >= DEEPEST:
                raise _too_deep(where)
            inside.add(id(part))
            path.append((part, _parts(part)))
            continue
        path.pop()
        inside.discard(id(node))
        parts = list(_parts(node))
        heights[id(node)] = 1 + max((heights[id(part)] for part in parts), default=0)
        sizes[id(node)] = (
            1 + len(node if isinstance(node, dict | list) else ()) + sum(sizes[id(part)] for part in parts)
        )
        if heights[id(node)] > DEEPEST:
            raise _too_deep(where)
        if sizes[id(node)] > MOST:
            raise UserError(f"{where} holds too many values", expected=f"at most {MOST:,}")
    return value


def _parts(node: Any) -> Iterator[Any]:
    """Yield the lists and mappings directly inside a value."""
    values = node.values() if isinstance(node, dict) else node if isinstance(node, list) else ()
    return (part for part in values if isinstance(part, dict | list))


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    keys = dict(pairs)
    if len(keys) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"the key {twice[:80]!r} stands twice")
    return keys


def _too_deep(where: str) -> UserError:
    return UserError(f"{where} is nested too deeply", expected=f"at most {DEEPEST} levels")


def _words(error: Exception) -> str:
    return " ".join(str(error).split())[:_SHOWN] or type(error).__name__


def _kind(mode: int) -> str:
    kinds = {
        stat.S_ISDIR: "a folder",
        stat.S_ISFIFO: "a pipe",
        stat.S_ISSOCK: "a socket",
        stat.S_ISCHR: "a device",
        stat.S_ISBLK: "a device",
    }
    return next((words for test, words in kinds.items() if test(mode)), "something else")
