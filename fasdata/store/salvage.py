"""Find the clips of a damaged shard that can be kept: those whose bytes still have the hash that was recorded of them.

Nothing of the file's order is believed. Every page is read, whatever looks like an entry is taken up, and a clip counts
when its record and crops together give its content hash: what a damaged page, an old page or a stranger says, does not.
"""

from __future__ import annotations

import os
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Set
from dataclasses import dataclass, field
from itertools import islice, product
from pathlib import Path

import numpy as np

from fasdata.datasets.tree import CLIP_ID
from fasdata.errors import UserError
from fasdata.records import ClipRecord
from fasdata.store import keys
from fasdata.store.hashes import digest, sealed
from fasdata.store.lmdb_format import HEADER, LARGEST, LEAF, SMALLEST, DamagedPages, meta_of, nodes_at, pointers
from fasdata.store.record_bytes import from_bytes

_CHUNK = 16 << 20
_MOST_TRIED = 64  # ways to put a clip together from several bytes under the same key
_USUAL = 4096
_RECORD_KEY = re.compile(r"clip/(?P<clip_id>[^/\x00]{1,200})")

Place = tuple[int, int]  # first byte in the file, and number of bytes


@dataclass
class Salvage:
    """What a damaged shard still holds: where the entries of the clips that can be kept lie, and the lost clips."""

    path: Path
    kept: dict[str, dict[str, Place]] = field(default_factory=dict)  # by clip: key to place
    lost: set[str] = field(default_factory=set)
    state: tuple[int, ...] = ()

    def entries(self) -> Iterator[tuple[bytes, bytes]]:
        """Yield the entries of the kept clips, in the order of their keys.

        Raises:
            UserError: the file has been changed since it was looked at.
        """
        places = {key: place for entries in self.kept.values() for key, place in entries.items()}
        with _Bytes(self.path) as file:
            if file.state != self.state:
                raise UserError(f"{self.path} was changed meanwhile", do="run the same command again")
            for key, place in sorted(places.items()):
                yield key.encode(), file.at(place)


def salvage(path: Path, recorded: Mapping[str, str] | None, elsewhere: Set[str] = frozenset()) -> Salvage:
    """Find what can be kept of a damaged shard.

    `recorded` are the content hashes by clip that the tables of the store name for it: only those clips are kept, so
    that nothing comes back that was removed. Without them (None) a clip is kept when all versions of it that can be
    proven are one; one that failed then is not, because a better one may have been lost. Clips `elsewhere` are not
    looked for.
    """
    result = Salvage(path)
    if not path.is_file():
        result.lost = set(recorded or ()) - elsewhere
        return result
    with _Bytes(path) as file:
        result.state = file.state
        places = _entries(file)
        crops_of: dict[str, list[str]] = defaultdict(list)
        for key in sorted(places):
            if match := keys.CROP_KEY.fullmatch(key):
                crops_of[match["clip_id"]].append(key)
            else:
                crops_of.setdefault(key.removeprefix(keys.CLIP.decode()), [])
        for clip_id in sorted((crops_of.keys() if recorded is None else recorded.keys()) - elsewhere):
            entries = _proven(file, clip_id, places, crops_of.get(clip_id, []), recorded)
            if entries is None:
                result.lost.add(clip_id)
            else:
                result.kept[clip_id] = entries
    return result


def _proven(
    file: _Bytes,
    clip_id: str,
    places: Mapping[str, Set[Place]],
    crops: list[str],
    recorded: Mapping[str, str] | None,
) -> dict[str, Place] | None:
    """Return the entries of a clip whose bytes give its content hash, None without any or with several."""
    record_key, versions = keys.clip_key(clip_id).decode(), {}
    for place in sorted(places.get(record_key, ())):
        record = _record(file.at(place), clip_id)
        if record is None or not record.content_hash or not set(keys.crop_keys(record)) <= set(crops):
            continue
        if recorded is None and record.status == "failed":
            continue
        if recorded is not None and record.content_hash != recorded[clip_id]:
            continue
        if (entries := _with_crops(file, record, places)) is not None:
            versions[record.content_hash] = {record_key: place, **entries}
    return next(iter(versions.values())) if len(versions) == 1 else None


def _with_crops(file: _Bytes, record: ClipRecord, places: Mapping[str, Set[Place]]) -> dict[str, Place] | None:
    """Return where the crops of a record lie, None where no choice among them gives its hashes."""
    wanted = list(keys.crop_keys(record))
    choices = []
    for key in wanted:
        by_digest = {digest(file.at(place)): place for place in sorted(places[key])}
        choices.append(list(by_digest.items()))
    for choice in islice(product(*choices), _MOST_TRIED):
        if sealed(record, {key: of for key, (of, _) in zip(wanted, choice, strict=True)}) == record:
            return {key: place for key, (_, place) in zip(wanted, choice, strict=True)}
    return None


def _record(data: bytes, clip_id: str) -> ClipRecord | None:
    try:
        return from_bytes(data, clip_id, clip_id)
    except UserError:
        return None


# -- Whatever looks like an entry -------------------------------------------------------------------------------------


class _Bytes:
    """A file whose unreadable parts are read as zeros: no hash fits them."""

    def __init__(self, path: Path) -> None:
        self._descriptor = os.open(path, os.O_RDONLY)
        status = os.fstat(self._descriptor)
        self.size, self.state = status.st_size, (status.st_ino, status.st_size, status.st_mtime_ns)

    def __enter__(self) -> _Bytes:
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._descriptor)

    def at(self, place: Place) -> bytes:
        start, size = place
        try:
            return os.pread(self._descriptor, size, start)
        except OSError:
            if size <= _USUAL:
                return bytes(size)
            parts = [self.at((start + done, min(_USUAL, size - done))) for done in range(0, size, _USUAL)]
            return b"".join(parts)


def _entries(file: _Bytes) -> dict[str, set[Place]]:
    """Return the places of all values by the text of their key, from whatever looks like a leaf page."""
    size = _page_size(file)
    places: dict[str, set[Place]] = defaultdict(set)
    for start in range(0, file.size // size * size, _CHUNK):
        data = file.at((start, _CHUNK))
        pages = np.frombuffer(data[: len(data) // size * size], np.uint8).reshape(-1, size)
        numbers = np.ascontiguousarray(pages[:, :8]).view("<u8")[:, 0]
        flags = np.ascontiguousarray(pages[:, 10:12]).view("<u2")[:, 0]
        own = numbers == np.arange(len(pages), dtype=np.uint64) + np.uint64(start // size)
        for row in np.flatnonzero(own | (flags == LEAF)).tolist():
            for key, place in _nodes(pages[row].tobytes(), start + row * size, file.size):
                places[key].add(place)
    return places


def _nodes(page: bytes, start: int, end: int) -> Iterator[tuple[str, Place]]:
    """Yield key and place of whatever looks like an entry of a store; `start` is the page's first byte in the file."""
    lower = int.from_bytes(page[12:14], "little")
    if not HEADER < lower <= len(page) or lower % 2:
        return
    at = pointers(page, lower)
    at = at[(at % 2 == 0) & (at >= lower) & (at + 8 < len(page))]
    nodes = nodes_at(page, at, is_branch=False)
    columns = (nodes.at, nodes.keys, nodes.values, nodes.flags, nodes.big)
    for place, length, size, flags, big in zip(*(column.tolist() for column in columns), strict=True):
        value = place + 8 + length
        key = page[place + 8 : value]
        held = 8 if big else size
        if (flags and not big) or value + held > len(page) or not _is_ours(key):
            continue
        first = start + value
        if big:
            first = int.from_bytes(page[value : value + 8], "little") * len(page) + HEADER
        if first + size <= end:
            yield key.decode(), (first, size)


def _is_ours(key: bytes) -> bool:
    """Tell whether a key is one of a store, of a clip that may have that name."""
    text = key.decode(errors="replace")
    match = _RECORD_KEY.fullmatch(text) or keys.CROP_KEY.fullmatch(text)
    return bool(match and CLIP_ID.fullmatch(match["clip_id"]))


def _page_size(file: _Bytes) -> int:
    """Return the size of the pages, from a meta page that is whole, else that at which most pages have their number."""
    start = file.at((0, 1 << 20))
    sizes = [size for size in (_USUAL, *(1 << n for n in range(8, 17))) if SMALLEST <= size <= LARGEST]
    for place, number in ((0, 0), *((size, 1) for size in sizes)):
        try:
            return meta_of(start[place:], number).page_size
        except DamagedPages:
            continue

    def numbered(size: int) -> int:
        ours = range(len(start) // size)
        return sum(int.from_bytes(start[n * size : n * size + 8], "little") == n for n in ours)

    return max(sizes, key=numbered)
