"""PADISI samples, and npz files that are something else."""

import pickle
import tracemalloc
import zipfile

import numpy as np
import pytest

from fasdata.media.frame import UnreadableMedia
from fasdata.media.readers import MediaForm, open_source
from tests.fabricate import write_padisi

FORM = MediaForm("padisi-npz")


def opened(path):
    return open_source(FORM, {"rgb": path, "depth": path, "ir": path})


@pytest.mark.parametrize("shape", [(1, 22, 40, 32), (22, 40, 32)])
@pytest.mark.parametrize("kind", [np.float64, np.float32])
def test_channels_become_rgb_and_sixteen_bit_depth_and_ir(tmp_path, shape, kind):
    data = np.random.default_rng(3).random(shape).astype(kind)
    (frame,) = opened(write_padisi(tmp_path / "a.npz", data)).frames()
    channels = data.reshape(22, 40, 32).astype(np.float64)
    assert frame.rgb.dtype == np.uint8 and frame.images["depth"].dtype == frame.images["ir"].dtype == np.uint16
    assert np.array_equal(frame.rgb, np.rint(255 * channels[[2, 1, 0]]).transpose(1, 2, 0))
    assert np.array_equal(frame.images["depth"], np.rint(65535 * channels[4]))
    assert np.array_equal(frame.images["ir"], np.rint(65535 * channels[3]))


def test_only_what_is_named_is_given(tmp_path):
    path = write_padisi(tmp_path / "a.npz")
    (frame,) = open_source(FORM, {"rgb": path, "ir": path}).frames()
    assert set(frame.images) == {"rgb", "ir"}


class Trap:
    """Leaves a mark when it is unpickled."""

    def __reduce__(self):
        return (open, ("pickle-was-run", "w"))


def test_nothing_is_ever_unpickled(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    np.savez(tmp_path / "objects.npz", data=np.array([Trap()], object))
    (tmp_path / "bare.npz").write_bytes(pickle.dumps(Trap()))
    with zipfile.ZipFile(tmp_path / "inside.npz", "w") as archive:
        archive.writestr("data.npy", pickle.dumps(Trap()))
    for name in ("objects", "bare", "inside"):
        with pytest.raises(UnreadableMedia):
            list(opened(tmp_path / f"{name}.npz").frames())
    assert not (tmp_path / "pickle-was-run").exists()


def _claims(path, shape):
    """Write an npz whose header claims a shape that its data do not have."""
    header = str({"descr": "<f8", "fortran_order": False, "shape": shape}).encode()
    header += b" " * (63 - (10 + len(header)) % 64) + b"\n"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("data.npy", b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header + b"\0" * 99)
    return path


def test_a_header_that_claims_gigabytes_allocates_nothing(tmp_path):
    with pytest.raises(UnreadableMedia, match="too large"):
        opened(_claims(tmp_path / "a.npz", (1, 22, 100_000, 100_000)))
    with pytest.raises(UnreadableMedia, match="more than the file holds"):
        opened(_claims(tmp_path / "b.npz", (1, 22, 40, 32)))


def test_a_header_that_claims_to_be_of_gigabytes_itself_is_not_read(tmp_path):
    claim = 200 << 20
    with (
        zipfile.ZipFile(tmp_path / "a.npz", "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive,
        archive.open("data.npy", "w") as member,
    ):
        member.write(b"\x93NUMPY\x02\x00" + claim.to_bytes(4, "little"))
        for _ in range(claim >> 20):
            member.write(b" " * (1 << 20))
    tracemalloc.start()
    try:
        with pytest.raises(UnreadableMedia, match="not a readable npz file"):
            opened(tmp_path / "a.npz")
        assert tracemalloc.get_traced_memory()[1] < 20 << 20
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"other": np.zeros(3)}, "no array 'data'"),
        ({"data": np.zeros((1, 21, 4, 4))}, r"expected floats of \(1, 22, h, w\).*21"),
        ({"data": np.zeros((2, 22, 4, 4))}, r"\(2, 22, 4, 4\)"),
        ({"data": np.zeros((1, 22, 4, 4), np.uint8)}, "uint8"),
        ({"data": np.zeros((1, 22, 0, 4))}, r"\(1, 22, 0, 4\)"),
    ],
)
def test_another_form_is_reported(tmp_path, arrays, message):
    with pytest.raises(UnreadableMedia, match=message):
        opened(write_padisi(tmp_path / "a.npz", **arrays))


@pytest.mark.parametrize("value", [np.nan, 255.0, -1.0])
def test_values_out_of_range_are_reported(tmp_path, value):
    data = np.full((1, 22, 8, 8), 0.5)
    data[0, 4, 0, 0] = value
    source = opened(write_padisi(tmp_path / "a.npz", data))
    assert list(source.frames()) == [] and "expected values from 0 to 1" in source.damage


@pytest.mark.parametrize("data", [b"", b"PK\x03\x04 not a zip", b"\x93NUMPY"])
def test_what_is_no_npz_says_why(tmp_path, data):
    (tmp_path / "a.npz").write_bytes(data)
    with pytest.raises(UnreadableMedia, match="not a readable npz"):
        opened(tmp_path / "a.npz")
    with pytest.raises(UnreadableMedia, match="missing"):
        opened(tmp_path / "b.npz")
