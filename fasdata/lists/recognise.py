"""Recognise how a list of another project is written: what stands between its columns, and which is path and label."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from fasdata.errors import UserError
from fasdata.foreign import csv_rows

PATH, LABEL, SUBJECT, ATTACK, OTHER = "path", "label", "subject", "attack_type", "-"
ROLES = (PATH, LABEL, SUBJECT, ATTACK, OTHER)
_NAMED = {
    PATH: "path filename file file_name filepath file_path image img image_path img_path photo_path video clip name "
    "stem key rgb color colour depth ir infrared",
    LABEL: "label labels class target gt ground_truth is_real is_live real_label photo_label spoof spoof_label",
    SUBJECT: "subject subject_id client client_id person identity",
    ATTACK: "attack_type attack type pai",
}
_ROLE_OF = {name: role for role, names in _NAMED.items() for name in names.split()}
_DELIMITERS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "bars", " ": "blanks"}
_LIKE_PATH = re.compile(r"[/\\]|\.\w{2,5}$|\w_\w")
_NUMBER = re.compile(r"([+-]?[0-9]{1,12})(?:\.0*)?")
_FEW = 16  # different values: more are no labels
_LOOKED_AT = 2000  # lines


@dataclass(frozen=True)
class Shape:
    """How a list is written: what stands between its columns, the role of each, and whether its first line names them.

    Between blanks, a list with one path column may have blanks inside its paths (`loose`): its label is the first or
    the last word.
    """

    delimiter: str
    roles: tuple[str, ...]
    header: bool = False
    loose: bool = False

    def describe(self) -> str:
        """Return in words which column is taken for what."""
        count = self.roles.count(PATH)
        parts = []
        for role, what in ((LABEL, "label"), (PATH, "path"), (SUBJECT, "subject"), (ATTACK, "attack")):
            places = [str(at + 1) for at, its in enumerate(self.roles) if its == role]
            if places:
                name = "paths of modalities" if role == PATH and count > 1 else what
                parts.append(f"{name} = column {' and '.join(places)}")
        if LABEL not in self.roles:
            parts.append("no label")
        head = ", first line = names of columns" if self.header else ""
        return f"{_DELIMITERS[self.delimiter]} between columns, {', '.join(parts)}{head}"

    def cells(self, line: str, where: str) -> list[str]:
        """Return the cells of a line, as many as the list has columns, or those that there are."""
        if self.delimiter != " ":
            rows = [cells for _, cells in csv_rows(line, where, self.delimiter)]
            return [cell.strip() for cell in rows[0]] if rows else []
        if not self.loose:
            return line.split()
        if self.roles == (PATH,):
            return [line.strip()]
        return line.split(None, 1) if self.roles[0] == LABEL else line.rsplit(None, 1)


def recognise(lines: Sequence[tuple[int, str]], path: Path, columns: str = "") -> Shape:
    """Return how a list is written, given its numbered lines that are not blank.

    `columns` names the role of each column instead (`label,path`; `-` for one that means nothing here).

    Raises:
        UserError: it is not clear which column is the path or the label; asks for `columns`.
    """
    some = [line for _, line in lines[:_LOOKED_AT]]
    asked = _asked(columns)
    delimiter = _delimiter(some, len(asked))
    if delimiter == " ":
        return _of_blanks(some, asked, path)
    table = [Shape(delimiter, ()).cells(line, f"{path} line {number}") for number, line in lines[:_LOOKED_AT]]
    header = _is_header(table[0], table[1:])
    body = table[1:] if header else table
    width = Counter(map(len, body)).most_common(1)[0][0] if body else len(table[0])
    roles = asked or _roles(table[0] if header else [], [row for row in body if len(row) == width], width)
    return _checked(Shape(delimiter, tuple(roles), header), path, some)


def is_number(text: str) -> bool:
    """Tell whether a cell is a whole number, signed or with a decimal point: `+1`, `-1`, `1.0`."""
    return number_of(text) is not None


def number_of(text: str) -> int | None:
    """Return the whole number that a label states, None for anything else.

    >>> number_of("+1"), number_of("1.0"), number_of("-1"), number_of("0.87"), number_of("nan")
    (1, 1, -1, None, None)
    """
    match = _NUMBER.fullmatch(text)
    return int(match[1]) if match else None


def _asked(columns: str) -> list[str]:
    roles = [word.strip().lower() for word in columns.split(",")] if columns else []
    strange = [role for role in roles if role not in ROLES]
    if strange or (roles and PATH not in roles) or roles.count(LABEL) > 1:
        raise UserError(f"--columns {columns}", expected=f"a role for each column: {', '.join(ROLES)}, e.g. label,path")
    return roles


def _delimiter(lines: Sequence[str], wanted: int) -> str:
    """Return what stands between columns: what splits every line, after the first, into equally many."""
    body = lines[1:] or lines
    for delimiter in (",", "\t", ";", "|"):
        counts = {line.count(delimiter) for line in body}
        if min(counts) and (len(counts) == 1 or max(counts) - min(counts) <= 1) and wanted in (0, min(counts) + 1):
            return delimiter
    return " "


def _of_blanks(lines: Sequence[str], asked: Sequence[str], path: Path) -> Shape:
    header = len(lines) > 1 and _is_header(lines[0].split(), [line.split() for line in lines[1:]])
    words = [line.split() for line in (lines[1:] if header else lines)]
    widths = {len(row) for row in words}
    first, last = (all(len(row) > 1 and is_number(row[at]) for row in words) for at in (0, -1))
    if asked:
        loose = widths != {len(asked)}
        if loose and (sorted(asked) != [LABEL, PATH]):
            raise _unclear(path, lines)
        return Shape(" ", tuple(asked), header, loose)
    if first and last:
        raise _unclear(path, lines)
    rest = [row[1:] if first else row[:-1] if last else row for row in words]
    several = len(widths) == 1 and len(rest[0]) <= 3 and all(_LIKE_PATH.search(word) for row in rest for word in row)
    paths = [PATH] * (len(rest[0]) if several else 1)
    roles = [LABEL, *paths] if first else [*paths, LABEL] if last else paths
    return Shape(" ", tuple(roles), header, loose=not several)


def _is_header(cells: Sequence[str], body: Sequence[Sequence[str]]) -> bool:
    """Tell whether a first line names columns: words that columns have, and no number where all others have one."""
    names = [cell.strip().lower().lstrip("#") for cell in cells]
    known = sum(name in _ROLE_OF for name in names)
    if not known or any(is_number(name) for name in names):
        return False
    numeric = any(body and all(len(row) > at and is_number(row[at]) for row in body) for at in range(len(names)))
    return numeric or known == len(names) or known > 1


def _roles(header: Sequence[str], body: Sequence[Sequence[str]], width: int) -> list[str]:
    """Return the role of each column, by its name, else by its cells; "" where it is not clear."""
    named = [_ROLE_OF.get(name.strip().lower().lstrip("#"), OTHER) for name in header]
    if PATH in named:
        return named
    numeric = [at for at in range(width) if all(is_number(row[at]) for row in body)]
    labels = [at for at in numeric if len({row[at] for row in body}) <= _FEW]
    texts = [at for at in range(width) if at not in numeric]
    paths = [at for at in texts if all(_LIKE_PATH.search(row[at]) for row in body)] or texts
    # MetaPattern's `path,label,faces,frames`: numbers of faces and frames follow the label.
    follows = paths and len(numeric) == 3 and width == 4 and paths[0] == 0
    label = labels[0] if len(labels) == 1 else 1 if follows else None
    label = named.index(LABEL) if LABEL in named else label
    roles = [OTHER] * width
    for at in paths:
        roles[at] = PATH if len(paths) <= 3 else ""
    if label is not None:
        roles[label] = LABEL
    elif labels:
        roles[labels[0]] = ""  # which of them, nothing says
    return roles


def _checked(shape: Shape, path: Path, lines: Sequence[str]) -> Shape:
    paths = shape.roles.count(PATH)
    if "" in shape.roles or not 1 <= paths <= 3 or shape.roles.count(LABEL) > 1:
        raise _unclear(path, lines)
    return shape


def _unclear(path: Path, lines: Sequence[str]) -> UserError:
    return UserError(
        f"the list {path}: it is not clear which column is the path and which the label",
        found=repr(lines[min(1, len(lines) - 1)][:100]),
        do="say it with --columns, e.g. --columns label,path,- (- for a column that means nothing), or give --format",
    )


def data_lines(lines: Iterator[tuple[int, str]]) -> list[tuple[int, str]]:
    """Return the numbered lines without comments."""
    return [(number, line) for number, line in lines if not line.startswith(("# ", "//"))]
