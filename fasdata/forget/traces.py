"""Looking for a person's bytes: keys, clip ids, and pieces of their crops, in the files themselves."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from fasdata.store import keys, shards

CHUNK = 64 << 20
PIECE = 48  # bytes of a compressed crop: two crops that share so many are the same picture
MOST = 32  # pieces looked for: each is one more pass over what is in memory
_ID = rb"[\w.+=@-]"


class Traces:
    """What tells that a file still holds something of some clips: their keys and ids, and pieces of their crops."""

    def __init__(self, clips: Iterable[str], pieces: Iterable[bytes] = ()) -> None:
        any_id = b"(?:" + b"|".join(re.escape(clip.encode()) for clip in clips) + b")"
        end = rb"(?!" + _ID + rb")"
        self._keys = [re.compile(start + any_id + end) for start in (keys.CLIP, keys.CROP, b'"clip_id":"')]
        self._names = re.compile(rb"(?<!" + _ID + rb")" + any_id + end)
        self.pieces = list(pieces)
        self._overlap = 512  # longer than any key

    def in_shard(self, path: Path) -> Iterator[str | bytes]:
        """Yield every key (as text) or piece (as bytes) that is found in a shard's file, live or not."""
        for chunk in self._chunks(path):
            for pattern in self._keys:
                if found := pattern.search(chunk):
                    yield found[0].decode(errors="replace")
            for piece in self.pieces:
                if piece in chunk:
                    yield piece

    def named_in(self, path: Path) -> bool:
        """Tell whether a plain file names one of the clips."""
        return any(self._names.search(chunk) for chunk in self._chunks(path))

    def _chunks(self, path: Path) -> Iterator[bytes]:
        tail = b""
        with path.open("rb") as file:
            while chunk := file.read(CHUNK):
                yield tail + chunk
                tail = chunk[-self._overlap :]


def pieces_of(folder: Path, clips: Iterable[str]) -> list[bytes]:
    """Return a piece from the middle of crops of these clips, at most `MOST`, evenly taken from all of them."""
    found: list[bytes] = []
    wanted = set(clips)
    for path in shards.shard_paths(folder):
        with shards.reading(path) as transaction:
            for clip in sorted(wanted):
                prefix = keys.crop_prefix(clip)
                cursor = transaction.cursor()
                if cursor.set_range(prefix) and bytes(cursor.key()).startswith(prefix):
                    value = bytes(cursor.value())
                    found.append(value[len(value) // 2 :][:PIECE])
    return found[:: max(1, len(found) // MOST)][:MOST]


def holders(path: Path, pieces: Iterable[bytes]) -> dict[bytes, str]:
    """Return, for pieces that live entries of a shard hold, the key of one of those entries."""
    found: dict[bytes, str] = {}
    with shards.reading(path) as transaction, transaction.cursor() as cursor:
        for key, value in cursor:
            for piece in pieces:
                if piece in value:
                    found.setdefault(piece, bytes(key).decode(errors="replace"))
    return found
