"""Read the list formats of other projects as untrusted text; no file that they name is opened."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from fasdata.errors import UserError, unknown_name
from fasdata.foreign import csv_cells, json_of, sheet_text
from fasdata.lists import recognise
from fasdata.records import ATTACK, BONAFIDE


@dataclass(frozen=True)
class ListRow:
    """A line of a list: its paths as written, one for each modality, and its label ("" where it has none).

    `where` is the file and line, for messages.
    """

    paths: tuple[str, ...]
    label: str
    where: str
    subject: str = ""
    attack_type: str = ""


@dataclass(frozen=True)
class ListFile:
    """The rows of a list, and in words which of its columns was taken for what."""

    rows: Sequence[ListRow]
    taken: str


# -- Read a list file -------------------------------------------------------------------------------------------------

MOST_BYTES = 512 * 2**20
MOST_LINE = 4096
_BONAFIDE_WORDS, _ATTACK_WORDS = {"real", "live", "bonafide"}, {"fake", "spoof", "attack"}
Lines = Iterator[tuple[int, str]]


def read_list(path: Path, form: str, bonafide_is: int | str, columns: str = "") -> list[ListRow]:
    """Return the rows of a list file: see `open_list`."""
    return list(open_list(path, form, bonafide_is, columns).rows)


def open_list(path: Path, form: str, bonafide_is: int | str, columns: str = "") -> ListFile:
    """Read a list file; `bonafide_is` is the number, or word, that means bona fide where the list has labels.

    Without a `form` it is recognised how the list is written (see `recognise`), or `columns` says it. Formats:
    `metapattern` (CSV, `path,label,…`), `flip` (a path a line, which has the label in it, or JSON with photo_path and
    photo_label), `columns` (`color depth ir label` or fewer, blanks between), `bob` (CSV with a header).

    Raises:
        UserError: the file is missing, too large or no text, a line is not of the format (names file and line), or it
            is not clear which column is which.
    """
    if form and form not in FORMATS:
        raise unknown_name("list format", form, FORMATS)
    if form and columns:
        raise UserError("--columns means nothing here", expected="a list without --format")
    text = sheet_text(path, largest=MOST_BYTES)
    if form or (not columns and path.suffix.lower() == ".json"):
        rows = FORMATS[form or "flip"](text, path, bonafide_is)
        taken = f"format {form or 'flip'}"
    else:
        rows, taken = _recognised(text, path, bonafide_is, columns)
    if not rows:
        raise UserError(f"the list {path} has no rows", expected=f"lines of the format {form}" if form else "")
    return ListFile(rows, taken)


def _recognised(text: str, path: Path, bonafide_is: int | str, columns: str) -> tuple[list[ListRow], str]:
    lines = recognise.data_lines(_lines(text, path))
    if not lines:
        return [], ""
    shape = recognise.recognise(lines, path, columns)
    rows, by_path = [], 0
    for number, line in lines[shape.header :]:
        where = f"{path} line {number}"
        cells = shape.cells(line, where)
        if len(cells) < len(shape.roles):
            raise _malformed(path, number, f"{len(shape.roles)} columns", line)
        of = {
            role: [cell for cell, its in zip(cells, shape.roles, strict=False) if its == role]
            for role in recognise.ROLES
        }
        paths = tuple(_path(cell, path, number) for cell in of[recognise.PATH] if cell)
        if not paths:
            raise _malformed(path, number, "a path", line)
        if of[recognise.LABEL]:
            label = _label(of[recognise.LABEL][0], bonafide_is, path, number)
        elif of[recognise.ATTACK]:  # bob's lists: an attack has a type, a bona fide presentation has none
            label = ATTACK if of[recognise.ATTACK][0] else BONAFIDE
        else:
            label = _label_of_path(paths[0], path)
            by_path += bool(label)
        subject, attack = ("".join(of[role][:1]) for role in (recognise.SUBJECT, recognise.ATTACK))
        rows.append(ListRow(paths, label, f"{path.name}:{number}", subject, attack))
    words = f" (in {by_path} rows the words of the path say it)" if by_path else ""
    return rows, shape.describe() + words


def _metapattern(text: str, path: Path, bonafide_is: int | str) -> list[ListRow]:
    rows: list[ListRow] = []
    for number, line in _lines(text, path):
        cells = csv_cells(line, f"{path} line {number}")
        if len(cells) < 2:
            raise _malformed(path, number, "path,label", line)
        if not rows and cells[1].strip().lower() == "label":
            continue  # a line that names the columns
        rows.append(
            ListRow(
                (_path(cells[0], path, number),), _label(cells[1], bonafide_is, path, number), f"{path.name}:{number}"
            )
        )
    return rows


def _flip(text: str, path: Path, bonafide_is: int | str) -> list[ListRow]:
    if path.suffix == ".json":
        return _flip_json(text, path, bonafide_is)
    rows = []
    for number, line in _lines(text, path):
        name = _path(line, path, number)
        rows.append(ListRow((name,), _label_of_path(name, path), f"{path.name}:{number}"))
    return rows


def _flip_json(text: str, path: Path, bonafide_is: int | str) -> list[ListRow]:
    data = json_of(text, f"the list {path}")
    if not isinstance(data, list):
        raise UserError(f"the list {path}", expected="a list of objects with photo_path", found=type(data).__name__)
    rows = []
    for number, item in enumerate(data, 1):
        if not isinstance(item, dict) or not isinstance(item.get("photo_path"), str):
            raise _malformed(path, number, "an object with photo_path", str(item))
        name = _path(item["photo_path"], path, number)
        label = item.get("photo_label")
        word = _label_of_path(name, path) if label is None else _label(str(label), bonafide_is, path, number)
        rows.append(ListRow((name,), word, f"{path.name}:{number}"))
    return rows


def _columns(text: str, path: Path, bonafide_is: int | str) -> list[ListRow]:
    rows = []
    for number, line in _lines(text, path):
        cells = line.split()
        if not 1 <= len(cells) <= 4:
            raise _malformed(path, number, "color depth ir label", line)
        label = ""
        if recognise.is_number(cells[-1]) and len(cells) > 1:
            label = _label(cells.pop(), bonafide_is, path, number)
        elif len(cells) == 4:
            raise _malformed(path, number, "a number as label in the last column", line)
        rows.append(ListRow(tuple(_path(cell, path, number) for cell in cells), label, f"{path.name}:{number}"))
    return rows


def _bob(text: str, path: Path, bonafide_is: int | str) -> list[ListRow]:
    lines = list(_lines(text, path))
    header = [name.strip().lower() for name in csv_cells(lines[0][1], f"{path} line {lines[0][0]}")] if lines else []
    place = {name: index for index, name in enumerate(header)}
    path_column = next((name for name in ("filename", "path") if name in place), None)
    if path_column is None or not {"label", "attack_type"} & set(place):
        raise UserError(
            f"the list {path}", expected="a header with filename and attack_type or label", found=", ".join(header)
        )
    rows = []
    for number, line in lines[1:]:
        cells = csv_cells(line, f"{path} line {number}")
        if len(cells) != len(header):
            raise _malformed(path, number, f"{len(header)} columns", line)
        attack = cells[place["attack_type"]].strip() if "attack_type" in place else ""
        if "label" in place:
            label = _label(cells[place["label"]], bonafide_is, path, number)
        else:
            label = ATTACK if attack else BONAFIDE
        subject = cells[place["subject"]].strip() if "subject" in place else ""
        rows.append(
            ListRow((_path(cells[place[path_column]], path, number),), label, f"{path.name}:{number}", subject, attack)
        )
    return rows


FORMATS: dict[str, Callable[[str, Path, int | str], list[ListRow]]] = {
    "metapattern": _metapattern,
    "flip": _flip,
    "columns": _columns,
    "bob": _bob,
}


def _lines(text: str, path: Path) -> Lines:
    for number, line in enumerate(text.split("\n"), 1):
        stripped = line.strip()
        if len(stripped) > MOST_LINE:
            raise _malformed(path, number, f"at most {MOST_LINE} characters", stripped)
        if stripped:
            yield number, stripped


def _path(text: str, path: Path, number: int) -> str:
    name = text.strip()
    if not name or any(ord(character) < 32 or ord(character) == 127 for character in name):
        raise _malformed(path, number, "a path without control characters", text)
    return name


def _label(text: str, bonafide_is: int | str, path: Path, number: int) -> str:
    value, wanted = recognise.number_of(text.strip()), recognise.number_of(str(bonafide_is))
    if wanted is None:
        return BONAFIDE if text.strip().casefold() == str(bonafide_is).strip().casefold() else ATTACK
    if value is None:
        raise _malformed(path, number, "a number as label", text)
    return BONAFIDE if value == wanted else ATTACK


def _label_of_path(name: str, path: Path) -> str:
    """Return the label in the words of a FLIP path, or else in those of the list's own name."""
    of_path = {word for part in name.lower().split("/")[:-1] for word in (part, *part.split("_"))}
    of_file = set(path.stem.lower().split("_"))
    for words in (of_path, of_file):
        if (words & _BONAFIDE_WORDS) and not (words & _ATTACK_WORDS):
            return BONAFIDE
        if (words & _ATTACK_WORDS) and not (words & _BONAFIDE_WORDS):
            return ATTACK
    return ""


def _malformed(path: Path, number: int, expected: str, text: str) -> UserError:
    return UserError(f"the list {path}, line {number}", expected=expected, found=repr(text[:80]))
