"""The list files of a release: found in the dataset root or a folder of lists, and read as text that nobody trusts."""

from __future__ import annotations

import csv
import json
import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fasdata.datasets.tree import natural_key
from fasdata.errors import UserError

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
    """Where list files lie: their path below the folder searched (`/` between folders) to the file."""

    files: dict[str, Path]

    @classmethod
    def below(cls, folder: Path) -> ListFiles:
        """Return the list files in a folder and the folders in it.

        Raises:
            UserError: the folder does not exist.
        """
        if not folder.is_dir():
            raise UserError(
                f"the folder of list files {folder} does not exist", do="give the folder of the lists with --lists"
            )
        return cls._sorted({path.relative_to(folder).as_posix(): path for path in _below(folder)})

    @classmethod
    def among(cls, relpaths: Iterable[str], root: Path) -> ListFiles:
        """Return the list files among the paths below a dataset root."""
        return cls._sorted({path: root / path for path in relpaths if path.lower().endswith(_ENDINGS)})

    @classmethod
    def _sorted(cls, found: dict[str, Path]) -> ListFiles:
        return cls(dict(sorted(found.items(), key=lambda item: natural_key(item[0]))))

    def named(self, pattern: str) -> Iterator[tuple[Path, re.Match[str]]]:
        """Yield the files whose path ends in `pattern`, from a folder or file name on, whatever the case."""
        tail = re.compile(rf"(?:^|/)(?:{pattern})$", re.IGNORECASE)
        for relpath, path in self.files.items():
            if match := tail.search(relpath):
                yield path, match


def split_of(word: str) -> str:
    """Return train, dev or test for any of the words that releases use; "" for another word."""
    return _SPLIT_OF.get(word.strip().lower(), "")


def read_lines(path: Path) -> Iterator[tuple[int, str]]:
    """Yield the number and the text of every line that is not blank.

    Raises:
        UserError: the file is too large, or a line is too long to be one of a list.
    """
    _require_small(path)
    with path.open(encoding="utf-8-sig", errors="replace") as file:
        number = 0
        while line := file.readline(LONGEST_LINE):
            number += 1
            if len(line) == LONGEST_LINE and not line.endswith("\n"):
                raise UserError(
                    f"{path} line {number} is no line of a list", found=f"{LONGEST_LINE} characters or more"
                )
            if line.strip():
                yield number, line.strip()


def read_rows(path: Path, *required: str) -> Iterator[tuple[int, dict[str, str]]]:
    """Yield the line number and the cells of every row of a CSV by the names of its first line, in lower case.

    Raises:
        UserError: not a CSV, or a column of `required` is missing.
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
        yield number, dict(zip(names, cells, strict=False))


def read_cells(path: Path) -> Iterator[tuple[int, list[str]]]:
    """Yield the line number and the stripped cells of every row of a CSV, the first line included; no blank rows.

    Raises:
        UserError: the file is too large, or not a CSV.
    """
    _require_small(path)
    try:
        with path.open(encoding="utf-8-sig", errors="replace", newline="") as file:
            reader = csv.reader(file)
            for cells in reader:
                if any(cell.strip() for cell in cells):
                    yield reader.line_num, [cell.strip() for cell in cells]
    except csv.Error as error:
        raise UserError(f"{path} is not a CSV file", found=str(error)) from None


def read_json(path: Path) -> Any:
    """Return the parsed file.

    Raises:
        UserError: too large, or not JSON.
    """
    _require_small(path)
    try:
        return json.loads(path.read_bytes())
    except (ValueError, RecursionError) as error:
        raise UserError(f"{path} is not JSON", found=str(error)[:200]) from None


def _require_small(path: Path) -> None:
    size = path.stat().st_size
    if size > LARGEST:
        raise UserError(f"{path} is too large for a list", expected=f"at most {LARGEST} bytes", found=f"{size} bytes")


def _below(folder: Path) -> Iterator[Path]:
    for place, subfolders, files in os.walk(folder):
        subfolders.sort()
        yield from (Path(place) / name for name in files if name.lower().endswith(_ENDINGS))
