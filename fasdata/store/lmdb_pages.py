"""Check that the pages of an LMDB file are intact: LMDB itself follows them blindly and would crash.

The layout is that of LMDB 0.9 on 64-bit little-endian machines: two meta pages, then B-tree pages of nodes, and
overflow pages for long values. Every page that a reader or writer can reach is visited; long values are not read.
"""

from __future__ import annotations

import os
import struct
from dataclasses import dataclass
from pathlib import Path

import numpy as np

_PAGE = struct.Struct("<QHHHH")  # number, pad, flags, end of the node pointers, start of the nodes
_META = struct.Struct("<IIQQ")  # magic, version, address, map size
_TREE = struct.Struct("<IHHQQQQQ")  # pad, flags, depth, branch, leaf and overflow pages, entries, root
_LAST = struct.Struct("<QQ")  # last page, transaction
_HEADER = 16
_META_PAGE = _HEADER + _META.size + 2 * _TREE.size + _LAST.size
_MAGIC, _VERSION, _NO_ROOT = 0xBEEFC0DE, 1, 2**64 - 1
_BRANCH, _LEAF, _META_FLAG, _FIXED_MAP = 0x01, 0x02, 0x08, 0x01
_BIG = 0x01  # a node's flag: its value lies on overflow pages
_DEEPEST = 32  # LMDB's own limit


class DamagedPages(ValueError):
    """The file is no LMDB file, or a damaged one; the text says in which way."""


@dataclass(frozen=True)
class Tree:
    """The root page of a B-tree, and the depth that it claims."""

    root: int
    depth: int


@dataclass(frozen=True)
class Meta:
    """One meta page: the state of the file after transaction `txn`."""

    page_size: int
    free: Tree
    main: Tree
    last_page: int
    txn: int


def read_metas(path: Path) -> tuple[Meta, Meta]:
    """Return both meta pages.

    Raises:
        DamagedPages: the file is shorter than they are, or begins otherwise.
    """
    with path.open("rb") as file:
        first = file.read(_META_PAGE)
        size = _meta(first, 0).page_size
        file.seek(size)
        metas = _meta(first, 0), _meta(file.read(_META_PAGE), 1)
    if metas[1].page_size != size:
        raise DamagedPages("its two meta pages disagree")
    return metas


def require_intact(path: Path, txn: int | None = None) -> None:
    """Visit every page of the state after transaction `txn` (None: the newest).

    Raises:
        DamagedPages: a page lies outside the file, is of no known kind, or points outside of itself.
    """
    metas = read_metas(path)
    newest = max(metas, key=lambda meta: meta.txn)
    meta = newest if txn is None else next((meta for meta in metas if meta.txn == txn), newest)
    descriptor = os.open(path, os.O_RDONLY)
    try:
        pages = min(os.fstat(descriptor).st_size // meta.page_size, meta.last_page + 1)
        walk = _Walk(descriptor, meta.page_size, pages)
        walk.tree(meta.main)
        walk.tree(meta.free, lists=True)
    finally:
        os.close(descriptor)


def _meta(data: bytes, number: int) -> Meta:
    if len(data) < _META_PAGE:
        raise DamagedPages("it ends within its meta pages")
    page, _, flags, _, _ = _PAGE.unpack_from(data)
    magic, version, _, _ = _META.unpack_from(data, _HEADER)
    if (page, flags, magic, version) != (number, _META_FLAG, _MAGIC, _VERSION):
        raise DamagedPages(f"meta page {number} is not one of LMDB")
    free = _TREE.unpack_from(data, _HEADER + _META.size)
    main = _TREE.unpack_from(data, _HEADER + _META.size + _TREE.size)
    last, txn = _LAST.unpack_from(data, _HEADER + _META.size + 2 * _TREE.size)
    size = free[0]
    if size & (size - 1) or not 256 <= size <= 65536:
        raise DamagedPages(f"its pages claim {size} bytes")
    if free[1] & _FIXED_MAP or main[1] & 0x7FFF:
        raise DamagedPages("it was made with other options, by another application")
    return Meta(size, Tree(free[7], free[2]), Tree(main[7], main[2]), last, txn)


class _Walk:
    def __init__(self, descriptor: int, size: int, pages: int) -> None:
        self._descriptor, self._size, self._pages = descriptor, size, pages
        self._seen: set[int] = set()

    def tree(self, tree: Tree, *, lists: bool = False) -> None:
        """Visit a B-tree; with `lists` its values are the lists of free pages."""
        if tree.root == _NO_ROOT:
            return
        waiting = [(tree.root, 1)]
        while waiting:
            number, depth = waiting.pop()
            if number in self._seen or depth > min(tree.depth, _DEEPEST):
                raise DamagedPages(f"page {number} is reached twice, or too deep")
            self._seen.add(number)
            page = self._page(number)
            at, values, flags, keys = self._nodes(page, number)
            if _PAGE.unpack_from(page)[2] == _BRANCH:
                below = values | flags << 32
                waiting += [(int(child), depth + 1) for child in below]
                continue
            if depth != tree.depth or (flags & ~_BIG).any():
                raise DamagedPages(f"page {number} holds what a store does not")
            self._values(page, number, at + 8 + keys, values, flags == _BIG, lists=lists)

    def _page(self, number: int) -> bytes:
        if not 2 <= number < self._pages:
            raise DamagedPages(f"page {number} is missing: the file is cut off")
        return os.pread(self._descriptor, self._size, number * self._size)

    def _nodes(self, page: bytes, number: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Return of each node its place, its value's size (of a branch: the low half of the child), flags, key size."""
        own, _, flags, lower, upper = _PAGE.unpack_from(page)
        sound = own == number and flags in (_BRANCH, _LEAF) and _HEADER < lower <= upper <= self._size
        if not sound or lower % 2:
            raise DamagedPages(f"page {number} is not one of a B-tree")
        at = np.frombuffer(page, "<u2", (lower - _HEADER) // 2, _HEADER).astype(np.int64)
        if (at < upper).any() or (at + 8 > self._size).any() or (at % 2).any():
            raise DamagedPages(f"page {number} points outside of itself")
        halves = np.frombuffer(page, "<u2")[at[:, None] // 2 + np.arange(4)].astype(np.int64)
        if (at + 8 + halves[:, 3] > self._size).any():
            raise DamagedPages(f"page {number} has a key that does not end")
        return at, halves[:, 0] | halves[:, 1] << 16, halves[:, 2], halves[:, 3]

    def _values(
        self, page: bytes, number: int, at: np.ndarray, sizes: np.ndarray, big: np.ndarray, *, lists: bool
    ) -> None:
        if (at + np.where(big, 8, sizes) > self._size).any():
            raise DamagedPages(f"page {number} has a value that does not end")
        for place, size in zip(at[big].tolist(), sizes[big].tolist(), strict=True):
            (first,) = struct.unpack_from("<Q", page, place)
            last = first + (_HEADER + size - 1) // self._size
            if not 2 <= first <= last < self._pages:
                raise DamagedPages(f"page {last} is missing: the file is cut off")
            if lists:
                self._free(os.pread(self._descriptor, size, first * self._size + _HEADER))
        if lists:
            for place, size in zip(at[~big].tolist(), sizes[~big].tolist(), strict=True):
                self._free(page[place : place + size])

    def _free(self, value: bytes) -> None:
        """Check a list of free pages, which a writer would fill: how many, then their numbers."""
        numbers = np.frombuffer(value[: len(value) // 8 * 8], "<u8")
        if not len(numbers) or numbers[0] >= len(numbers):
            raise DamagedPages("its list of free pages does not end")
        used = numbers[1 : 1 + int(numbers[0])]
        if (used < 2).any() or not self._seen.isdisjoint(used.tolist()):
            raise DamagedPages("its list of free pages names pages in use")
