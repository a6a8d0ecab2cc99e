"""The files of a dataset's tree: how they are walked, named, and told from what file managers leave behind."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterable, Iterator
from fnmatch import translate
from pathlib import Path

from fasdata.errors import UserError

# -- The files of a dataset's tree, with nothing in their names that must not leave it --------------------------------


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


# -- Names made of paths: clip ids, and the order people expect -------------------------------------------------------


LONGEST = 200  # bytes: fits a file name and an LMDB key with room for prefixes
CLIP_ID = re.compile(r"^[A-Za-z0-9][A-Za-z0-9._+=@-]{0,199}$")
_UNSAFE = re.compile(r"[^A-Za-z0-9._+=@-]")
_DIGITS = re.compile(r"([0-9]+)")


def clip_id(tail: str) -> str:
    """Return the id of the clip with the canonical path `tail` (`/` between folders, no extension).

    Folders are joined by `__`. Where that loses anything (unsafe characters, a `__` in a name, more than 200 bytes),
    eight hex digits of the path's sha256 follow, so that different paths keep different ids.
    """
    parts = tail.split("/")
    safe = "__".join(_UNSAFE.sub("-", part) for part in parts)
    if safe.replace("__", "/") == tail and CLIP_ID.fullmatch(safe):
        return safe
    digest = hashlib.sha256(tail.encode("utf-8", "surrogateescape")).hexdigest()[:8]
    return f"{safe.lstrip('._+=@-')[: LONGEST - 9] or 'clip'}-{digest}"


def natural_key(text: str) -> tuple[tuple[int, int, str], ...]:
    """Return a sort key in which numbers count by value: `2` before `10`."""
    parts = _DIGITS.split(text)  # text, digits, text, digits, …
    return tuple((0, int(part), part) if place % 2 else (1, 0, part) for place, part in enumerate(parts) if part)


# -- Which names are media, and which were left behind by file managers -----------------------------------------------


VIDEO = ("avi", "mov", "mp4", "m4v", "mkv", "webm", "mpg", "mpeg", "wmv", "flv", "3gp", "mts", "ts")
IMAGE = ("jpg", "jpeg", "png", "bmp", "tif", "tiff", "webp", "pgm", "ppm")
ARRAY = ("hdf5", "h5", "npz", "npy", "mat", "bag")
_MEDIA = re.compile(rf"\.(?:{'|'.join((*VIDEO, *IMAGE, *ARRAY))})$", re.IGNORECASE)
# What macOS and Windows leave behind; `._x.avi` looks like a video and is none.
_LEFT_BEHIND = re.compile(r"(?:^|/)(?:\.[^/]+|thumbs\.db|desktop\.ini)$|(?:^|/)__MACOSX/", re.IGNORECASE)


def is_media(relpath: str) -> bool:
    """Tell whether a path ends as recordings do."""
    return bool(_MEDIA.search(relpath))


def is_left_behind(relpath: str) -> bool:
    """Tell whether a file was made by a file manager: hidden files, thumbnails, resource forks."""
    return bool(_LEFT_BEHIND.search(relpath))
