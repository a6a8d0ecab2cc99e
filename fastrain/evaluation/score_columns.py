"""Find out how a score file of others is laid out: its separator, its header, and what each column is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from fasdata.errors import UserError, unknown_name
from fasdata.foreign import csv_cells, first_lines, read_table
from fastrain.evaluation.score_rules import FIELD_PREFIX

if TYPE_CHECKING:
    import pandas as pd

HIGHER = ("bonafide", "attack")
BOB = ("claimed_id", "test_label", "is_bonafide", "attack_type", "score")
# What a column may be, and the names by which files declare it: ours, and those of bob.pad's and our own long forms.
ROLES: dict[str, tuple[str, ...]] = {
    "score": ("score",),
    "label": ("label", "is_bonafide"),
    "id": ("id", "sample_id", "test_label"),
    "clip": ("clip", "clip_id", "video_key"),
    "frame": ("frame", "frame_index", "frame_id"),
    "repeat": ("sample_n",),
    "subject": ("subject", "claimed_id"),
    "species": ("species", "attack_type"),
    "instrument": ("pai",),
    "part": ("part",),
    "dataset": ("dataset",),
    "real_id": ("real_id",),
}
IGNORED = "-"
FOUR = ("subject", "real_id", "id", "score")  # bob's older files: no header, blanks between
TWO = ("score", "label")
_SEPARATORS = ("\t", ";", ",", "|", " ")
READABLE = (
    "a CSV with the columns label and score, bob's CSV or four columns, GRAD-GPAD's dev.json and test.json, lines of "
    "'score label', or our own scores.csv; see fastrain eval --formats"
)


@dataclass(frozen=True)
class Reading:
    """What the user says of a score file, since the file does not: all of it may be left out.

    `higher`: the class that scores higher (`bonafide` or `attack`). `bonafide_is`: the value of the column `label`
    that means bona fide. `columns`: names of the columns of a file without a header, in their order, `-` for one to be
    left out; or `role=column` for a file with another header. `attacks`: for names of attacks, the names to take.
    """

    higher: str = ""
    bonafide_is: str = ""
    columns: tuple[str, ...] = ()
    attacks: tuple[tuple[str, str], ...] = ()

    @classmethod
    def of(cls, higher: str = "", bonafide_is: str = "", columns: str = "", attacks: Sequence[str] = ()) -> Reading:
        """Return the reading that options of the command line ask for.

        Raises:
            UserError: a class, a role or an option `name=name` that does not exist.
        """
        if higher not in ("", *HIGHER):
            raise unknown_name("class for --higher-is", higher, HIGHER)
        names = tuple(name.strip() for name in columns.split(",")) if columns.strip() else ()
        _check_columns(names)
        pairs = []
        for text in attacks:
            name, sign, meant = text.rpartition("=")
            if not sign or not name or not meant:
                raise UserError(f"--map {text}", expected="NAME=NAME, such as print/1=print")
            pairs.append((name, meant))
        return cls(higher, bonafide_is, names, tuple(pairs))


def csv_header(path: Path) -> set[str]:
    """Return the names in the first line of a CSV, none where it cannot be read."""
    try:
        return {name for line in first_lines(path, 1) for name in _cells(line, ",", path)}
    except UserError:
        return set()


def _check_columns(names: Sequence[str]) -> None:
    roles = [name.partition("=")[0] for name in names]
    if any("=" in name for name in names) and not all("=" in name for name in names):
        raise UserError("--columns mixes two forms", expected="names in their order, or ROLE=COLUMN for each")
    for role in roles:
        if role not in {*ROLES, IGNORED}:
            raise unknown_name("column", role, ROLES)
    if twice := [role for role in roles if role != IGNORED and roles.count(role) > 1]:
        raise UserError(f"--columns names {twice[0]} twice")
    if names and not {"score"} <= set(roles):
        raise UserError("--columns names no score", expected="score and label at least", found=", ".join(names))


@dataclass(frozen=True)
class Layout:
    """How a file is laid out: its separator, the names of its columns where it has no header, and the role of each.

    `roles` maps a role to the name of its column; `form` is what people call the layout. `fields` are columns to group
    clips by: those of a header whose names begin with `FIELD_PREFIX`.
    """

    form: str
    separator: str
    names: tuple[str, ...] | None
    roles: Mapping[str, str]
    unread: tuple[str, ...] = ()
    fields: tuple[str, ...] = ()

    @classmethod
    def of(cls, path: Path, reading: Reading, *, labels_known: bool = False) -> Layout:
        """Find the layout of a file from its first lines and from what the user says of it.

        With `labels_known` the file may lack labels, since its ids tell them.

        Raises:
            UserError: it has none that can be read; says which can.
        """
        lines = first_lines(path, 2)
        if not lines:
            raise UserError(f"{path} is empty", expected=READABLE)
        renamed = dict(name.split("=", 1) for name in reading.columns if "=" in name)
        if reading.columns and not renamed:
            return cls._without_header(path, lines, reading.columns)
        for separator in _SEPARATORS:
            header = _cells(lines[0], separator, path)
            if renamed and set(renamed.values()) <= set(header):
                return cls._with_header(path, header, separator, renamed, labels_known)
            if not renamed and "score" in [name.lower() for name in header]:
                return cls._with_header(path, header, separator, {}, labels_known)
        if renamed:
            raise UserError(
                f"{path} has no column {', '.join(sorted(renamed.values()))}", found=_shown(lines[0]),
                do="name the columns as the first line of the file does",
            )  # fmt: skip
        return cls._without_header(path, lines, ())

    @classmethod
    def _with_header(
        cls, path: Path, header: Sequence[str], separator: str, renamed: Mapping[str, str], labels_known: bool
    ) -> Layout:
        if twice := [name for name in header if header.count(name) > 1]:
            raise UserError(f"{path} has two columns {twice[0]!r}")
        roles = dict(renamed)
        for role, names in ROLES.items():
            fitting = [
                name for known in names for name in header if name.lower() == known and name not in roles.values()
            ]
            if fitting and role not in roles:
                roles[role] = fitting[0]
        if "label" not in roles and not labels_known:
            raise UserError(
                f"{path} lacks the column label", expected=READABLE, found=", ".join(header),
                do="or say which column it is: --columns label=COLUMN,score=COLUMN",
            )  # fmt: skip
        bobs = {"test_label", "is_bonafide"} <= set(header)
        fields = tuple(name for name in header if name.startswith(FIELD_PREFIX) and name not in roles.values())
        unread = tuple(name for name in header if name not in (*roles.values(), *fields))
        return cls("bob's CSV" if bobs else "a CSV with a header", separator, None, roles, unread, fields)

    @classmethod
    def _without_header(cls, path: Path, lines: Sequence[str], columns: Sequence[str]) -> Layout:
        known = {len(columns): tuple(columns)} if columns else {len(FOUR): FOUR, len(TWO): TWO}
        for separator in _SEPARATORS:
            counts = {len(_cells(line, separator, path)) for line in lines}
            names = known.get(next(iter(counts))) if len(counts) == 1 else None
            if names is None or not _is_number(_cells(lines[-1], separator, path)[names.index("score")]):
                continue
            if not columns and names == FOUR and separator not in " \t":
                continue
            form = "named columns" if columns else ("bob's four columns" if names == FOUR else "lines of 'score label'")
            plain = tuple(f"column {place}" if name == IGNORED else name for place, name in enumerate(names))
            roles = {name: name for name in names if name != IGNORED}
            return cls(form, separator, plain, roles)
        raise UserError(
            f"{path} is no score file that can be read" + (f" with --columns {','.join(columns)}" if columns else ""),
            expected=READABLE, found=f"the first line {_shown(lines[0])}",
        )  # fmt: skip

    def rows(self, path: Path) -> pd.DataFrame:
        """Return the file's cells as text, one column a role, and the fields.

        Raises:
            UserError: as `read_table`.
        """
        table = read_table(path, separator=self.separator, names=self.names)
        if self.names is None:
            table.columns = [str(name).strip().strip('"') for name in table.columns]
        return table[[*self.roles.values(), *self.fields]].set_axis([*self.roles, *self.fields], axis=1)


def _cells(line: str, separator: str, path: Path) -> list[str]:
    if separator == " ":
        return line.split()
    if separator != ",":
        return [cell.strip().strip('"') for cell in line.split(separator)]
    return [cell.strip() for cell in csv_cells(line, str(path))] if line.count('"') % 2 == 0 else line.split(",")


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _shown(line: str) -> str:
    return repr(line if len(line) <= 80 else line[:77] + "...")
