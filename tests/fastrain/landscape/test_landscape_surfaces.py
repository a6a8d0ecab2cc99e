"""The file of a landscape: what is written is read back, without pickles, and what is damaged is refused by name."""

from __future__ import annotations

import json

import numpy as np
import pytest

from fasdata.errors import UserError
from fastrain.landscape.surfaces import FILE, Domain, Landscape

DOMAINS = (Domain("casia-fasd", False, 3, 2), Domain("msu-mfsd", True, 4, 4))


@pytest.fixture
def half_done() -> Landscape:
    landscape = Landscape.blank({"steps": 5, "seed": 0}, DOMAINS, reach=0.5, steps=5, rho=[0.05, 0.1])
    for place in landscape.points_left()[:9]:
        landscape.put(place, [(0.5 + place[0], 0.75), (np.inf, 0.25)], 0.1)
    landscape.sharpness[:] = [[0.1, 0.2], [0.3, 0.4]]
    return landscape


def test_what_is_written_is_read_back(half_done: Landscape, tmp_path) -> None:
    half_done.write(tmp_path / FILE)
    again = Landscape.read(tmp_path / FILE)
    assert (again.request, again.domains) == (half_done.request, half_done.domains)
    for name in ("axis", "loss", "accuracy", "done", "seconds", "rho", "sharpness", "gradient"):
        ours, theirs = getattr(half_done, name), getattr(again, name)
        assert ours.dtype == theirs.dtype and np.array_equal(ours, theirs, equal_nan=ours.dtype != bool), name
    assert sorted(path.name for path in tmp_path.iterdir()) == [FILE]


def test_the_file_is_plain_arrays_with_documented_names(half_done: Landscape, tmp_path) -> None:
    half_done.write(tmp_path / FILE)
    with np.load(tmp_path / FILE, allow_pickle=False) as arrays:
        shapes = {name: arrays[name].shape for name in arrays.files}
        assert json.loads(str(arrays["request"])) == {"steps": 5, "seed": 0}
        assert arrays["axis"].tolist() == [-0.5, -0.25, 0, 0.25, 0.5]
        assert arrays["target"].tolist() == [False, True]
    assert shapes == {
        "format": (), "request": (), "domain": (2,), "target": (2,), "n_bonafide": (2,), "n_attack": (2,), "axis": (5,),
        "loss": (2, 5, 5), "accuracy": (2, 5, 5), "done": (5, 5), "seconds": (5, 5), "rho": (2,), "sharpness": (2, 2),
        "gradient": (2,),
    }  # fmt: skip


def test_points_are_made_from_the_centre_outwards(half_done: Landscape) -> None:
    done = half_done.done
    assert done[1:4, 1:4].all() and done.sum() == 9
    assert half_done.here(0) == (2.5, 0.75)
    left = half_done.points_left()
    assert len(left) == 16 and all(max(abs(i - 2), abs(j - 2)) == 2 for i, j in left)


def test_another_request_is_told_apart_by_name(half_done: Landscape) -> None:
    assert half_done.differences({"steps": 5, "seed": 0}) == []
    assert half_done.differences({"steps": 7, "batchnorm": "move"}) == [
        "steps: 5 -> 7", "seed: 0 -> None", "batchnorm: None -> move",
    ]  # fmt: skip


def damaged(arrays, how):
    changed = dict(arrays)
    if how == "pickle":
        changed["request"] = np.array([{"seed": 0}], dtype=object)
    elif how == "format":
        changed["format"] = np.array(2)
    elif how == "shape":
        changed["loss"] = changed["loss"][:, :3]
    elif how == "request":
        changed["request"] = np.array("[1]")
    elif how == "missing":
        del changed["done"]
    return changed


@pytest.mark.parametrize(
    ("how", "words"),
    [
        ("pickle", "allow_pickle"), ("format", "another format; expected 1; found 2"), ("shape", "loss has the shape"),
        ("request", "no request"), ("missing", "no array 'done'"),
    ],
)  # fmt: skip
def test_a_damaged_file_is_refused_in_one_line(half_done: Landscape, tmp_path, how: str, words: str) -> None:
    half_done.write(tmp_path / FILE)
    with np.load(tmp_path / FILE) as arrays:
        changed = damaged({name: arrays[name] for name in arrays.files}, how)
    np.savez(tmp_path / FILE, **changed)
    with pytest.raises(UserError, match=words) as refused:
        Landscape.read(tmp_path / FILE)
    assert str(tmp_path / FILE) in str(refused.value) and "\n" not in str(refused.value)


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 not a zip", b"\x93NUMPY"])
def test_other_bytes_are_refused_too(tmp_path, content: bytes) -> None:
    (tmp_path / FILE).write_bytes(content)
    with pytest.raises(UserError, match="no readable landscape"):
        Landscape.read(tmp_path / FILE)
    with pytest.raises(UserError, match="cannot be read"):
        Landscape.read(tmp_path / "nothing.npz")


@pytest.mark.parametrize(
    ("place", "value", "words"), [(6, 99, "version"), (8, 1, "encrypted"), (10, 77, "compression")]
)
def test_a_file_whose_zip_says_something_odd_is_refused_too(
    half_done: Landscape, tmp_path, place: int, value: int, words: str
) -> None:
    """One byte is changed in the list of members: version to extract, flags, method of compression."""
    half_done.write(tmp_path / FILE)
    data = bytearray((tmp_path / FILE).read_bytes())
    data[data.index(b"PK\x01\x02") + place] = value
    (tmp_path / FILE).write_bytes(bytes(data))
    with pytest.raises(UserError, match=f"no readable landscape.*{words}"):
        Landscape.read(tmp_path / FILE)
