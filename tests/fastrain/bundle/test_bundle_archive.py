"""Hostile and damaged bundles: refused in one line, nothing unpacked, nothing opened, memory bounded."""

from __future__ import annotations

import io
import resource
import struct
import zipfile

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from fasdata.errors import UserError
from fastrain.bundle.archive import is_bundle, members_of, packed, read_archive, sealed
from fastrain.bundle.loading import load
from fastrain.bundle.opened import Bundle
from tests.fastrain.bundle.planting import nothing, planted

SMALL = packed({"bundle.json": b'{"format": 1}', "network.onnx": bytes(range(200))})


def rezipped(names_and_data, *, how=zipfile.ZIP_STORED):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", how) as archive:
        for name, data in names_and_data:
            archive.writestr(zipfile.ZipInfo(name), data, compress_type=how)
        archive.comment = b"fasb sha256 " + b"0" * 64
    return sealed(buffer.getvalue())


def test_every_flipped_bit_is_refused():
    for place in range(len(SMALL)):
        for bit in (0, 3, 5, 7):  # 5 makes a small letter large: hex digits are spelt in one way
            changed = bytearray(SMALL)
            changed[place] ^= 1 << bit
            with pytest.raises(UserError, match=r"no bundle|was changed"):
                members_of(bytes(changed), "x.fasb")
    for cut in (0, 10, len(SMALL) - 1):
        with pytest.raises(UserError, match="no bundle"):
            members_of(SMALL[:cut], "x.fasb")
    assert members_of(SMALL, "x.fasb").keys() == {"bundle.json", "network.onnx"}


@pytest.mark.parametrize(
    "name", ["../evil", "/etc/passwd", "a/../b", "C:\\x", "a\\b", "folder/", "", "Ü.onnx", ".hidden", "x" * 200]
)
def test_a_name_that_is_a_path_is_refused(name, tmp_path):
    with pytest.raises(UserError, match=r"no bundle holds|damaged archive"):
        members_of(rezipped([("bundle.json", b"{}"), (name, b"1")]), "x.fasb")


def test_what_is_packed_or_twice_there_or_too_many_is_refused():
    bomb = rezipped([("bundle.json", bytes(1 << 26))], how=zipfile.ZIP_DEFLATED)
    assert len(bomb) < 1 << 17
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(UserError, match="no bundle holds"):
        members_of(bomb, "x.fasb")
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 32 << 10  # KiB
    with pytest.warns(UserWarning), pytest.raises(UserError, match="no bundle holds"):
        members_of(rezipped([("a", b"1"), ("a", b"2")]), "x.fasb")
    with pytest.raises(UserError, match="no bundle holds"):
        members_of(rezipped([(f"m{number}", b"") for number in range(65)]), "x.fasb")


def test_a_member_that_claims_more_than_there_is_is_refused():
    """Overlapping members: the directory says twice that all of the archive is theirs."""
    data = bytearray(rezipped([("a", b"x" * 500), ("b", b"y" * 500)]))
    for name in (b"a", b"b"):
        place = data.rindex(
            b"PK\x01\x02", 0, data.rindex(b"PK\x01\x02") + 1 if name == b"b" else data.rindex(b"PK\x01\x02")
        )
        data[place + 20 : place + 28] = struct.pack("<II", 1 << 30, 1 << 30)
    with pytest.raises(UserError, match="no bundle holds"):
        members_of(sealed(bytes(data)), "x.fasb")


def test_ten_thousand_mutations_end_in_one_line(erm_bundle):
    """Hashes are made anew, so that they reach what reads the archive (one half), and the words in it (the other)."""
    rng = np.random.default_rng(11)
    words = read_archive(erm_bundle)[0]["bundle.json"]
    seed = packed({"bundle.json": words[:300], "a.onnx": bytes(64)})
    outcomes = set()
    for number in range(10_000):
        changed = bytearray(words if number % 2 else seed)
        for _ in range(int(rng.integers(1, 5))):
            changed[int(rng.integers(0, len(changed) - 76))] = int(rng.integers(0, 256))
        try:
            members = {"bundle.json": bytes(changed)} if number % 2 else members_of(sealed(bytes(changed)), "x.fasb")
            Bundle.of(members, "x.fasb")
        except UserError as error:
            assert "\n" not in str(error)
            outcomes.add(str(error)[:40])
    assert len(outcomes) > 20


def test_mutated_words_and_networks_end_in_one_line(erm_bundle, tmp_path):
    members, _ = read_archive(erm_bundle)
    rng = np.random.default_rng(5)
    refused = 0
    for number in range(40):
        name = ("network.onnx", "pnet.onnx", "test0-rgb.png", "bundle.json")[number % 4]
        changed = bytearray(members[name])
        for _ in range(6):
            changed[int(rng.integers(0, len(changed)))] = int(rng.integers(0, 256))
        try:
            if name == "bundle.json":
                Bundle.of({**members, name: bytes(changed)}, "x.fasb")
            else:
                load(planted(erm_bundle, tmp_path / "x.fasb", nothing, {name: bytes(changed)}))
        except UserError as error:
            refused += "\n" not in str(error)
    assert refused >= 20


def test_a_network_that_points_at_other_files_is_refused_and_they_stay_unopened(erm_bundle, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    secret = tmp_path / "secret.bin"
    secret.write_bytes(bytes(16))
    tensor = helper.make_tensor("w", TensorProto.FLOAT, [4], bytes(16), raw=True)
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="secret.bin")
    graph = helper.make_graph(
        [helper.make_node("Add", ["rgb", "w"], ["score"])], "g",
        [helper.make_tensor_value_info("rgb", TensorProto.FLOAT, ["n", 3, 32, 4])],
        [helper.make_tensor_value_info("score", TensorProto.FLOAT, None)], [tensor],
    )  # fmt: skip
    data = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=8).SerializeToString()
    assert onnx.load_from_string(data).graph.initializer[0].external_data
    for name in ("network.onnx", "pnet.onnx"):
        with pytest.raises(UserError, match="other files"):
            load(planted(erm_bundle, tmp_path / "x.fasb", nothing, {name: data}))


def test_other_files_are_told_from_bundles(tmp_path, erm_bundle):
    assert is_bundle(erm_bundle)
    plain = tmp_path / "plain.zip"
    with zipfile.ZipFile(plain, "w") as archive:
        archive.writestr("x", "1")
    for path, words in ((plain, "neither a run folder nor a bundle"), (tmp_path / "none", "there is no")):
        with pytest.raises(UserError, match=words):
            load(path)
    with pytest.raises(UserError, match="later format"):
        Bundle.of({"bundle.json": b'{"format": 2}'}, "x.fasb")
