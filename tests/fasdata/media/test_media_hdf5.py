"""WMCA and 3DMAD recordings, whole, with gaps, and hostile."""

import random
import zlib

import h5py
import numpy as np
import pytest

from fasdata.errors import UserError
from fasdata.faces.given import given_faces
from fasdata.media.frame import UnreadableMedia
from fasdata.media.readers import MediaForm, open_source
from fasdata.media.wmca import GREY_NOTE
from fasdata.records import Clip
from tests.fabricate import noise, wmca_pair, write_threedmad, write_wmca

WMCA, THREEDMAD = MediaForm("wmca-hdf5"), MediaForm("3dmad-hdf5")


def test_wmca_frames_are_those_of_both_files_in_natural_order(tmp_path):
    paths = wmca_pair(tmp_path, "a.hdf5", [9, 10, 2, 31])
    with h5py.File(paths["rgb"], "a") as file:
        del file["Frame_2"]
    source = open_source(WMCA, paths)
    frames = list(source.frames())
    assert [(frame.index, frame.name) for frame in frames] == [(0, "Frame_9"), (1, "Frame_10"), (2, "Frame_31")]
    assert source.notes == ("1 frames are in one of the two files only",)
    assert np.array_equal(frames[1].rgb, noise(10, 3, 128, 128).transpose(1, 2, 0))
    stack = noise(510, 4, 128, 128)
    assert np.array_equal(frames[1].images["depth"], stack[1]) and np.array_equal(frames[1].images["ir"], stack[2])
    assert frames[1].images["depth"].dtype == np.uint8


def test_without_the_rgb_file_rgb_is_the_grey_channel_and_that_is_said(tmp_path):
    paths = wmca_pair(tmp_path, "a.hdf5", [3])
    for given in (dict.fromkeys(("rgb", "depth", "ir"), paths["depth"]), {"depth": paths["depth"]}):
        source = open_source(WMCA, given)
        (frame,) = source.frames()
        assert source.notes == (GREY_NOTE,)
        assert all(np.array_equal(frame.rgb[:, :, channel], noise(503, 4, 128, 128)[0]) for channel in range(3))
        assert set(frame.images) == {"rgb", *given}
    paths["rgb"].unlink()
    assert open_source(WMCA, paths).notes == ("a.hdf5: the file is missing", GREY_NOTE)


def test_the_rgb_file_alone_is_a_colour_clip(tmp_path):
    paths = wmca_pair(tmp_path, "a.hdf5", [3])
    (frame,) = open_source(WMCA, {"rgb": paths["rgb"]}).frames()
    assert set(frame.images) == {"rgb"}
    paths["depth"].write_bytes(b"broken")
    source = open_source(WMCA, paths)
    assert "not a readable HDF5 file" in source.notes[0] and set(next(source.frames()).images) == {"rgb"}


def test_wmca_files_without_a_common_frame_are_unreadable(tmp_path):
    paths = {
        "rgb": write_wmca(tmp_path / "rgb.hdf5", {1: noise(1, 3, 16, 16)}),
        "depth": write_wmca(tmp_path / "cdit.hdf5", {2: noise(1, 4, 16, 16)}),
    }
    with pytest.raises(UnreadableMedia, match=r"no frame.*in one of the two files only"):
        open_source(WMCA, paths)


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (np.zeros((4, 8, 8), np.float32), "expected uint8 of 4xnxn, found float32"),
        (np.zeros((5, 8, 8), np.uint8), r"found uint8 of \(5, 8, 8\)"),
        (np.zeros((8, 8), np.uint8), r"found uint8 of \(8, 8\)"),
        (np.zeros((4, 0, 8), np.uint8), r"\(4, 0, 8\)"),
    ],
)
def test_arrays_of_another_form_are_reported(tmp_path, array, message):
    path = write_wmca(tmp_path / "a.hdf5", {0: array})
    with pytest.raises(UnreadableMedia, match=message):
        open_source(WMCA, {"rgb": path, "depth": path})


def test_a_bad_frame_among_good_ones_is_left_out_and_counted(tmp_path):
    path = write_wmca(tmp_path / "a.hdf5", {0: noise(0, 4, 8, 8), 1: noise(1, 4, 8, 9, kind=np.uint16)})
    with h5py.File(path, "a") as file:
        file.create_group("Frame_2")
        file.create_group("something else")
    source = open_source(WMCA, {"rgb": path})
    assert [frame.name for frame in source.frames()] == ["Frame_0"]
    assert source.damage.startswith("2 frames cannot be read (Frame_1: /Frame_1/array: expected uint8")


def test_links_out_of_the_file_are_not_followed(tmp_path):
    secret = write_wmca(tmp_path / "secret.hdf5", {0: noise(0, 4, 8, 8)})
    with h5py.File(tmp_path / "a.hdf5", "w") as file:
        file["Frame_0"] = h5py.ExternalLink(str(secret), "/Frame_0")
    with pytest.raises(UnreadableMedia, match="there is no Frame_0/array"):
        open_source(WMCA, {"rgb": tmp_path / "a.hdf5"})
    layout = h5py.VirtualLayout((4, 8, 8), np.uint8)
    layout[:] = h5py.VirtualSource(str(secret), "/Frame_0/array", (4, 8, 8))
    with h5py.File(tmp_path / "b.hdf5", "w") as file:
        file.create_group("Frame_0").create_virtual_dataset("array", layout)
    with pytest.raises(UnreadableMedia, match="points outside the file"):
        open_source(WMCA, {"rgb": tmp_path / "b.hdf5"})


def test_an_array_that_claims_gigabytes_is_not_read(tmp_path):
    with h5py.File(tmp_path / "a.hdf5", "w") as file:
        file.create_group("Frame_0").create_dataset("array", (4, 60_000, 60_000), np.uint8, chunks=(1, 256, 256))
    source = open_source(WMCA, {"rgb": tmp_path / "a.hdf5"})
    assert list(source.frames()) == [] and "too large for a frame" in source.damage


@pytest.mark.parametrize(
    ("data", "message"), [(None, "missing"), (b"", "empty"), (b"text" * 99, "not a readable HDF5")]
)
@pytest.mark.parametrize("form", [WMCA, THREEDMAD])
def test_what_is_no_hdf5_says_why(tmp_path, form, data, message):
    path = tmp_path / "a.hdf5"
    if data is not None:
        path.write_bytes(data)
    with pytest.raises(UnreadableMedia, match=message):
        open_source(form, {"rgb": path, "depth": path})


def test_a_threedmad_recording_keeps_its_bits_and_its_eyes(tmp_path):
    path = write_threedmad(tmp_path / "a.hdf5")
    source = open_source(THREEDMAD, {"rgb": path, "depth": path})
    frames = list(source.frames({1, 3}, to_end=True))
    assert source.n_decoded == 4 and [frame.index for frame in frames] == [1, 3]
    assert np.array_equal(frames[1].rgb, noise(1, 4, 3, 24, 32)[3].transpose(1, 2, 0))
    assert np.array_equal(frames[1].images["depth"], noise(2, 4, 1, 24, 32, kind=np.uint16)[3, 0])
    assert frames[0].eyes == ((10.0, 8.0), (20.0, 8.0))
    (alone,) = open_source(THREEDMAD, {"rgb": path}).frames({0})
    assert set(alone.images) == {"rgb"}


def test_threedmad_without_depth_or_with_unequal_lengths_is_noted(tmp_path):
    path = write_threedmad(tmp_path / "a.hdf5", Depth_Data=None, Eye_Pos=None)
    source = open_source(THREEDMAD, {"rgb": path, "depth": path})
    assert source.notes == ("depth: absent, there is no Depth_Data",) and next(source.frames()).eyes is None
    path = write_threedmad(tmp_path / "b.hdf5", Depth_Data=noise(2, 3, 1, 24, 32, kind=np.uint16))
    source = open_source(THREEDMAD, {"rgb": path, "depth": path})
    assert source.n_decoded == 3 and "4 frames and depth 3" in source.notes[0]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"Color_Data": None}, "there is no Color_Data"),
        ({"Color_Data": np.zeros((4, 24, 32, 3), np.uint8)}, "expected uint8 of nx3xnxn"),
        ({"Depth_Data": np.zeros((4, 1, 24, 32), np.float64)}, "expected uint16"),
        ({"Eye_Pos": np.zeros((4, 2))}, "expected float64 of nx4"),
    ],
)
def test_threedmad_of_another_form_is_reported(tmp_path, changes, message):
    path = write_threedmad(tmp_path / "a.hdf5", **changes)
    with pytest.raises(UnreadableMedia, match=message):
        open_source(THREEDMAD, {"rgb": path, "depth": path})


@pytest.mark.parametrize("seed", range(4))
def test_whatever_is_broken_in_a_file_it_gives_frames_or_a_reason(tmp_path, seed):
    chance, refused = random.Random(seed), 0
    write_threedmad(tmp_path / "whole-0.hdf5")
    with h5py.File(tmp_path / "whole-1.hdf5", "w") as file:
        for number in range(3):
            file.create_group(f"Frame_{number}").create_dataset("array", data=np.zeros((4, 16, 16), np.uint8))
    np.savez_compressed(tmp_path / "whole-2.npz", data=np.random.default_rng(0).random((22, 8, 8), np.float32))
    for form, whole in zip((THREEDMAD, WMCA, MediaForm("padisi-npz")), sorted(tmp_path.iterdir()), strict=True):
        path = tmp_path / f"broken{whole.suffix}"
        for _ in range(100):
            data = bytearray(whole.read_bytes())
            for _ in range(chance.randrange(1, 6)):
                data[chance.randrange(min(len(data), 2000))] = chance.choice((0, 1, 128, 255))
            path.write_bytes(data)
            try:
                source = open_source(form, {"rgb": path, "depth": path})
                lost = source.n_hint - len(list(source.frames()))
                assert bool(source.damage) == bool(lost)
                refused += lost > 0
            except UnreadableMedia as error:
                refused += 1
                assert str(error) and "\n" not in str(error) and str(tmp_path) not in str(error)
            given_faces(Clip("3dmad", "c", {"rgb": path.name}), tmp_path)  # raises nothing
        path.unlink()
    assert refused > 30


def test_a_recording_that_claims_billions_of_frames_is_refused_unread(tmp_path):
    with h5py.File(tmp_path / "a.hdf5", "w") as file:
        file.create_dataset("Color_Data", (1 << 34, 3, 8, 8), np.uint8, chunks=(1, 3, 8, 8))
    assert (tmp_path / "a.hdf5").stat().st_size < 5000
    with pytest.raises(UnreadableMedia, match="claims 17179869184 frames, more than the limit"):
        open_source(THREEDMAD, {"rgb": tmp_path / "a.hdf5"})


def test_an_unknown_reader_names_those_that_exist(tmp_path):
    with pytest.raises(UserError, match="hqwmca-hdf5"):
        open_source(MediaForm("hqwmca-hdf5"), {"rgb": tmp_path})


def test_a_piece_that_unpacks_to_more_than_it_stands_for_is_not_unpacked(tmp_path):
    """A few megabytes that HDF5 itself would make gigabytes of."""
    with h5py.File(tmp_path / "a.hdf5", "w") as file:
        for number, content in enumerate((bytes(300 << 20), bytes(3 * 200 * 200))):
            array = file.create_dataset(
                f"Frame_{number}/array", (3, 200, 200), "u1", chunks=(3, 200, 200), compression="gzip"
            )
            array.id.write_direct_chunk((0, 0, 0), zlib.compress(content, 1))
    source = open_source(WMCA, {"rgb": tmp_path / "a.hdf5"})
    assert [frame.name for frame in source.frames()] == ["Frame_1"]
    assert "Frame_0" in source.damage and "a piece unpacks to more than" in source.damage


def test_frames_in_any_honest_pieces_are_read(tmp_path):
    values = noise(3, 3, 400, 900)
    for number, (pieces, packing) in enumerate([((1, 7, 900), "gzip"), ((3, 400, 900), "lzf"), (None, None)]):
        path = tmp_path / f"{number}.hdf5"
        with h5py.File(path, "w") as file:
            file.create_dataset("Frame_0/array", data=values, chunks=pieces, compression=packing, shuffle=bool(packing))
        (frame,) = open_source(WMCA, {"rgb": path}).frames()
        assert np.array_equal(frame.rgb, values.transpose(1, 2, 0))


def test_eyes_of_more_frames_than_any_recording_has_are_not_read(tmp_path):
    write_threedmad(tmp_path / "a.hdf5", n=1)
    with h5py.File(tmp_path / "a.hdf5", "a") as file:
        del file["Eye_Pos"]
        file.create_dataset("Eye_Pos", (3_000_000, 4), "i2", chunks=(1000, 4), compression="gzip")
    clip = Clip("3dmad", "c", {"rgb": "a.hdf5"})
    assert "more than the limit" in str(given_faces(clip, tmp_path).notes)
