"""Check that the pages of an LMDB file are intact: LMDB itself follows them blindly and would crash.

Every B-tree page that a reader or writer can reach is visited. Of long values the place is compared with the file and
with all other places; their own first pages are looked at where that is asked for, since it reads one page a value.
"""

from __future__ import annotations

import os
import struct
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import pairwise, repeat
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
)

_DEEPEST = 32  # LMDB's own limit


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
        self._visited: set[int] = set()
        self._long: list[np.ndarray] = []  # of each page: first pages and numbers of pages of its long values
        self._free: list[np.ndarray] = []
        self.seen = Seen()

    def tree(self, tree: Tree, *, lists: bool = False) -> None:
        """Visit a B-tree in the order of its keys; with `lists` its values are the lists of free pages."""
        if tree.root == NO_ROOT:
            return
        keys: list[bytes] = []
        waiting: list[tuple[int, int, bytes, bytes | None]] = [(tree.root, 1, b"", None)]
        while waiting:
            number, depth, low, high = waiting.pop()
            if number in self._visited or depth > min(tree.depth, _DEEPEST):
                raise DamagedPages(f"page {number} is reached twice, or too deep")
            self._visited.add(number)
            page = self._page(number)
            nodes = nodes_of(page, number)
            own = _keys(nodes, page, number, lists=lists) if lists or self._deep else []
            if nodes.is_branch:
                # LMDB ends the process where a branch has a single child.
                if len(nodes.at) < 2:
                    raise DamagedPages(f"page {number} has a single page below it")
                _require_order(own[1:], low, high, number)
                limits = pairwise([low, *own[1:], high]) if own else repeat((b"", None), len(nodes.at))
                below = zip(nodes.children(), limits, strict=True)
                waiting += [(child, depth + 1, first or b"", end) for child, (first, end) in below][::-1]
                continue
            if depth != tree.depth or (nodes.flags[~nodes.big] != 0).any():
                raise DamagedPages(f"page {number} holds what a store does not")
            _require_order(own, low, high, number)
            keys += own
            self._values(page, number, nodes, lists=lists)
        if not lists:
            self.seen.keys = keys
        elif keys and not 0 < int.from_bytes(keys[0], "big") <= int.from_bytes(keys[-1], "big") <= self._txn:
            raise DamagedPages("its list of free pages is of a transaction that there was not")

    def require_used_once(self) -> None:
        """Check that no page is used twice, nor listed as free while it is used: a writer would overwrite it."""
        long = self._places()
        free = np.concatenate(self._free) if self._free else np.empty(0, np.int64)
        if (free > self._last_page).any():
            raise DamagedPages("its list of free pages names pages that it does not have")
        self.seen.values = len(long)
        steps = np.zeros(self._last_page + 2, np.int32)
        for first, count in ((np.fromiter(self._visited, np.int64), 1), (free, 1), (long[:, 0], long[:, 1])):
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

    def _page(self, number: int) -> bytes:
        if not 2 <= number < self._pages:
            raise DamagedPages(f"page {number} is missing: the file is cut off")
        return os.pread(self._descriptor, self._size, number * self._size)

    def _values(self, page: bytes, number: int, nodes: Nodes, *, lists: bool) -> None:
        starts, big = nodes.at + 8 + nodes.keys, nodes.big
        sizes = nodes.values[big]
        places = np.array([struct.unpack_from("<Q", page, at)[0] for at in starts[big].tolist()], np.uint64)
        counts = pages_of(sizes, self._size)
        if (places >= np.uint64(self._pages)).any() or (places < np.uint64(2)).any():
            raise DamagedPages(f"page {number} has a value outside of the file: it is cut off, or the entry is damaged")
        firsts = places.astype(np.int64)
        if (firsts + counts > self._pages).any():
            raise DamagedPages(f"page {int((firsts + counts).max()) - 1} is missing: the file is cut off")
        self._long.append(np.stack([firsts, counts], axis=1))
        if lists:
            for first, count, size in zip(firsts.tolist(), counts.tolist(), sizes.tolist(), strict=True):
                self._header(first, count)
                self._free_pages(os.pread(self._descriptor, size, first * self._size + HEADER))
            for start, size in zip(starts[~big].tolist(), nodes.values[~big].tolist(), strict=True):
                self._free_pages(page[start : start + size])

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


def _keys(nodes: Nodes, page: bytes, number: int, *, lists: bool) -> list[bytes]:
    """Return the keys of a page so that they compare as LMDB orders them; the first one of a branch counts for none."""
    keys = nodes.key_texts(page)
    if not lists:
        return keys
    if any(len(key) != 8 for key in keys[nodes.is_branch :]):
        raise DamagedPages(f"page {number} names no transaction")
    return [key[::-1] for key in keys]  # whole numbers, the lowest byte first


def _require_order(keys: Iterable[bytes], low: bytes, high: bytes | None, number: int) -> None:
    """Check that the keys of a page ascend, from `low` on and below `high`, as the pages above it promise."""
    before: bytes | None = None
    for key in keys:
        if key < low or (before is not None and key <= before) or (high is not None and key >= high):
            raise DamagedPages(f"page {number} has keys that are out of order")
        before = key
