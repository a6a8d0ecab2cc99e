"""The files of a dataset's tree, with nothing in their names that must not leave it."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from fnmatch import translate
from pathlib import Path

from fasdata.errors import UserError

STANDS_FOR = "*"  # what a redacted part of a path is written as


def walk(root: Path) -> Iterator[str]:
    """Yield the files below `root` with `/` between folders; linked folders are followed once."""
    seen: set[tuple[int, int]] = set()
    waiting = [(root, "")]
    while waiting:
        folder, prefix = waiting.pop()
        place = os.stat(folder)  # noqa: PTH116 - a Path for every folder of a large tree costs more than the walk
        if (place.st_dev, place.st_ino) in seen:
            continue
        seen.add((place.st_dev, place.st_ino))
        below: list[tuple[Path, str]] = []
        with os.scandir(folder) as entries:
            for entry in entries:
                if entry.is_dir():
                    below.append((Path(entry.path), f"{prefix}{entry.name}/"))
                else:
                    yield prefix + entry.name
        waiting.extend(sorted(below, reverse=True))


def redact(relpaths: Iterable[str], patterns: list[str]) -> list[str]:
    """Return the paths with every match of the patterns replaced by `*`."""
    if not patterns:
        return list(relpaths)
    secret = re.compile("|".join(f"(?:{pattern})" for pattern in patterns), re.IGNORECASE)
    return [secret.sub(STANDS_FOR, relpath) for relpath in relpaths]


def locate(root: Path, relpath: str) -> Path:
    """Return where a clip's path lies below `root`; parts that were redacted are found by what surrounds them.

    Raises:
        UserError: a redacted path fits nothing, or more than one path.
    """
    plain = root / relpath
    if STANDS_FOR not in relpath or plain.exists():
        return plain
    found = [root]
    for part in relpath.split("/"):
        if STANDS_FOR in part:
            fits = re.compile(translate(part.replace("[", "[[]")), re.IGNORECASE)
            found = [one for folder in found if folder.is_dir() for one in folder.iterdir() if fits.match(one.name)]
        else:
            found = [folder / part for folder in found]
    there = [path for path in found if path.exists()]
    if len(there) != 1:
        raise UserError(
            f"{relpath} below the dataset's root",
            expected="one path that fits (* stands for what must not be written down)",
            found=f"{len(there)}",
            do="point --root at one copy of the dataset",
        )
    return there[0]
