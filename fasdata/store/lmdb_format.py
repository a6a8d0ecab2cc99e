"""The pages of an LMDB file, read without LMDB: meta pages, and the nodes of B-tree pages.

The layout is that of LMDB 0.9 on 64-bit little-endian machines. Nothing of a page is believed before it was compared
with the page's own size.
"""

from __future__ import annotations

import os
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import numpy as np

_PAGE = struct.Struct("<QHHHH")  # number, pad, flags, end of the node pointers, start of the nodes
_LONG = struct.Struct("<QHHI")  # the same 16 bytes of the first page of a long value: its last field counts pages
_META = struct.Struct("<IIQQ")  # magic, version, address, map size
_TREE = struct.Struct("<IHHQQQQQ")  # pad, flags, depth, branch, leaf and overflow pages, entries, root
_LAST = struct.Struct("<QQ")  # last page, transaction
HEADER = 16
_META_PAGE = HEADER + _META.size + 2 * _TREE.size + _LAST.size
_MAGIC, _VERSION = 0xBEEFC0DE, 1
NO_ROOT = 2**64 - 1
BRANCH, LEAF, _OVERFLOW, _META_FLAG, _FIXED_MAP = 0x01, 0x02, 0x04, 0x08, 0x01
BIG = 0x01  # a node's flag: its value lies on overflow pages, and the node holds the number of the first
SMALLEST, LARGEST = 256, 65536  # bytes of a page
Buffer: TypeAlias = bytes | bytearray
_UNWRITTEN = 4096  # pages at the end that a transaction may take and give back without writing them


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


@dataclass(frozen=True)
class Nodes:
    """The nodes of B-tree pages that are all branches or all leaves, one entry of each array a node.

    `at` is a node's place in the bytes of the pages, `keys` the length of its key, which begins 8 bytes later; `values`
    is the size of its value, in a branch the low half of the child's number; `flags` are its flags, in a branch the
    high half.
    """

    is_branch: bool
    at: np.ndarray
    values: np.ndarray
    flags: np.ndarray
    keys: np.ndarray

    @property
    def big(self) -> np.ndarray:
        """Which nodes keep their value on overflow pages."""
        return (self.flags == BIG) & (not self.is_branch)

    @property
    def sizes(self) -> np.ndarray:
        """The bytes that each node takes, padded to an even number."""
        held = 0 if self.is_branch else np.where(self.big, 8, self.values)
        return (8 + self.keys + held + 1) // 2 * 2

    def children(self) -> np.ndarray:
        """Return the pages below branches."""
        return self.values | self.flags << 32

    def key_texts(self, pages: Buffer) -> list[bytes]:
        """Return the keys in the order of the nodes."""
        starts, view = (self.at + 8).tolist(), memoryview(pages)
        return [bytes(view[start : start + size]) for start, size in zip(starts, self.keys.tolist(), strict=True)]


def read_metas(path: Path) -> tuple[Meta, Meta]:
    """Return both meta pages.

    Raises:
        DamagedPages: the file begins otherwise, or is shorter than they say.
    """
    with path.open("rb") as file:
        first = file.read(_META_PAGE)
        size = meta_of(first, 0).page_size
        file.seek(size)
        metas = meta_of(first, 0), meta_of(file.read(_META_PAGE), 1)
        pages = os.fstat(file.fileno()).st_size // size
    if metas[1].page_size != size:
        raise DamagedPages("its two meta pages disagree")
    last = max(meta.last_page for meta in metas)
    if last >= pages + _UNWRITTEN:
        raise DamagedPages(f"page {last} is missing: the file is cut off")
    return metas


def meta_of(data: bytes, number: int) -> Meta:
    """Return what the bytes of meta page `number` say.

    Raises:
        DamagedPages: they are cut off, or those of something else.
    """
    if len(data) < _META_PAGE:
        raise DamagedPages("it ends within its meta pages")
    page, _, flags, _, _ = _PAGE.unpack_from(data)
    magic, version, _, _ = _META.unpack_from(data, HEADER)
    if (page, flags, magic, version) != (number, _META_FLAG, _MAGIC, _VERSION):
        raise DamagedPages(f"meta page {number} is not one of LMDB")
    free = _TREE.unpack_from(data, HEADER + _META.size)
    main = _TREE.unpack_from(data, HEADER + _META.size + _TREE.size)
    last, txn = _LAST.unpack_from(data, HEADER + _META.size + 2 * _TREE.size)
    size = free[0]
    if size & (size - 1) or not SMALLEST <= size <= LARGEST:
        raise DamagedPages(f"its pages claim {size} bytes")
    if free[1] & _FIXED_MAP or main[1] & 0x7FFF:
        raise DamagedPages("it was made with other options, by another application")
    return Meta(size, Tree(free[7], free[2]), Tree(main[7], main[2]), last, txn)


def nodes_of(pages: Buffer, numbers: np.ndarray, size: int, *, is_branch: bool) -> tuple[Nodes, np.ndarray]:
    """Return the nodes of B-tree pages of so many bytes that lie one behind the other, and how many each page has.

    They are the pages of these `numbers`, all branches or all leaves. The nodes of a page fill it from their start to
    its end without gap or overlap.

    Raises:
        DamagedPages: one is another page, or its nodes do not.
    """
    halves = np.frombuffer(pages, "<u2").reshape(len(numbers), size // 2)
    own, flags = np.ascontiguousarray(halves[:, :4]).view("<u8")[:, 0], halves[:, 5]
    lower, upper = halves[:, 6].astype(np.int64), halves[:, 7].astype(np.int64)
    sound = (own == numbers.astype(np.uint64)) & ((flags == BRANCH) | (flags == LEAF)) & (lower % 2 == 0)
    require(sound & (lower > HEADER) & (lower <= upper) & (upper <= size), numbers, "is not one of a B-tree")
    require(flags == (BRANCH if is_branch else LEAF), numbers, "lies too deep in the tree, or not deep enough")
    counts = (lower - HEADER) // 2
    firsts = np.cumsum(counts) - counts
    rows = np.repeat(np.arange(len(numbers)), counts)
    within = halves[rows, HEADER // 2 + np.arange(len(rows)) - firsts[rows]].astype(np.int64)
    sound = (within >= upper[rows]) & (within + 8 <= size) & (within % 2 == 0)
    require(sound, numbers[rows], "points outside of itself")
    nodes = nodes_at(pages, rows * size + within, is_branch=is_branch)
    order = np.argsort(nodes.at)  # by page, and within a page by place: each node ends where the next one begins
    starts = nodes.at[order]
    begins = np.arange(len(numbers)) * size
    ends = np.append(starts[1:], 0)
    ends[firsts + counts - 1] = begins + size
    sound = starts + nodes.sizes[order] == ends
    sound[firsts] &= starts[firsts] == begins + upper
    require(sound, numbers[rows], "has entries that do not end where the next one begins")
    return nodes, counts


def require(sound: np.ndarray, numbers: np.ndarray, what: str) -> None:
    """Check that all of it is sound; `numbers` are the pages that it is of.

    Raises:
        DamagedPages: something is not; the text names the first such page.
    """
    if not sound.all():
        raise DamagedPages(f"page {numbers[np.argmin(sound)]} {what}")


def pointers(page: bytes, lower: int) -> np.ndarray:
    """Return the places of nodes that a page's header lists, as they stand there; its list ends at `lower`."""
    return np.frombuffer(page, "<u2", (lower - HEADER) // 2, HEADER).astype(np.int64)


def nodes_at(pages: Buffer, at: np.ndarray, *, is_branch: bool) -> Nodes:
    """Return the heads of the nodes at even places that lie at least 8 bytes before the end of the bytes."""
    halves = np.frombuffer(pages, "<u2")[at[:, None] // 2 + np.arange(4)].astype(np.int64)
    return Nodes(is_branch, at, halves[:, 0] | halves[:, 1] << 16, halves[:, 2], halves[:, 3])


def pages_of(sizes: np.ndarray, page_size: int) -> np.ndarray:
    """Return how many overflow pages values of these sizes take."""
    return (HEADER + sizes - 1) // page_size + 1


def pages_at(header: bytes, number: int) -> int:
    """Return how many pages a long value takes by the header of its first, 0 where that is no such page."""
    if len(header) < HEADER:
        return 0
    own, _, flags, count = _LONG.unpack(header)
    return count if (own, flags) == (number, _OVERFLOW) else 0
