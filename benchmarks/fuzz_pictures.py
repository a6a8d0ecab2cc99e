"""Mutators that know pictures and recordings: chunks of PNG, segments of JPEG, boxes of MP4, chunks of AVI."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Sequence
from random import Random

from fuzz_bytes import BINARY, NUMBERS

_PNG = b"\x89PNG\r\n\x1a\n"
_HOLDERS = {b"moov", b"trak", b"mdia", b"minf", b"stbl", b"edts", b"dinf", b"udta"}
_LISTS = {b"RIFF", b"LIST"}


def png_chunk(data: bytes, random: Random, others: Sequence[bytes]) -> bytes:
    """Change a chunk of a PNG, pixels included, and set the check sums right, so that deeper code is reached."""
    chunks = _png_chunks(data)
    at = random.randrange(len(chunks))
    kind, body = chunks[at]
    match random.randrange(8):
        case 0 | 1:
            width, height, depth, colour, *rest = struct.unpack(">IIBBBBB", chunks[0][1][:13])
            fields = [width, height, depth, colour, *rest]
            place = random.randrange(7)
            number = random.choice(NUMBERS) if place < 2 else random.choice((0, 1, 2, 3, 4, 6, 8, 16, 32, 255))
            fields[place] = number % (1 << 32 if place < 2 else 256)
            chunks[0] = (b"IHDR", struct.pack(">IIBBBBB", *fields))
        case 2:
            chunks[at:at] = [chunks[at]] * random.choice((1, 2, 100))
        case 3:
            del chunks[at]
        case 4:
            random.shuffle(chunks)
        case 5:
            extra = random.choice(
                (b"PLTE", b"tRNS", b"gAMA", b"iCCP", b"eXIf", b"acTL", b"tEXt", b"zTXt", b"iTXt", b"sBIT")
            )
            chunks.insert(
                random.randrange(1, len(chunks) + 1), (extra, random.randbytes(random.choice((0, 1, 3, 64, 768))))
            )
        case 6 if kind == b"IDAT":
            try:
                pixels = zlib.decompress(body)
                chunks[at] = (kind, zlib.compress(random.choice(BINARY)(pixels, random, [pixels])))
            except zlib.error:
                chunks[at] = (kind, body[::-1])
        case _:
            chunks[at] = (random.choice((kind, kind, b"IEND", b"abcd")), random.choice(BINARY)(body, random, [body]))
    return _PNG + b"".join(
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body)) for kind, body in chunks
    )


def _png_chunks(data: bytes) -> list[tuple[bytes, bytes]]:
    if not data.startswith(_PNG):
        raise ValueError("no PNG")
    chunks, at = [], 8
    while at + 8 <= len(data):
        (length,) = struct.unpack_from(">I", data, at)
        chunks.append((data[at + 4 : at + 8], data[at + 8 : at + 8 + length]))
        at += 12 + length
    return chunks


def jpeg_segment(data: bytes, random: Random, others: Sequence[bytes]) -> bytes:
    """Change a segment of a JPEG: its length, its bytes, its place."""
    starts, at = [], 2
    while at + 4 <= len(data) and data[at] == 0xFF and data[at + 1] != 0xDA:
        starts.append(at)
        at += 2 + struct.unpack_from(">H", data, at + 2)[0]
    if not starts:
        raise ValueError("no JPEG")
    start = random.choice(starts)
    length = struct.unpack_from(">H", data, start + 2)[0]
    before, body, after = data[: start + 4], data[start + 4 : start + 2 + length], data[start + 2 + length :]
    match random.randrange(4):
        case 0:
            return before[:-2] + struct.pack(">H", random.choice(NUMBERS) % 65536) + body + after
        case 1:
            return before + random.choice(BINARY)(body, random, [body]) + after
        case 2:
            return data[:start] + after
        case _:
            return data[:start] + data[start : start + 2 + length] * random.choice((2, 50)) + after


# -- MP4 and MOV ------------------------------------------------------------------------------------------------------


def mp4_box(data: bytes, random: Random, others: Sequence[bytes]) -> bytes:
    """Change a box of an MP4: a number in it, its bytes, its name, or the box as a whole; sizes above are set right."""
    boxes = [box for box in _boxes(data, 0, len(data), ()) if box[2] != b"mdat" or random.random() < 0.2]
    start, size, kind, above = random.choice(boxes)
    body = data[start + 8 : start + size]
    match random.randrange(6):
        case 0 | 1 if len(body) >= 4:
            at = random.randrange(len(body) // 4) * 4
            body = body[:at] + struct.pack(">I", random.choice(NUMBERS) % (1 << 32)) + body[at + 4 :]
        case 2:
            body = random.choice(BINARY)(body, random, [body])
        case 3:
            return _resized(data, start, size, b"", above)
        case 4:
            return _resized(data, start, size, data[start : start + size] * random.choice((2, 3, 50)), above)
        case _:
            kind = random.choice((b"free", b"moov", b"trak", b"stts", b"uuid", b"moof", random.randbytes(4)))
    return _resized(data, start, size, struct.pack(">I", 8 + len(body)) + kind + body, above)


def _boxes(data: bytes, start: int, end: int, above: tuple[int, ...]) -> list[tuple[int, int, bytes, tuple[int, ...]]]:
    """Return start, size and name of every box, with the starts of those that it lies in."""
    boxes = []
    while start + 8 <= end:
        (size,) = struct.unpack_from(">I", data, start)
        if not 8 <= size <= end - start:
            break
        kind = data[start + 4 : start + 8]
        boxes.append((start, size, kind, above))
        if kind in _HOLDERS:
            boxes += _boxes(data, start + 8, start + size, (*above, start))
        start += size
    if not boxes:
        raise ValueError("no MP4")
    return boxes


def _resized(data: bytes, start: int, size: int, new: bytes, above: tuple[int, ...], order: str = ">") -> bytes:
    place = 0 if order == ">" else 4
    changed = bytearray(data)
    for holder in above:
        (before,) = struct.unpack_from(order + "I", changed, holder + place)
        struct.pack_into(order + "I", changed, holder + place, (before + len(new) - size) % (1 << 32))
    return bytes(changed[:start]) + new + bytes(changed[start + size :])


# -- AVI --------------------------------------------------------------------------------------------------------------


def avi_chunk(data: bytes, random: Random, others: Sequence[bytes]) -> bytes:
    """Change a chunk of an AVI in the same ways."""
    if data[:4] != b"RIFF":
        raise ValueError("no AVI")
    start, size, kind, above = random.choice(_chunks(data, 0, len(data), ()))
    body = data[start + 8 : start + size]
    match random.randrange(5):
        case 0 | 1 if len(body) >= 4:
            at = random.randrange(len(body) // 4) * 4
            body = body[:at] + struct.pack("<I", random.choice(NUMBERS) % (1 << 32)) + body[at + 4 :]
        case 2:
            body = random.choice(BINARY)(body, random, [body])
        case 3:
            return _resized(data, start, size, random.choice((b"", data[start : start + size] * 3)), above, "<")
        case _:
            kind = random.choice((b"JUNK", b"LIST", b"00dc", b"idx1", random.randbytes(4)))
    new = kind + struct.pack("<I", len(body)) + body
    return _resized(data, start, size, new + b"\0" * (len(body) % 2), above, "<")


def _chunks(data: bytes, start: int, end: int, above: tuple[int, ...]) -> list[tuple[int, int, bytes, tuple[int, ...]]]:
    chunks = []
    while start + 8 <= end:
        kind, length = data[start : start + 4], struct.unpack_from("<I", data, start + 4)[0]
        size = min(8 + length + length % 2, end - start)
        chunks.append((start, size, kind, above))
        if kind in _LISTS:
            chunks += _chunks(data, start + 12, start + size, (*above, start))
        start += size
    return chunks
