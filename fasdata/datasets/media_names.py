"""Which names are media, and which were left behind by file managers."""

from __future__ import annotations

import re

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
