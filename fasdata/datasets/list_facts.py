"""Read what only the list files of a release state: facts of clips, and splits by subject."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from fasdata.datasets.card import Card, SubjectSplit
from fasdata.datasets.layouts import path_parser
from fasdata.datasets.list_files import ClipOf, ListFacts, ListFiles, read_lines, require_lists_folder
from fasdata.datasets.list_forms import READERS
from fasdata.datasets.tree import forward_slashes
from fasdata.errors import UserError
from fasdata.foreign import whole_number
from fasdata.records import Clip

# -- Facts of clips, by the reader that the card names -----------------------------------------------------------------


def read_list_facts(card: Card, relpaths: Iterable[str], root: Path | None, lists: Path | None) -> ListFacts:
    """Read the facts of clips from the list files of the card's release; empty for a card without a hook.

    The files in `lists` are read; where there are none, those among the paths of the dataset root.

    Raises:
        UserError: `lists` does not exist; a list file does not have the form of the release.
    """
    facts = ListFacts()
    if lists is not None:
        require_lists_folder(lists)
    if not card.hook:
        return facts
    read = READERS[card.hook]
    if lists is not None:
        facts = read(ListFiles.below(lists), _clip_finder(card))
    if not facts.sources and root is not None:
        facts = read(ListFiles.among(relpaths, root), _clip_finder(card))
    return facts


def _clip_finder(card: Card) -> ClipOf:
    parsers = [path_parser(card, layout) for layout in card.layouts]

    def clip_of(path: str) -> str:
        relpath = forward_slashes(path)
        for place, parse in enumerate(parsers):
            if isinstance(meaning := parse(relpath), Clip):
                parsers.insert(0, parsers.pop(place))  # the next line is most likely in the same layout
                return meaning.clip_id
        return ""

    return clip_of


# -- Splits by subject -------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class SubjectLists:
    """The split of each subject number, and the source of it."""

    split_of: dict[int, str]
    source: str

    def apply(self, clip: Clip) -> Clip:
        """Return the clip with its split, which is empty where the lists do not name the subject."""
        number = whole_number(clip.subject)
        return clip if number is None else replace(clip, split=self.split_of.get(number, ""))


def subject_lists(
    card: Card, wanted: SubjectSplit, relpaths: Iterable[str], root: Path | None, lists: Path | None
) -> SubjectLists:
    """Return the split of every subject: from the list files in `lists`, else below `root`, else from the card.

    Raises:
        UserError: `lists` does not exist, only some of the files are there, a line is not a number, or a subject is in
            two splits.
    """
    files = (_files_in(wanted, lists) if lists is not None else {}) or _files_among(wanted, relpaths, root)
    missing = sorted(name for split, name in wanted.files.items() if split not in files)
    if missing and files:
        raise UserError(
            f"{card.name}: list files are missing in {next(iter(files.values())).parent}",
            expected=" and ".join(wanted.files.values()),
            found=", ".join(path.name for path in files.values()),
            do="add " + " and ".join(missing),
        )
    if not files:
        return SubjectLists(
            _unique(card, {split: list(ids) for split, ids in wanted.table.items()}),
            "the card's table (no list file given)",
        )
    numbers = {split: _read_numbers(path) for split, path in files.items()}
    return SubjectLists(_unique(card, numbers), ", ".join(path.name for path in files.values()))


def _files_in(wanted: SubjectSplit, lists: Path) -> dict[str, Path]:
    require_lists_folder(lists)
    return _by_split(wanted, {path.name.lower(): path for path in sorted(lists.iterdir()) if path.is_file()})


def _files_among(wanted: SubjectSplit, relpaths: Iterable[str], root: Path | None) -> dict[str, Path]:
    if root is None:
        return {}
    texts = [relpath for relpath in sorted(relpaths, reverse=True) if relpath.lower().endswith(".txt")]
    return _by_split(wanted, {relpath.rsplit("/", 1)[-1].lower(): root / relpath for relpath in texts})


def _by_split(wanted: SubjectSplit, files: dict[str, Path]) -> dict[str, Path]:
    return {split: files[name.lower()] for split, name in wanted.files.items() if name.lower() in files}


def _read_numbers(path: Path) -> list[int]:
    numbers = []
    for number, line in read_lines(path):
        subject = whole_number(line)
        if subject is None:
            raise UserError(
                f"{path} line {number}",
                expected="one subject number",
                found=repr(line[:40]),
                do="use the list files of the release",
            )
        numbers.append(subject)
    return numbers


def _unique(card: Card, numbers: dict[str, list[int]]) -> dict[int, str]:
    split_of: dict[int, str] = {}
    for split, subjects in numbers.items():
        for subject in subjects:
            if split_of.setdefault(subject, split) != split:
                raise UserError(
                    f"{card.name}: subject {subject} is in the lists of {split_of[subject]} and {split}",
                    do="use the list files of the release",
                )
    return split_of
