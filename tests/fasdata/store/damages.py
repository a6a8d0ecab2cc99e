"""Random damage to the files of a store: what disks, copies cut short and lost writes leave behind."""

from __future__ import annotations

import struct
from collections.abc import Callable
from pathlib import Path
from random import Random

PAGE = 4096
_LEAF, _OVERFLOW = 2, 4


def _write(path: Path, data: bytes | bytearray) -> None:
    path.write_bytes(bytes(data))


def _page(chance: Random, data: bytes) -> int:
    """Return the first byte of some page."""
    return PAGE * chance.randrange(max(1, len(data) // PAGE))


def _pages_of(data: bytes, flag: int) -> list[int]:
    """Return the first bytes of the pages that carry their own number and this flag."""
    heads = ((at, struct.unpack_from("<QHH", data, at)) for at in range(0, len(data) - PAGE + 1, PAGE))
    return [at for at, (number, _, flags) in heads if number == at // PAGE and flags == flag]


def one_bit(chance: Random, data: bytearray) -> None:
    data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)


def bits_of_a_header(chance: Random, data: bytearray) -> None:
    page = _page(chance, data)
    for _ in range(chance.randint(1, 4)):
        data[page + chance.randrange(min(64, len(data) - page))] ^= 1 << chance.randrange(8)


def noise(chance: Random, data: bytearray) -> None:
    page, pages = _page(chance, data), chance.choice((1, 1, 1, 2, 5))
    size = min(pages * PAGE, len(data) - page)
    data[page : page + size] = chance.randbytes(size)


def blank(chance: Random, data: bytearray) -> None:
    page, pages = _page(chance, data), chance.choice((1, 1, 1, 2, 5))
    size = min(pages * PAGE, len(data) - page)
    data[page : page + size] = bytes([chance.choice((0, 255))]) * size


def cut(chance: Random, data: bytearray) -> None:
    whole = len(data)
    del data[chance.choice((0, 1, PAGE, whole - 1, _page(chance, data), chance.randrange(whole))) :]


def longer(chance: Random, data: bytearray) -> None:
    data += chance.randbytes(chance.randrange(3 * PAGE))


def swapped(chance: Random, data: bytearray) -> None:
    first, other = _page(chance, data), _page(chance, data)
    data[first : first + PAGE], data[other : other + PAGE] = data[other : other + PAGE], data[first : first + PAGE]


def doubled(chance: Random, data: bytearray) -> None:
    first, other = _page(chance, data), _page(chance, data)
    data[other : other + PAGE] = data[first : first + PAGE]


def long_value(chance: Random, data: bytearray) -> None:
    """Change the header of a value's first overflow page: its number, its flags, or the count of its pages."""
    pages = _pages_of(data, _OVERFLOW)
    page = chance.choice(pages or [_page(chance, data)])
    number, pad, flags, count = struct.unpack_from("<QHHI", data, page)
    match chance.randrange(4):
        case 0:
            number = chance.choice((0, number + 1, number ^ 1 << chance.randrange(64), chance.getrandbits(64)))
        case 1:
            flags = chance.choice((0, 1, 2, 8, 16, 20, 64, chance.getrandbits(16)))
        case 2:
            count = chance.choice((0, 1, count + 1, count + 7, 2**31, 2**32 - 1, chance.getrandbits(32)))
        case 3:
            data[page : page + PAGE] = chance.randbytes(PAGE)
            return
    struct.pack_into("<QHHI", data, page, number, pad, flags, count)


def entry(chance: Random, data: bytearray) -> None:
    """Change the header of a leaf, one of its pointers, or the head of one of its nodes."""
    pages = _pages_of(data, _LEAF)
    page = chance.choice(pages or [_page(chance, data)])
    (lower,) = struct.unpack_from("<H", data, page + 12)
    places = [page + 10, page + 12, page + 14, *range(page + 16, page + min(lower, PAGE - 2), 2)]
    pointed = [page + struct.unpack_from("<H", data, at)[0] for at in places[3:]]
    places += [at + 2 * part for at in pointed for part in range(8) if at + 16 < page + PAGE]
    old = struct.unpack_from("<H", data, at := chance.choice(places))[0]
    struct.pack_into("<H", data, at, chance.choice((0, 1, old ^ 1 << chance.randrange(16), chance.getrandbits(16))))


def meta(chance: Random, data: bytearray) -> None:
    """Change a field of a meta page: root, depth, last page, transaction, sizes."""
    at = PAGE * chance.randrange(2) + 16 + 4 * chance.randrange(34)
    old = struct.unpack_from("<I", data, at)[0]
    new = chance.choice((0, 1, 2, old + 1, old - 1, old ^ 1 << chance.randrange(32), chance.getrandbits(32)))
    struct.pack_into("<I", data, at, new % 2**32)


SHARD: tuple[Callable[[Random, bytearray], None], ...] = (
    one_bit, bits_of_a_header, noise, blank, cut, longer, swapped, doubled, long_value, long_value, entry, meta,
)  # fmt: skip


def damage(chance: Random, store: Path, earlier: Path) -> str:
    """Damage a store in some way and return which; `earlier` is the same store before its last writes."""
    shards = sorted((store / "shards").glob("*.lmdb"))
    kind = chance.randrange(20)
    if kind < 3:
        path = store / chance.choice(("clips.parquet", "index.parquet", "failures.csv"))
        return f"{_damage_table(chance, path)}" + (f", {_damage_shard(chance, shards)}" if kind == 0 else "")
    if kind < 5:
        path = chance.choice([path for path in shards if (earlier / "shards" / path.name).exists()])
        return _lose_writes(chance, path, (earlier / "shards" / path.name).read_bytes())
    return ", ".join(_damage_shard(chance, shards) for _ in range(chance.choice((1, 1, 1, 2, 3))))


def _damage_shard(chance: Random, shards: list[Path]) -> str:
    path = chance.choice(shards)
    data = bytearray(path.read_bytes())
    if len(data) < 2 * PAGE:  # cut off by the damage before
        return f"nothing more to {path.name}"
    how = chance.choice(SHARD)
    how(chance, data)
    _write(path, data)
    return f"{how.__name__} {path.name}"


def _damage_table(chance: Random, path: Path) -> str:
    how = chance.choice(("gone", "cut", "noise", "bits"))
    data = bytearray(path.read_bytes())
    match how:
        case "gone":
            path.unlink()
            return f"{path.name} gone"
        case "cut":
            del data[chance.randrange(len(data)) :]
        case "noise":
            at = chance.randrange(len(data))
            data[at : at + 512] = chance.randbytes(len(data[at : at + 512]))
        case "bits":
            for _ in range(chance.randint(1, 8)):
                one_bit(chance, data)
    _write(path, data)
    return f"{path.name} {how}"


def _lose_writes(chance: Random, path: Path, before: bytes) -> str:
    """Give some pages the content that they had before the last writes, as a disk that lies about syncs does."""
    data = bytearray(path.read_bytes())
    pages = [at for at in range(0, min(len(data), len(before)), PAGE) if data[at : at + PAGE] != before[at : at + PAGE]]
    taken = pages if chance.random() < 0.2 else [at for at in pages if chance.random() < 0.5]
    for at in taken:
        data[at : at + PAGE] = before[at : at + PAGE]
    _write(path, data)
    return f"{len(taken)} of {len(pages)} lost writes {path.name}"
