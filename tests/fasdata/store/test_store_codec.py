"""Codecs: what each keeps, what it says of itself, and what it makes of bytes that somebody else has written."""

from __future__ import annotations

import random
import struct
import subprocess
import sys
import zlib

import cv2
import numpy as np
import pytest

from fasdata.errors import UserError
from fasdata.extract.settings import ExtractSettings
from fasdata.protocols.sampling import parse_rules
from fasdata.store.codec import MAX_PIXELS, Codec, decode, encode

NOISE = np.random.default_rng(0)
COLOUR = NOISE.integers(0, 255, (37, 51, 3), dtype=np.uint8)
GREY = COLOUR[:, :, 0].copy()
DEPTH = NOISE.integers(0, 65535, (20, 31), dtype=np.uint16)


@pytest.mark.parametrize("codec", ["png", "webp", "raw"])
@pytest.mark.parametrize("image", [COLOUR, GREY, DEPTH, COLOUR[::2, ::2], np.zeros((1, 1, 3), np.uint8)])
def test_lossless_codecs_keep_every_bit(codec, image):
    back = decode(encode(image, codec))
    assert np.array_equal(back, image) and back.dtype == image.dtype
    back[:] = 0  # the caller's own memory


def test_jpeg_keeps_colour_at_full_resolution_and_16_bits_whole():
    edges = np.zeros((32, 32, 3), np.uint8)
    edges[:, 1::2] = (255, 0, 0)  # one-pixel stripes: halved colour would smear them over their neighbours
    assert np.abs(decode(encode(edges, "jpeg:98")).astype(int) - edges).max() <= 8
    assert np.abs(decode(encode(GREY, "jpeg:98")).astype(int) - GREY).max() <= 6
    assert np.array_equal(decode(encode(DEPTH, "jpeg:98")), DEPTH)
    assert len(encode(COLOUR, "jpeg:60")) < len(encode(COLOUR, "jpeg:98"))


def test_the_bytes_are_of_the_codec_that_was_named():
    begins = {"png": b"\x89PNG", "jpeg:98": b"\xff\xd8\xff", "webp": b"RIFF", "raw": b"\x89FASRAW1"}
    for codec, magic in begins.items():
        assert encode(COLOUR, codec).startswith(magic)
    assert encode(DEPTH, "webp").startswith(b"\x89PNG") and encode(GREY, "webp").startswith(b"\x89PNG")


@pytest.mark.parametrize("text", ["bmp", "jpeg:0", "jpeg:101", "jpeg:", "jpeg:9.5", "jpeg:²", "png:3", "JPEG", ""])
def test_other_codecs_are_refused(text):
    with pytest.raises(UserError):
        Codec.parse(text)


def test_the_text_form_is_kept_and_recorded():
    assert [str(Codec.parse(text)) for text in ("png", "jpeg", "jpeg:90", "webp")] == [
        "png",
        "jpeg:98",
        "jpeg:90",
        "webp",
    ]
    rules = tuple(parse_rules("all"))
    assert ExtractSettings(rules, codec="jpeg").codec == "jpeg:98"
    with pytest.raises(UserError, match="raw"):
        ExtractSettings(rules, codec="raw")


@pytest.mark.parametrize(
    "image", [np.zeros((4, 4), np.float32), np.zeros((4, 4, 4), np.uint8), np.zeros((0, 4), np.uint8)]
)
@pytest.mark.parametrize("codec", ["png", "raw"])
def test_what_is_no_crop_is_not_encoded(image, codec):
    with pytest.raises(ValueError, match="cannot be encoded"):
        encode(image, codec)


def png_that_claims(width: int, height: int) -> bytes:
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunk = b"IHDR" + header
    return b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + chunk + struct.pack(">I", zlib.crc32(chunk)) + bytes(40)


def jpeg_that_claims(width: int, height: int) -> bytes:
    data = bytearray(encode(COLOUR, "jpeg:98"))
    at = data.index(b"\xff\xc0")
    data[at + 5 : at + 9] = struct.pack(">HH", height, width)
    return bytes(data)


GIGANTIC = {
    "png": png_that_claims(100_000, 100_000),
    "png within the limit, but not of so few bytes": png_that_claims(7_000, 7_000),
    "jpeg": jpeg_that_claims(65_500, 65_500),
    "jpeg within the limit, but not of so few bytes": jpeg_that_claims(7_000, 7_000),
    "webp": b"RIFF" + struct.pack("<I", 30) + b"WEBPVP8L" + struct.pack("<IBI", 10, 0x2F, 0x3FFF | 0x3FFF << 14),
    "raw": struct.pack("<8sIIBB6x", b"\x89FASRAW1", 1 << 31, 1 << 31, 3, 1),
}


def test_a_header_that_claims_a_gigantic_image_allocates_nothing():
    """In a process that may have 100 MiB more than it has."""
    code = (
        "import resource, sys; import cv2, numpy; from fasdata.store.codec import decode\n"
        "used = int(open('/proc/self/statm').read().split()[0]) * 4096\n"
        "resource.setrlimit(resource.RLIMIT_AS, (used + (100 << 20),) * 2)\n"
        "from tests.fasdata.store.test_store_codec import GIGANTIC\n"
        "for name, data in GIGANTIC.items():\n"
        "    try: decode(data)\n"
        "    except ValueError as error: assert 'claim' in str(error), (name, error)\n"
        "    else: sys.exit(name)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert MAX_PIXELS < 100_000_000


@pytest.mark.parametrize(
    "data",
    [
        b"", b"\x89PNG", b"\x80\x04K\x01.", b"GIF89a" + bytes(99), b"II*\0" + bytes(99), b"\xff\xd8\xff",
        b"\xff\xd8\xff\xe0\x00\x00" * 9, encode(COLOUR)[:-60], encode(COLOUR, "raw")[:-1], encode(COLOUR, "raw") + b"x",
        encode(COLOUR, "raw")[:20], encode(COLOUR, "webp")[:40],
        cv2.imencode(".png", np.zeros((9, 9, 4), np.uint8))[1].tobytes(),
        cv2.imencode(".png", np.zeros((9, 9, 3), np.uint16))[1].tobytes(),
        cv2.imencode(".webp", COLOUR, [cv2.IMWRITE_WEBP_QUALITY, 80])[1].tobytes(),
    ],
)  # fmt: skip
def test_what_no_codec_of_ours_makes_is_refused(data):
    with pytest.raises(ValueError, match="stored bytes"):
        decode(data)


def test_damaged_bytes_give_an_image_or_a_value_error(capfd):
    chance = random.Random(7)
    for codec in ("png", "jpeg:98", "webp", "raw"):
        whole = encode(COLOUR, codec)
        for _ in range(150):
            data = bytearray(whole)
            for _ in range(chance.randint(1, 4)):
                data[chance.randrange(len(data))] = chance.randrange(256)
            try:
                assert decode(bytes(data[: chance.choice((len(data), chance.randrange(len(data))))])).size
            except ValueError:
                continue
    capfd.readouterr()  # what the image libraries say about it
