"""Names made of paths: clip ids, and the order people expect."""

from __future__ import annotations

import hashlib
import re

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
