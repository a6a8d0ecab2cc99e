"""What list files say of clips and subjects, and how it joins what paths say."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from fasdata.datasets.card import Card, SubjectSplit
from fasdata.datasets.list_files import read_lines
from fasdata.errors import UserError
from fasdata.records import Clip

# -- What list files say of clips, and how it joins what their paths say ----------------------------------------------


_NAMES = ("split", "label", "attack_type", "pai", "subject")


@dataclass(frozen=True)
class Facts:
    """Facts of one clip; empty: the list does not tell."""

    split: str = ""
    label: str = ""
    attack_type: str = ""
    pai: str = ""
    subject: str = ""
    fields: Mapping[str, str] = field(default_factory=dict)

    def told(self) -> dict[str, Any]:
        """Return what is known, `fields` apart."""
        return {name: value for name in _NAMES if (value := getattr(self, name))}

    def joined(self, later: Facts) -> Facts:
        """Return these facts with those of a later list laid over them."""
        return replace(self, fields={**self.fields, **later.fields}, **later.told())


ClipOf = Callable[[str], str]  # a path, as a list spells it, to a clip id; "" where it is no clip


@dataclass
class Listed:
    """Facts by clip id, and the names of the files that told them."""

    facts: dict[str, Facts] = field(default_factory=dict)
    sources: list[str] = field(default_factory=list)

    def tell(self, clip_id: str, facts: Facts) -> None:
        """Add facts of a clip: what is told later wins."""
        known = self.facts.get(clip_id)
        self.facts[clip_id] = facts if known is None else known.joined(facts)

    def apply(self, clip: Clip) -> Clip:
        """Return the clip with what the lists say of it; they win over the path."""
        known = self.facts.get(clip.clip_id)
        if known is None:
            return clip
        return replace(clip, fields={**clip.fields, **known.fields}, **known.told())

    def contradicts(self, clip: Clip) -> bool:
        """Tell whether a list and the path give the clip different labels."""
        known = self.facts.get(clip.clip_id)
        return bool(known and known.label and clip.label and known.label != clip.label)


def bonafide_label(text: str, *, where: str, bonafide: str = "1") -> str:
    """Return bonafide or attack for the 0 or 1 of a list in which `bonafide` is the number of bona fide.

    Raises:
        UserError: neither 0 nor 1.
    """
    if text not in ("0", "1"):
        raise UserError(f"{where}: a label", expected="0 or 1", found=repr(text[:40]))
    return "bonafide" if text == bonafide else "attack"


# -- Splits that stand in list files of subjects, not in paths --------------------------------------------------------


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
