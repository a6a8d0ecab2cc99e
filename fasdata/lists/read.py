"""Read the list formats of other projects as untrusted text; no file that they name is opened."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from fasdata.errors import UserError, unknown_name
from fasdata.foreign import csv_cells, json_of, read_text
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


# -- Read a list file -------------------------------------------------------------------------------------------------

MOST_BYTES = 512 * 2**20
MOST_LINE = 4096
_BONAFIDE_WORDS, _ATTACK_WORDS = {"real", "live", "bonafide"}, {"fake", "spoof", "attack"}
Lines = Iterator[tuple[int, str]]


def read_list(path: Path, form: str, bonafide_is: int) -> list[ListRow]:
    """Read the rows of a list file; `bonafide_is` is the number that means bona fide where the list has numbers.

    Formats: `metapattern` (CSV, `path,label,…`), `flip` (a path a line, which has the label in it, or JSON with
    photo_path and photo_label), `columns` (`color depth ir label` or fewer, blanks between), `bob` (CSV with a header).

    Raises:
        UserError: the file is missing, too large or not UTF-8, or a line is not of the format (names file and line).
    """
    if form not in FORMATS:
        raise unknown_name("list format", form, FORMATS)
    text = read_text(path, largest=MOST_BYTES)
    rows = FORMATS[form](text, path, bonafide_is)
    if not rows:
        raise UserError(f"the list {path} has no rows", expected=f"lines of the format {form}")
    return rows


def _metapattern(text: str, path: Path, bonafide_is: int) -> list[ListRow]:
    rows = []
    for number, line in _lines(text, path):
        cells = csv_cells(line, f"{path} line {number}")
        if len(cells) < 2:
            raise _malformed(path, number, "path,label", line)
        rows.append(
            ListRow(
                (_path(cells[0], path, number),), _label(cells[1], bonafide_is, path, number), f"{path.name}:{number}"
            )
        )
    return rows


def _flip(text: str, path: Path, bonafide_is: int) -> list[ListRow]:
    if path.suffix == ".json":
        return _flip_json(text, path, bonafide_is)
    rows = []
    for number, line in _lines(text, path):
        name = _path(line, path, number)
        rows.append(ListRow((name,), _label_of_path(name, path), f"{path.name}:{number}"))
    return rows


def _flip_json(text: str, path: Path, bonafide_is: int) -> list[ListRow]:
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


def _columns(text: str, path: Path, bonafide_is: int) -> list[ListRow]:
    rows = []
    for number, line in _lines(text, path):
        cells = line.split()
        if not 1 <= len(cells) <= 4:
            raise _malformed(path, number, "color depth ir label", line)
        label = ""
        if cells[-1].lstrip("+-").isdigit() and len(cells) > 1:
            label = _label(cells.pop(), bonafide_is, path, number)
        elif len(cells) == 4:
            raise _malformed(path, number, "a number as label in the last column", line)
        rows.append(ListRow(tuple(_path(cell, path, number) for cell in cells), label, f"{path.name}:{number}"))
    return rows


def _bob(text: str, path: Path, bonafide_is: int) -> list[ListRow]:
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


FORMATS: dict[str, Callable[[str, Path, int], list[ListRow]]] = {
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


def _label(text: str, bonafide_is: int, path: Path, number: int) -> str:
    try:
        value = int(text)
    except ValueError:
        raise _malformed(path, number, "a number as label", text) from None
    return BONAFIDE if value == bonafide_is else ATTACK


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
