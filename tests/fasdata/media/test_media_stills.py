"""Folders of images, single images, and files that pretend to be images."""

import os
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from fasdata.media.frame import UnreadableMedia
from fasdata.media.readers import MediaForm, open_source
from fasdata.media.stills import read_still
from tests.fabricate import noise, write_still

FORM = MediaForm("frames")


def write_clip(folder, names, modalities=("color", "depth", "ir")):
    for place, name in enumerate(names):
        for modality in modalities:
            shape = (20, 30, 3) if modality == "color" else (10, 15)
            write_still(folder / modality / f"{name}.png", noise(place, *shape))
    return {"rgb": folder / "color", "depth": folder / "depth", "ir": folder / "ir"}


def test_frames_come_in_natural_order_with_their_own_names(tmp_path):
    source = open_source(FORM, write_clip(tmp_path, ["91", "1", "11", "2"]))
    frames = list(source.frames())
    assert [(frame.index, frame.name) for frame in frames] == [(0, "1"), (1, "2"), (2, "11"), (3, "91")]
    assert (source.n_hint, source.n_decoded, source.notes, source.damage) == (4, 4, (), "")
    assert frames[1].images.keys() == {"rgb", "depth", "ir"}
    assert np.array_equal(frames[1].rgb, noise(3, 20, 30, 3)) and frames[1].pts == -1
    assert np.array_equal(frames[2].images["ir"], noise(2, 10, 15))
    assert [frame.index for frame in source.frames({3, 0, 7})] == [0, 3]


def test_only_frames_that_every_modality_has_are_taken_and_the_rest_noted(tmp_path):
    paths = write_clip(tmp_path, ["0001", "0002", "0003"])
    (paths["depth"] / "0002.png").unlink()
    (paths["ir"] / "Thumbs.db").write_bytes(b"x")
    (paths["ir"] / "._0001.png").write_bytes(b"x")
    source = open_source(FORM, paths)
    assert [frame.name for frame in source.frames()] == ["0001", "0003"]
    assert source.notes == ("depth: 1 frames lack it and are left out",)


def test_a_modality_without_any_image_is_absent_and_the_clip_stands(tmp_path):
    paths = write_clip(tmp_path, ["1", "2"], ("color", "ir"))
    source = open_source(FORM, paths)
    assert [set(frame.images) for frame in source.frames()] == [{"rgb", "ir"}] * 2
    assert source.notes == ("depth: absent, there is no image",)


def test_without_colour_or_a_common_frame_there_is_no_clip(tmp_path):
    paths = write_clip(tmp_path / "a", ["1"], ("depth", "ir"))
    with pytest.raises(UnreadableMedia, match="no colour image"):
        open_source(FORM, paths)
    paths = write_clip(tmp_path / "b", ["1"], ("color",)) | write_clip(tmp_path / "c", ["2"], ("depth",))
    with pytest.raises(UnreadableMedia, match="no frame"):
        open_source(FORM, {"rgb": tmp_path / "b" / "color", "depth": tmp_path / "c" / "depth"})


def test_single_images_are_one_frame_whatever_their_names(tmp_path):
    paths = {
        "rgb": write_still(tmp_path / "000001-color.png", noise(1, 8, 9, 3)),
        "depth": write_still(tmp_path / "000001-depth.png", noise(2, 8, 9, kind=np.uint16)),
    }
    (frame,) = open_source(MediaForm("image"), paths).frames()
    assert (frame.index, frame.name) == (0, "")
    assert frame.images["depth"].dtype == np.uint16
    assert np.array_equal(frame.images["depth"], noise(2, 8, 9, kind=np.uint16))


def test_the_report_of_a_broken_image_is_the_same_wherever_it_lies(tmp_path):
    texts = set()
    for folder in ("here", "there"):
        paths = write_clip(tmp_path / folder, ["1", "2"])
        (paths["rgb"] / "2.png").write_bytes(b"no image")
        source = open_source(FORM, paths)
        list(source.frames())
        texts.add(source.damage)
    assert texts == {"1 frames cannot be read (2: rgb: not a readable image (cannot identify image file))"}


def test_a_frame_in_two_formats_is_one_frame_and_noted(tmp_path):
    write_still(tmp_path / "a" / "1.png", np.full((8, 8, 3), 200, np.uint8))
    write_still(tmp_path / "a" / "1.jpg", np.zeros((8, 8, 3), np.uint8))
    write_still(tmp_path / "a" / "2.png", np.zeros((8, 8, 3), np.uint8))
    source = open_source(FORM, {"rgb": tmp_path / "a"})
    assert [frame.rgb.max() for frame in source.frames()] == [0, 0]
    assert source.notes == ("rgb: 1 frames are there in several formats, of which the first by name is taken",)


def test_names_that_are_no_utf8_are_spelt_so_that_a_store_can_hold_them(tmp_path):
    image = write_still(tmp_path / "a" / "1.png", noise(1, 8, 8, 3))
    image.rename(os.fsdecode(os.fsencode(image.parent) + b"/caf\xe9.png"))
    (frame,) = open_source(FORM, {"rgb": image.parent}).frames()
    assert frame.name == "caf\\xe9" and frame.name.encode()


def test_one_broken_image_is_left_out_and_counted(tmp_path):
    paths = write_clip(tmp_path, ["1", "2", "3"])
    whole = (paths["depth"] / "2.png").read_bytes()
    (paths["depth"] / "2.png").write_bytes(whole[: len(whole) // 2])
    source = open_source(FORM, paths)
    assert [frame.name for frame in source.frames()] == ["1", "3"]
    assert source.n_decoded == 3
    assert source.damage.startswith("1 frames cannot be read (2: depth: not a readable image")


def test_a_truncated_jpeg_is_not_half_a_face(tmp_path):
    path = write_still(tmp_path / "a.jpg", noise(1, 64, 64, 3))
    path.write_bytes(path.read_bytes()[:1500])
    with pytest.raises(UnreadableMedia, match=r"truncated|not a readable"):
        read_still(path, "rgb")


def test_depth_in_three_equal_channels_is_one_channel_with_the_same_values(tmp_path):
    plane = noise(5, 12, 12)
    path = write_still(tmp_path / "a.png", np.repeat(plane[:, :, None], 3, axis=2))
    assert np.array_equal(read_still(path, "depth"), plane)
    assert read_still(path, "rgb").shape == (12, 12, 3)
    assert read_still(write_still(tmp_path / "grey.png", plane), "rgb").shape == (12, 12, 3)


def test_sixteen_bits_in_three_channels_are_refused_rather_than_halved(tmp_path):
    path = write_still(tmp_path / "a.png", noise(6, 8, 8, 3, kind=np.uint16))
    with pytest.raises(UnreadableMedia, match="16 bits in one channel"):
        read_still(path, "depth")


def test_the_camera_s_orientation_is_applied_once(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6  # a quarter turn clockwise makes it upright
    image = noise(7, 8, 16, 3)
    Image.fromarray(image).save(tmp_path / "a.png", exif=exif)
    assert np.array_equal(read_still(tmp_path / "a.png", "rgb"), np.rot90(image, -1))


def _claims(width: int, height: int) -> bytes:
    """Return a PNG whose header claims that size."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0" * 99)) + chunk(b"IEND", b"")
    )


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "empty"),
        (b"no image at all", "not a readable image"),
        (_claims(9000, 9000), "more than the limit"),
        (_claims(60000, 60000), r"more than the limit|not a readable image"),
        (b"%PDF-1.4 something else", "not a readable image"),
    ],
)
def test_what_is_no_image_says_why(tmp_path, data, message):
    path = tmp_path / "a.png"
    path.write_bytes(data)
    with pytest.raises(UnreadableMedia, match=message):
        read_still(path, "rgb")
    with pytest.raises(UnreadableMedia, match="missing"):
        read_still(tmp_path / "b.png", "rgb")
