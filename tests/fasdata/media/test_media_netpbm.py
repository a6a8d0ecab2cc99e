"""Portable maps with all their bits: what counts as an image can be read."""

from __future__ import annotations

from contextlib import suppress

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from fasdata.datasets.tree import IMAGE
from fasdata.media.frame import UnreadableMedia
from fasdata.media.netpbm import read_netpbm
from fasdata.media.stills import read_still
from tests.fabricate import noise


def write_map(path, image: np.ndarray, most: int, *, text: bool = False):
    """Write a PGM or PPM, with a comment in its header as some tools put there."""
    kind = {(2, False): b"P5", (3, False): b"P6", (2, True): b"P2", (3, True): b"P3"}[image.ndim, text]
    header = b"%b\n# made by a depth camera\n%d %d\n%d\n" % (kind, image.shape[1], image.shape[0], most)
    if text:
        body = " ".join(map(str, image.ravel())).encode()
    else:
        body = image.astype(">u2" if most > 255 else np.uint8).tobytes()
    path.write_bytes(header + body)
    return path


@pytest.mark.parametrize("text", [False, True])
@pytest.mark.parametrize(("most", "kind"), [(255, np.uint8), (15, np.uint8), (65535, np.uint16), (4095, np.uint16)])
def test_depth_keeps_the_values_that_stand_in_the_file(tmp_path, most, kind, text):
    image = (noise(1, 12, 9, kind=np.uint16).astype(int) % (most + 1)).astype(kind)
    pixels = read_still(write_map(tmp_path / "d.pgm", image, most, text=text), "depth")
    assert pixels.dtype == kind and np.array_equal(pixels, image)


def test_colour_of_eight_and_sixteen_bits_becomes_eight(tmp_path):
    deep = noise(2, 8, 6, 3, kind=np.uint16)
    assert np.array_equal(
        read_still(write_map(tmp_path / "c.ppm", deep, 65535), "rgb"), np.round(deep / 257).astype(np.uint8)
    )
    flat = noise(3, 8, 6, 3)
    assert np.array_equal(read_still(write_map(tmp_path / "e.ppm", flat, 255), "rgb"), flat)
    grey = noise(4, 8, 6)
    assert np.array_equal(read_still(write_map(tmp_path / "g.pgm", grey, 255), "rgb")[:, :, 1], grey)
    with pytest.raises(UnreadableMedia, match="found 16 bits in three"):
        read_still(tmp_path / "c.ppm", "depth")


def test_a_picture_of_eight_bits_is_read_as_pillow_reads_it(tmp_path):
    image = noise(5, 8, 6, 3)
    for suffix in ("ppm", "png"):
        Image.fromarray(image).save(tmp_path / f"a.{suffix}")
    assert np.array_equal(read_still(tmp_path / "a.ppm", "rgb"), read_still(tmp_path / "a.png", "rgb"))


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"P5\n4 4\n255\n123", "ends before its last pixel"),
        (b"P5\n4 4\n70000\n", "up to 70000"),
        (b"P5\n99999999 99999999\n255\n", "more than the limit"),
        (b"P5\n4 4", "not complete"),
        (b"P2\n2 1\n255\n1 x", "ends before"),
        (b"P2\n2 1\n3\n1 9", "above the greatest of 3"),
        (b"P5\n0 4\n255\n", "0x4 pixels"),
    ],
)
def test_what_is_no_whole_map_says_why(tmp_path, data, message):
    (tmp_path / "a.pgm").write_bytes(data)
    with pytest.raises(UnreadableMedia, match=message) as error:
        read_still(tmp_path / "a.pgm", "depth")
    assert str(error.value).startswith("depth: ") and "depth: depth" not in str(error.value)


@given(st.binary(max_size=60), st.sampled_from([b"P2", b"P3", b"P5", b"P6"]))
def test_any_bytes_are_a_picture_or_a_reason(data, kind):
    with suppress(UnreadableMedia):
        read_netpbm(kind + data)


@pytest.mark.parametrize("suffix", IMAGE)
def test_what_counts_as_an_image_can_be_read(tmp_path, suffix):
    path = tmp_path / f"a.{suffix}"
    grey = suffix == "pgm"
    Image.fromarray(noise(6, 8, 6) if grey else noise(6, 8, 6, 3)).save(path)
    assert read_still(path, "rgb").shape == (8, 6, 3)


@pytest.mark.parametrize(
    ("start", "name"),
    [(b"GIF89a", "GIF"), (b"\0\0\0 ftypavif", "AVIF"), (b"\0\0\0 ftypheic", "HEIC"), (b"\0\0\0 ftypisom", "video")],
)
def test_another_format_under_an_images_name_is_refused_by_name(tmp_path, start, name):
    (tmp_path / "a.png").write_bytes(start + bytes(40))
    with pytest.raises(UnreadableMedia, match=f"{name} is not supported, convert it to PNG"):
        read_still(tmp_path / "a.png", "rgb")
