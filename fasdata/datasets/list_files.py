"""The list files of a release: find them, read them as untrusted text, and hold the facts that they state."""

from __future__ import annotations

import io
import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from fasdata.datasets.tree import natural_key
from fasdata.errors import UserError
from fasdata.foreign import expression, opened, read_csv_cells
from fasdata.records import Clip

# -- Find and read list files ------------------------------------------------------------------------------------------

LARGEST = 1 << 30  # bytes; the largest list in use, the label file of CelebA-Spoof, has about a tenth of that
LONGEST_LINE = 1 << 14
_ENDINGS = (".txt", ".csv", ".json", ".lst")
_SPLITS = {
    "train": ("train", "training", "world"),
    "dev": ("dev", "devel", "val", "valid", "validation"),
    "test": ("test", "testing", "eval", "evaluation"),
}
_SPLIT_OF = {word: split for split, words in _SPLITS.items() for word in words}


@dataclass(frozen=True)
class ListFiles:
    """List files by their path below the folder that was searched (`/` between folders)."""

    files: dict[str, Path]

    @classmethod
    def below(cls, folder: Path) -> ListFiles:
        """Return the list files in a folder and the folders in it.

        Raises:
            UserError: the folder does not exist.
        """
        require_lists_folder(folder)
        return cls._sorted({path.relative_to(folder).as_posix(): path for path in _below(folder)})

    @classmethod
    def among(cls, relpaths: Iterable[str], root: Path) -> ListFiles:
        """Return the list files among the paths below a dataset root."""
        return cls._sorted({path: root / path for path in relpaths if path.lower().endswith(_ENDINGS)})

    @classmethod
    def _sorted(cls, files: dict[str, Path]) -> ListFiles:
        return cls(dict(sorted(files.items(), key=lambda item: natural_key(item[0]))))

    def named(self, pattern: str) -> Iterator[tuple[Path, re.Match[str]]]:
        """Yield the files whose path, from the start of some folder or file name, matches `pattern` in any case."""
        tail = expression(pattern, "(?:^|/)(?:", ")$")
        for relpath, path in self.files.items():
            if match := tail.search(relpath):
                yield path, match


def require_lists_folder(folder: Path) -> None:
    """Check that the folder of list files exists.

    Raises:
        UserError: it does not.
    """
    if not folder.is_dir():
        raise UserError(
            f"the folder of list files {folder} does not exist",
            do="give the folder of the release's lists with --lists",
        )


def split_of(word: str) -> str:
    """Return train, dev or test for any of the words that releases use; "" for another word.

    >>> split_of("Devel"), split_of("validation"), split_of("eval")
    ('dev', 'dev', 'test')
    """
    return _SPLIT_OF.get(word.strip().lower(), "")


def read_lines(path: Path) -> Iterator[tuple[int, str]]:
    """Yield the number and the text of every line that is not blank.

    Raises:
        UserError: it is no regular file; the file, or a line of it, is too large for a list.
    """
    with opened(path, largest=LARGEST) as raw:
        file = io.TextIOWrapper(raw, "utf-8-sig", "replace")
        number = 0
        while line := file.readline(LONGEST_LINE):
            number += 1
            if len(line) == LONGEST_LINE and not line.endswith("\n"):
                raise UserError(
                    f"{path} line {number} is too long for a list", found=f"{LONGEST_LINE} characters or more"
                )
            if line.strip():
                yield number, line.strip()


def read_rows(path: Path, *required: str) -> Iterator[tuple[int, dict[str, str]]]:
    """Yield the line number of every row of a CSV and its cells by column name, in lower case; absent ones are empty.

    Raises:
        UserError: the file is not a CSV, or a column of `required` is missing.
    """
    rows = read_cells(path)
    _, header = next(rows, (1, []))
    names = [name.lower() for name in header]
    missing = [name for name in required if name not in names]
    if missing:
        raise UserError(
            f"{path} lacks the column {missing[0]!r}", expected=f"a first line with {', '.join(required)}",
            found=", ".join(names)[:200] or "an empty file",
        )  # fmt: skip
    for number, cells in rows:
        yield number, dict(zip(names, [*cells, *[""] * len(names)], strict=False))


def read_cells(path: Path) -> Iterator[tuple[int, list[str]]]:
    """Yield the line number and the stripped cells of every row of a CSV, its first line included, without blank rows.

    Raises:
        UserError: the file is too large, or not a CSV.
    """
    for number, cells in read_csv_cells(path, largest=LARGEST):
        if any(cell.strip() for cell in cells):
            yield number, [cell.strip() for cell in cells]


def _below(folder: Path) -> Iterator[Path]:
    for place, subfolders, files in os.walk(folder):
        subfolders.sort()
        yield from (Path(place) / name for name in files if name.lower().endswith(_ENDINGS))


# -- The facts that list files state -----------------------------------------------------------------------------------

_NAMES = ("split", "label", "attack_type", "pai", "subject")


@dataclass(frozen=True)
class ClipFacts:
    """The facts that lists state of one clip; "" where they do not state one."""

    split: str = ""
    label: str = ""
    attack_type: str = ""
    pai: str = ""
    subject: str = ""
    fields: Mapping[str, str] = field(default_factory=dict)

    def stated(self) -> dict[str, Any]:
        """Return the facts that are stated, `fields` left out."""
        return {name: value for name in _NAMES if (value := getattr(self, name))}

    def updated(self, later: ClipFacts) -> ClipFacts:
        """Return these facts, overridden by those of a later list."""
        return replace(self, fields={**self.fields, **later.fields}, **later.stated())


ClipOf = Callable[[str], str]  # from a path, as a list spells it, to a clip id; "" where it is no clip


@dataclass
class ListFacts:
    """The facts that lists state, by clip id, and the names of the files."""

    facts: dict[str, ClipFacts] = field(default_factory=dict)
    sources: list[str] = field(default_factory=list)

    def add(self, clip_id: str, facts: ClipFacts) -> None:
        """Add facts of a clip; they override those added before."""
        before = self.facts.get(clip_id)
        self.facts[clip_id] = facts if before is None else before.updated(facts)

    def apply(self, clip: Clip) -> Clip:
        """Return the clip with the facts that the lists state of it; they override those of the path."""
        facts = self.facts.get(clip.clip_id)
        if facts is None:
            return clip
        return replace(clip, fields={**clip.fields, **facts.fields}, **facts.stated())

    def contradicts(self, clip: Clip) -> bool:
        """Tell whether a list and the path give the clip different labels."""
        facts = self.facts.get(clip.clip_id)
        return bool(facts and facts.label and clip.label and facts.label != clip.label)


def binary_label(text: str, *, where: str) -> str:
    """Return bonafide for "1" and attack for "0"; `where` names the file and line for the error.

    Raises:
        UserError: the text is neither.
    """
    if text not in ("0", "1"):
        raise UserError(f"{where}: a label", expected="0 or 1", found=repr(text[:40]))
    return "bonafide" if text == "1" else "attack"
