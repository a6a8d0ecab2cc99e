"""Splits that stand in list files of subjects, not in paths."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from fasdata.datasets.card import Card, SubjectSplit
from fasdata.datasets.list_files import read_lines
from fasdata.errors import UserError
from fasdata.records import Clip


@dataclass(frozen=True)
class SubjectLists:
    """Which split each subject number belongs to, and where that was read."""

    split_of: dict[int, str]
    source: str

    def apply(self, clip: Clip) -> Clip:
        """Return the clip with its split; empty where the lists do not name the subject."""
        return replace(clip, split=self.split_of.get(int(clip.subject), "")) if clip.subject.isdigit() else clip


def subject_lists(
    card: Card, wanted: SubjectSplit, relpaths: Iterable[str], root: Path | None, lists: Path | None
) -> SubjectLists:
    """Return the split of every subject: from the list files in `lists`, else below `root`, else from the card.

    Raises:
        UserError: `lists` does not exist, a file is missing beside the other, a line is no number, a subject is in two.
    """
    found = _find(wanted, (), None, lists) or _find(wanted, relpaths, root, None)
    missing = sorted(name for split, name in wanted.files.items() if split not in found)
    if missing and found:
        raise UserError(
            f"{card.name}: list files are missing in {next(iter(found.values())).parent}",
            expected=" and ".join(wanted.files.values()),
            found=_names(found),
            do="add " + " and ".join(missing),
        )
    if not found:
        return SubjectLists(
            _unique(card, {split: list(ids) for split, ids in wanted.table.items()}),
            "the card's table (no list file given)",
        )
    numbers = {split: _read_numbers(path) for split, path in found.items()}
    return SubjectLists(_unique(card, numbers), ", ".join(path.name for path in found.values()))


def _find(wanted: SubjectSplit, relpaths: Iterable[str], root: Path | None, lists: Path | None) -> dict[str, Path]:
    if lists is not None:
        if not lists.is_dir():
            raise UserError(
                f"the folder of list files {lists} does not exist",
                expected=f"a folder with {', '.join(wanted.files.values())}",
            )
        present = {path.name.lower(): path for path in sorted(lists.iterdir()) if path.is_file()}
    elif root is not None:
        present = {
            relpath.rsplit("/", 1)[-1].lower(): root / relpath
            for relpath in sorted(relpaths, reverse=True)
            if relpath.lower().endswith(".txt")
        }
    else:
        present = {}
    return {split: present[name.lower()] for split, name in wanted.files.items() if name.lower() in present}


def _read_numbers(path: Path) -> list[int]:
    numbers = []
    for number, line in read_lines(path):
        if not line.isdecimal():
            raise UserError(
                f"{path} line {number}",
                expected="one subject number",
                found=repr(line[:40]),
                do="use the list files of the release",
            )
        numbers.append(int(line))
    return numbers


def _unique(card: Card, numbers: dict[str, list[int]]) -> dict[int, str]:
    split_of: dict[int, str] = {}
    for split, subjects in numbers.items():
        for subject in subjects:
            if split_of.setdefault(subject, split) != split:
                raise UserError(
                    f"{card.name}: subject {subject} stands in the lists of {split_of[subject]} and {split}",
                    do="use the list files of the release",
                )
    return split_of


def _names(found: dict[str, Path]) -> str:
    return ", ".join(path.name for path in found.values()) or "none of them"
