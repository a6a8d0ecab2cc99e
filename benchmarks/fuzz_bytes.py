"""Mutators that know nothing of a format: of bytes, of numbers in bytes, and of text."""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from random import Random

Mutator = Callable[[bytes, Random, Sequence[bytes]], bytes]
"""From the bytes of a file, a source of randomness and the files of the same kind to the changed bytes."""

LARGEST = 4 << 20  # bytes of an input: what grows beyond is cut
_BYTES = (0x00, 0x01, 0x20, 0x22, 0x2C, 0x3A, 0x5B, 0x7B, 0x7F, 0x80, 0xFF)
NUMBERS = (0, 1, 2, 3, 4, 7, 8, 16, 64, 127, 128, 255, 256, 1000, 4096, 32767, 32768, 65535, 65536, 100_000, 1 << 20,
           1 << 24, (1 << 31) - 1, 1 << 31, (1 << 32) - 1, 1 << 40, (1 << 63) - 1, 1 << 63, (1 << 64) - 1)  # fmt: skip
WORDS = (
    b"\x00", b"\xff\xfe", b"\xc3\x28", b"\xed\xa0\x80", b"\xef\xbb\xbf", b"\r", b"\r\n", b"\n\n", b"\t", b'"', b'""',
    b"'", b",", b";", b":", b"{", b"}", b"[", b"]", b"&a", b"*a", b"!!python/object:os.system", b"<<: *a", b"---\n",
    b"...\n", b"NaN", b"nan", b"inf", b"-inf", b"Infinity", b"-Infinity", b"null", b"~", b"true", b"True", b"1e999",
    b"-0", b"0x10", b"9" * 400, b"9" * 5000, b"-1", b"0", b"1e308", b"2147483648", b"18446744073709551616", b"../../x",
    b"/", b"a" * 5000,
    b"\\u0000", b"\\ud800", b"[" * 300, b"{\"a\":" * 300, b"- " * 300, b"(" * 300, b"\xe2\x80\xae", b"\x1b[2J", b"%s%n",
    b"{0}", b"=1+1", b"2024-99-99", b"12:61:61", b"\xf0\x9f\x98\x80", b"bonafide", b"attack", b"0", b"1",
)  # fmt: skip


def flip_bits(data: bytes, random: Random, others: Sequence[bytes]) -> bytes:
    """Return the bytes with one to eight bits flipped."""
    changed = bytearray(data)
    for _ in range(random.choice((1, 1, 1, 2, 4, 8)) if changed else 0):
        changed[random.randrange(len(changed))] ^= 1 << random.randrange(8)
    return bytes(changed)


def overwrite(data: bytes, random: Random, others: Sequence[bytes]) -> bytes:
    """Return the bytes with a run of them replaced: by a byte that means something, or by noise."""
    if not data:
        return data
    at, length = random.randrange(len(data)), random.choice((1, 1, 2, 4, 8, 64))
    new = bytes([random.choice(_BYTES)]) * length if random.random() < 0.6 else random.randbytes(length)
    return data[:at] + new[: len(data) - at] + data[at + length :]


def set_number(data: bytes, random: Random, others: Sequence[bytes]) -> bytes:
    """Return the bytes with a whole number of 1 to 8 bytes, of either order, set to an edge, or moved by a little."""
    width = random.choice((1, 2, 4, 4, 8))
    if len(data) < width:
        return data
    at = random.randrange(len(data) - width + 1)
    if random.random() < 0.5:
        at -= at % width  # fields are mostly aligned
    order = random.choice(("<", ">"))
    form = order + {1: "B", 2: "H", 4: "I", 8: "Q"}[width]
    (value,) = struct.unpack_from(form, data, at)
    value = random.choice(NUMBERS) if random.random() < 0.7 else value + random.choice((-16, -2, -1, 1, 2, 16))
    return data[:at] + struct.pack(form, value % (1 << 8 * width)) + data[at + width :]


def cut_off(data: bytes, random: Random, others: Sequence[bytes]) -> bytes:
    """Return the beginning of the bytes, or rarely their end."""
    at = random.randrange(len(data)) if data else 0
    if random.random() < 0.3:
        at = max(0, len(data) - random.randrange(1, 32))
    return data[at:] if random.random() < 0.1 else data[:at]


def remove(data: bytes, random: Random, others: Sequence[bytes]) -> bytes:
    """Return the bytes without a run of them."""
    at, length = random.randrange(len(data) + 1), random.choice((1, 2, 4, 16, 256))
    return data[:at] + data[at + length :]


def repeat(data: bytes, random: Random, others: Sequence[bytes]) -> bytes:
    """Return the bytes with a run of them repeated, once or many times, in place or at the end."""
    at, length = random.randrange(len(data) + 1), random.choice((1, 4, 16, 256, 4096))
    piece = data[at : at + length] * random.choice((1, 1, 2, 50))
    at = random.choice((at, at, len(data)))
    return data[:at] + piece + data[at:]


def splice(data: bytes, random: Random, others: Sequence[bytes]) -> bytes:
    """Return the beginning of one file and the end of another, or a piece of the other inside the one."""
    other = random.choice(others) if others else data
    at, place = random.randrange(len(data) + 1), random.randrange(len(other) + 1)
    if random.random() < 0.5:
        return data[:at] + other[place:]
    length = random.choice((4, 16, 64, 512))
    return data[:at] + other[place : place + length] + data[at + length :]


def insert_word(data: bytes, random: Random, others: Sequence[bytes]) -> bytes:
    """Return the bytes with a word inserted, or in place of another, that parsers stumble over."""
    word, at = random.choice(WORDS), random.randrange(len(data) + 1)
    end = at
    if random.random() < 0.5:  # in place of what stands up to the next separator
        while end < len(data) and data[end] not in b' ,:;"\n\t=':
            end += 1
    return data[:at] + word + data[end:]


def swap_lines(data: bytes, random: Random, others: Sequence[bytes]) -> bytes:
    """Return the text with a line moved, removed, repeated or broken in two."""
    lines = data.split(b"\n")
    at, other = random.randrange(len(lines)), random.randrange(len(lines))
    match random.randrange(5):
        case 0:
            lines[at], lines[other] = lines[other], lines[at]
        case 1:
            del lines[at]
        case 2:
            lines[other:other] = [lines[at]] * random.choice((1, 2, 200))
        case 3:
            place = random.randrange(len(lines[at]) + 1)
            lines[at : at + 1] = [lines[at][:place], lines[at][place:]]
        case _:
            lines[at] = lines[at].replace(random.choice((b",", b" ", b":", b'"')), random.choice(WORDS[:18]))
    return b"\n".join(lines)


def indent(data: bytes, random: Random, others: Sequence[bytes]) -> bytes:
    """Return the text with the blanks before a line changed."""
    lines = data.split(b"\n")
    at = random.randrange(len(lines))
    lines[at] = random.choice((b"", b" ", b"  ", b"    ", b"\t", b" " * 200)) + lines[at].lstrip()
    return b"\n".join(lines)


BINARY: tuple[Mutator, ...] = (flip_bits, overwrite, set_number, set_number, cut_off, remove, repeat, splice)
TEXT: tuple[Mutator, ...] = (
    *(flip_bits, overwrite, cut_off, remove, repeat, splice),
    *(insert_word, insert_word, swap_lines, indent),
)
