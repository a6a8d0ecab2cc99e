"""Check that the pages of an LMDB file are intact: LMDB itself follows them blindly and would crash.

Every B-tree page that a reader or writer can reach is visited. Of long values the place is compared with the file and
with all other places; their own first pages are looked at where that is asked for, since it reads one page a value.
"""

from __future__ import annotations

import os
import time
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from fasdata.store.lmdb_format import (
    HEADER,
    NO_ROOT,
    DamagedPages,
    Meta,
    Nodes,
    Tree,
    nodes_of,
    pages_at,
    pages_of,
    read_metas,
    require,
)

_DEEPEST = 32  # LMDB's own limit
_BATCH = 4 << 20  # bytes that are looked at together


@dataclass
class Seen:
    """What a check has looked at: `keys` in order (a deep check only), long `values`, and `headers` of them."""

    keys: list[bytes] = field(default_factory=list)
    values: int = 0
    headers: int = 0


def require_intact(path: Path, txn: int | None = None, *, deep: bool = False, seconds: float = float("inf")) -> Seen:
    """Visit every page of the state after transaction `txn` (None: the newest).

    A `deep` check also compares the order of the keys and reads the header of every long value, for at most so many
    `seconds`; without it a value's header may be wrong, which a reader survives and a writer may not.

    Raises:
        DamagedPages: a page lies outside the file, is of no known kind, points outside of itself, or is used twice.
        OSError: the file cannot be read.
    """
    metas = read_metas(path)
    newest = max(metas, key=lambda meta: meta.txn)
    meta = newest if txn is None else next((meta for meta in metas if meta.txn == txn), newest)
    descriptor = os.open(path, os.O_RDONLY)
    try:
        pages = os.fstat(descriptor).st_size // meta.page_size
        walk = _Walk(descriptor, meta, min(pages, meta.last_page + 1), deep=deep)
        walk.tree(meta.main)
        walk.tree(meta.free, lists=True)
        if deep:
            walk.headers(time.monotonic() + seconds)
        walk.require_used_once()
        return walk.seen
    finally:
        os.close(descriptor)


class _Walk:
    def __init__(self, descriptor: int, meta: Meta, pages: int, *, deep: bool) -> None:
        self._descriptor, self._size, self._pages, self._deep = descriptor, meta.page_size, pages, deep
        self._last_page, self._txn = meta.last_page, meta.txn
        self._visited: list[np.ndarray] = []
        self._long: list[np.ndarray] = []  # of some pages: first pages and numbers of pages of their long values
        self._free: list[np.ndarray] = []
        self.seen = Seen()

    def tree(self, tree: Tree, *, lists: bool = False) -> None:
        """Visit a B-tree level by level in the order of its keys; with `lists` its values list the free pages."""
        if tree.root == NO_ROOT:
            return
        if not 0 < tree.depth <= _DEEPEST:
            raise DamagedPages(f"page {tree.root} is the root of a tree of {tree.depth} levels")
        level, keys = np.array([min(tree.root, self._pages)], np.int64), [b""]
        for depth in range(1, tree.depth + 1):
            self._take_up(level)
            level, keys = self._visit(level, keys, is_branch=depth < tree.depth, lists=lists)
        if not lists:
            self.seen.keys = keys
        elif not 0 < int.from_bytes(keys[0], "big") <= int.from_bytes(keys[-1], "big") <= self._txn:
            raise DamagedPages("its list of free pages is of a transaction that there was not")

    def _take_up(self, level: np.ndarray) -> None:
        """Check that pages lie in the file and were not visited: none is read twice, whatever points where."""
        require((level >= 2) & (level < self._pages), level, "is missing: the file is cut off")
        self._visited.append(level)
        ordered = np.sort(np.concatenate(self._visited))
        require(ordered[1:] != ordered[:-1], ordered, "is reached twice")

    def _visit(
        self, level: np.ndarray, lows: list[bytes], *, is_branch: bool, lists: bool
    ) -> tuple[np.ndarray, list[bytes]]:
        """Visit the pages of a level, some at a time: return the pages below them and their lowest keys, or all keys.

        `lows` are the lowest keys that the level's own pages may have. No keys are read where nothing asks for them.
        """
        below, keys, batch = [], list[bytes](), max(1, _BATCH // self._size)
        for start in range(0, len(level), batch):
            numbers = level[start : start + batch]
            pages = self._read(numbers)
            nodes, counts = nodes_of(pages, numbers, self._size, is_branch=is_branch)
            if lists or self._deep:
                limits = [*lows[start : start + len(numbers) + 1], None]
                keys += _keys(nodes, pages, numbers.tolist(), counts.tolist(), limits, lists=lists)
            if is_branch:
                # LMDB ends the process where a branch has a single child.
                require(counts > 1, numbers, "has a single page below it")
                below.append(nodes.children())
            else:
                self._values(pages, np.repeat(numbers, counts), nodes, lists=lists)
        return np.concatenate(below) if below else level[:0], keys

    def require_used_once(self) -> None:
        """Check that no page is used twice, nor listed as free while it is used: a writer would overwrite it."""
        long = self._places()
        free = np.concatenate(self._free) if self._free else np.empty(0, np.int64)
        if (free > self._last_page).any():
            raise DamagedPages("its list of free pages names pages that it does not have")
        self.seen.values = len(long)
        steps = np.zeros(self._last_page + 2, np.int32)
        trees = np.concatenate([np.empty(0, np.int64), *self._visited])
        for first, count in ((trees, 1), (free, 1), (long[:, 0], long[:, 1])):
            np.add.at(steps, first, 1)
            np.add.at(steps, first + count, -1)
        if (np.cumsum(steps) > 1).any():
            raise DamagedPages("a page is used twice, or is in use and listed as free")

    def headers(self, end: float) -> None:
        """Look at the first page of every long value, in the order of the file, until the clock shows `end`."""
        long = self._places()
        long = long[np.argsort(long[:, 0])]
        self._long = [long]
        for place, (first, count) in enumerate(long.tolist()):
            if place % 256 == 0 and time.monotonic() > end:
                return
            long[place, 1] = self._header(first, count)
            self.seen.headers += 1

    def _places(self) -> np.ndarray:
        return np.concatenate(self._long) if self._long else np.empty((0, 2), np.int64)

    def _header(self, first: int, needed: int) -> int:
        """Return the pages that a long value takes; they are more than it needs where it replaced a longer one."""
        count = pages_at(os.pread(self._descriptor, HEADER, first * self._size), first)
        if not needed <= count <= self._pages - first:
            raise DamagedPages(f"page {first} is not the first of a value of {needed} pages")
        return count

    def _read(self, numbers: np.ndarray) -> bytearray:
        """Return pages one behind the other; they are read in the order of the file."""
        pages, order = bytearray(len(numbers) * self._size), np.argsort(numbers)
        for row, number in zip(order.tolist(), numbers[order].tolist(), strict=True):
            page = os.pread(self._descriptor, self._size, number * self._size)
            if len(page) < self._size:
                raise DamagedPages(f"page {number} is missing: the file is cut off")
            pages[row * self._size : (row + 1) * self._size] = page
        return pages

    def _values(self, pages: bytearray, numbers: np.ndarray, nodes: Nodes, *, lists: bool) -> None:
        """Take up the values of leaves; `numbers` are the pages of the nodes."""
        starts, big = nodes.at + 8 + nodes.keys, nodes.big
        require(big | (nodes.flags == 0), numbers, "holds what a store does not")
        sizes = nodes.values[big]
        places = np.frombuffer(pages, np.uint8)[starts[big][:, None] + np.arange(8)].view("<u8")[:, 0]
        counts = pages_of(sizes, self._size)
        sound = (places >= 2) & (places < np.uint64(self._pages))
        require(sound, numbers[big], "has a value outside of the file: it is cut off, or the entry is damaged")
        firsts = places.astype(np.int64)
        require(firsts + counts <= self._pages, firsts + counts - 1, "is missing: the file is cut off")
        self._long.append(np.stack([firsts, counts], axis=1))
        if lists:
            for first, count, size in zip(firsts.tolist(), counts.tolist(), sizes.tolist(), strict=True):
                self._header(first, count)
                self._free_pages(os.pread(self._descriptor, size, first * self._size + HEADER))
            for start, size in zip(starts[~big].tolist(), nodes.values[~big].tolist(), strict=True):
                self._free_pages(bytes(pages[start : start + size]))

    def _free_pages(self, value: bytes) -> None:
        """Take up a list of free pages, which a writer would fill: how many, then their numbers, the highest first."""
        numbers = np.frombuffer(value[: len(value) // 8 * 8], "<u8")
        # Newer versions of LMDB write to no file with a list that is shorter than its place.
        if not len(numbers) or numbers[0] >= len(numbers) or (self._deep and 8 * (int(numbers[0]) + 1) != len(value)):
            raise DamagedPages("its list of free pages does not end")
        used = numbers[1 : 1 + int(numbers[0])]
        if (used < 2).any() or (used >= 2**48).any() or (used[1:] >= used[:-1]).any():
            raise DamagedPages("its list of free pages is none")
        self._free.append(used.astype(np.int64))


def _keys(
    nodes: Nodes, pages: bytearray, numbers: list[int], counts: list[int], limits: list[bytes | None], *, lists: bool
) -> list[bytes]:
    """Return the keys of leaves, or the lowest keys of the pages below branches, so that they compare as LMDB does.

    Those of each page ascend, from its own limit on and below the next one's (None: without end), as the pages above
    promise. The first key of a branch counts for none.
    """
    texts, keys, end = nodes.key_texts(pages), list[bytes](), 0
    for number, count, low, high in zip(numbers, counts, limits, limits[1:], strict=False):
        own = texts[end + nodes.is_branch : end + count]
        end += count
        if lists:
            if any(len(key) != 8 for key in own):
                raise DamagedPages(f"page {number} names no transaction")
            own = [key[::-1] for key in own]  # whole numbers, the lowest byte first
        before = low or b""
        if nodes.is_branch:
            keys.append(before)
        for place, key in enumerate(own):
            if key < before or (place and key == before) or (high is not None and key >= high):
                raise DamagedPages(f"page {number} has keys that are out of order")
            before = key
        keys += own
    return keys
