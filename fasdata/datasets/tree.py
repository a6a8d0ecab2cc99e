"""The files of a dataset's tree: walk them, redact their paths, name clips, tell media from other files."""

from __future__ import annotations

import errno
import hashlib
import os
import re
from collections.abc import Iterable, Iterator
from fnmatch import translate
from pathlib import Path

from fasdata.errors import UserError
from fasdata.foreign import expression, placed

# -- Walk the files, and redact what must not leave the tree ----------------------------------------------------------

# An entry that is so is left out of a scan; anything else, such as a network that fails, ends it.
_SKIPPED = {errno.ELOOP, errno.ENAMETOOLONG, errno.EACCES, errno.EPERM, errno.ENOENT}
STANDS_FOR = "*"  # written in place of a redacted part of a path


def walk(root: Path, skipped: dict[str, str] | None = None) -> Iterator[str]:
    """Yield the paths of the files below `root`, `/` between folders; linked folders are followed once.

    Entries that the system cannot look at (a link to itself, a path too long, a folder that may not be read) are left
    out; `skipped` gets each path with the reason.

    Raises:
        OSError: `root` itself cannot be read.
    """
    skipped = {} if skipped is None else skipped
    visited: set[tuple[int, int]] = set()
    waiting = [(root, "")]
    while waiting:
        folder, prefix = waiting.pop()
        below: list[tuple[Path, str]] = []
        try:
            place = os.stat(folder)  # noqa: PTH116 - a Path for every folder of a large tree costs more than the walk
            if (place.st_dev, place.st_ino) in visited:
                continue
            visited.add((place.st_dev, place.st_ino))
            with os.scandir(folder) as entries:
                for entry in entries:
                    relpath = prefix + entry.name
                    try:
                        is_folder = entry.is_dir()
                    except OSError as error:
                        if error.errno not in _SKIPPED:
                            raise
                        skipped[relpath] = error.strerror or str(error)
                        continue
                    if is_folder:
                        below.append((Path(entry.path), f"{relpath}/"))
                    else:
                        yield relpath
        except OSError as error:
            if not prefix or error.errno not in _SKIPPED:
                raise
            skipped[prefix] = error.strerror or str(error)
        waiting.extend(sorted(below, reverse=True))


def forward_slashes(path: str) -> str:
    """Return a path, as some list spells it, with `/` between folders and none at its end."""
    return path.replace("\\", "/").rstrip("/")


def redact(relpaths: Iterable[str], patterns: list[str]) -> list[str]:
    """Return the paths with every match of the patterns replaced by `*`."""
    if not patterns:
        return list(relpaths)
    secret = expression(placed(patterns[0], "|".join(f"(?:{pattern})" for pattern in patterns)))
    return [secret.sub(STANDS_FOR, relpath) for relpath in relpaths]


def locate(root: Path, relpath: str) -> Path:
    """Return the file or folder of a clip's path below `root`; a redacted part matches any name that fits around it.

    Raises:
        UserError: a redacted path fits no path, or more than one.
    """
    literal = root / relpath
    if STANDS_FOR not in relpath or literal.exists():
        return literal
    places = [root]
    for part in relpath.split("/"):
        if STANDS_FOR in part:
            fits = re.compile(translate(part.replace("[", "[[]")), re.IGNORECASE)
            folders = [place for place in places if place.is_dir()]
            places = [path for folder in folders for path in folder.iterdir() if fits.match(path.name)]
        else:
            places = [place / part for place in places]
    existing = [place for place in places if place.exists()]
    if len(existing) != 1:
        raise UserError(
            f"{relpath} below the dataset's root",
            expected="one path that fits (* stands for what must not be written down)",
            found=f"{len(existing)}",
            do="point --root at one copy of the dataset",
        )
    return existing[0]


# -- Clip ids, and the natural order of names -------------------------------------------------------------------------

LONGEST = 200  # bytes: fits a file name and an LMDB key with room for prefixes
CLIP_ID = re.compile(r"^[A-Za-z0-9][A-Za-z0-9._+=@-]{0,199}$")
_UNSAFE = re.compile(r"[^A-Za-z0-9._+=@-]")
_DIGITS = re.compile(r"([0-9]+)")


def clip_id(tail: str) -> str:
    """Return the id of the clip with the canonical path `tail` (`/` between folders, no extension).

    Folders are joined by `__`. Where that loses anything (unsafe characters, a `__` in a name, more than 200 bytes),
    eight hex digits of the path's sha256 follow, so that different paths keep different ids.

    >>> clip_id("train_release/1/hr_1")
    'train_release__1__hr_1'
    """
    parts = tail.split("/")
    safe = "__".join(_UNSAFE.sub("-", part) for part in parts)
    if safe.replace("__", "/") == tail and CLIP_ID.fullmatch(safe):
        return safe
    digest = hashlib.sha256(tail.encode("utf-8", "surrogateescape")).hexdigest()[:8]
    return f"{safe.lstrip('._+=@-')[: LONGEST - 9] or 'clip'}-{digest}"


_LIKE_HASHED = re.compile(r"-[0-9a-f]{12}$")
_NO_FILE_NAME = re.compile(r"^(?:con|prn|aux|nul|com\d|lpt\d)(?:\.|$)|\.$", re.IGNORECASE)  # on Windows


def own_id(path: str) -> str:
    """Return the id of the clip of one's own data at `path`: the whole path, ending and case included.

    As `clip_id`; but twelve hex digits follow wherever the plain spelling could be that of another path, or no file
    name on some system, so that no two paths share an id.

    >>> own_id("anna/IMG_0001.MOV"), own_id("anna/IMG_0001.MP4")
    ('anna__IMG_0001.MOV', 'anna__IMG_0001.MP4')
    """
    safe = "__".join(_UNSAFE.sub("-", part) for part in path.split("/"))
    plain = safe.replace("__", "/") == path and CLIP_ID.fullmatch(safe) and not _LIKE_HASHED.search(safe)
    if plain and not _NO_FILE_NAME.search(safe):
        return safe
    digest = hashlib.sha256(path.encode("utf-8", "surrogatepass")).hexdigest()[:12]
    start = safe.lstrip("._+=@-")
    start = f"clip-{start}" if not start or _NO_FILE_NAME.match(start) else start
    return f"{start[: LONGEST - 13].rstrip('-')}-{digest}"


def natural_key(text: str) -> tuple[tuple[int, int, str], ...]:
    """Return a sort key in which numbers count by value.

    >>> sorted(["a10", "a9"], key=natural_key)
    ['a9', 'a10']
    """
    parts = _DIGITS.split(text)  # text, digits, text, digits, …
    # Beyond any number that a name means, the last digits decide: Python reads no more of them at once.
    return tuple((0, int(part[-999:]), part) if place % 2 else (1, 0, part) for place, part in enumerate(parts) if part)


# -- Which names are media, and which are left by file managers -------------------------------------------------------

VIDEO = ("avi", "mov", "mp4", "m4v", "mkv", "webm", "mpg", "mpeg", "wmv", "flv", "3gp", "mts", "ts")
IMAGE = ("jpg", "jpeg", "png", "bmp", "tif", "tiff", "webp", "pgm", "ppm", "pnm")
ARRAY = ("hdf5", "h5", "npz", "npy", "mat", "bag")
# Pictures that nothing here reads: they are named, never passed over.
UNREAD_IMAGE = ("gif", "avif", "heic", "heif", "jxl", "jp2", "j2k", "exr", "hdr", "dng", "cr2", "cr3", "nef", "arw")
_MEDIA = re.compile(rf"\.(?:{'|'.join((*VIDEO, *IMAGE, *UNREAD_IMAGE, *ARRAY))})$", re.IGNORECASE)
_ARCHIVE = re.compile(
    r"\.(?:zip|rar|7z|tar|tgz|tbz2?|txz|tar\.(?:gz|bz2|xz|zst)|(?:zip|7z|tar)\.\d{3}|z\d\d)$", re.IGNORECASE
)
# Files that macOS and Windows leave behind; `._x.avi` looks like a video but is not.
_LEFT_BEHIND = re.compile(r"(?:^|/)(?:\.[^/]+|thumbs\.db|desktop\.ini)$|(?:^|/)__MACOSX/", re.IGNORECASE)


def is_media(relpath: str) -> bool:
    """Tell whether a path has the extension of a recording."""
    return bool(_MEDIA.search(relpath))


def is_left_behind(relpath: str) -> bool:
    """Tell whether a file was left by a file manager: a hidden file, thumbnails, a resource fork."""
    return bool(_LEFT_BEHIND.search(relpath))


def ending(relpath: str) -> str:
    """Return the ending of a file's name in lower case, without its dot; "" where it has none.

    >>> ending("a.b/IMG.MOV"), ending("a.b/clip")
    ('mov', '')
    """
    _, dot, end = relpath.rpartition("/")[2].rpartition(".")
    return end.lower() if dot else ""


def is_archive(relpath: str) -> bool:
    """Tell whether a path has the ending of an archive, whose content no scan looks into."""
    return bool(_ARCHIVE.search(relpath))
