"""Signed bundles: who has the public key can tell that its owner wrote every bit, before anything in it is read."""

from __future__ import annotations

from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
)

import fastrain
from fasdata.errors import UserError
from fastrain.bundle.archive import packed, read_archive, sealed, signature_of
from fastrain.bundle.opened import Bundle
from fastrain.bundle.signature import signer
from tests.commands import Called
from tests.fastrain.bundle.planting import nothing, planted
from tests.fastrain.bundle.small import key_files, small_bundle


@pytest.fixture(scope="module")
def place(tmp_path_factory) -> Path:
    """A bundle, the same one signed, and keys of two people."""
    folder = tmp_path_factory.mktemp("signed")
    small_bundle(folder / "plain.fasb")
    key, _ = key_files(folder, "mine")
    key_files(folder, "other")
    done = Called("fastrain", "export", folder / "plain.fasb", "--out", folder / "signed.fasb", "--sign", key)
    assert done.code == 0 and "--verify-key PUB tells whose" in done.out, done.out
    return folder


def refused(path: Path, key: Path) -> str:
    with pytest.raises(UserError) as error:
        fastrain.load(path, verify_key=key)
    return str(error.value)


def test_a_signed_bundle_is_the_same_bundle_and_answers_whoever_asks(place):
    signed, plain = place / "signed.fasb", place / "plain.fasb"
    assert read_archive(signed)[0] == read_archive(plain)[0]
    assert fastrain.load(signed, verify_key=place / "mine-pub.pem").threshold == fastrain.load(signed).threshold
    assert signature_of(plain.read_bytes()) is None and signature_of(signed.read_bytes()) is not None


def test_what_is_not_signed_or_by_others_is_refused(place):
    assert "is not signed" in refused(place / "plain.fasb", place / "mine-pub.pem")
    assert "not by the owner" in refused(place / "signed.fasb", place / "other-pub.pem")
    line = Called("fastrain", "predict", place / "plain.fasb", "x.png", "--verify-key", place / "mine-pub.pem").line
    assert "is not signed" in line
    assert "bundles alone are signed" in refused(place, place / "mine-pub.pem")


def test_what_was_changed_and_hashed_again_is_refused(place, tmp_path):
    data = (place / "signed.fasb").read_bytes()
    assert sealed(data) == data
    end = len(data) - 64 - len(b"fasb sha256 ") - 1
    for where in (30, len(data) // 2, end - 129, end - 1):  # a name, a network, the words before the signature, itself
        changed = bytearray(data)
        changed[where] = ord("0") if changed[where] != ord("0") else ord("1")
        path = tmp_path / "changed.fasb"
        path.write_bytes(sealed(bytes(changed)))
        assert "sign" in refused(path, place / "mine-pub.pem"), where


def test_a_signature_is_of_one_bundle_alone(place, tmp_path):
    """That of another archive, whose words are all its owner's, does not fit the planted one."""

    def threshold(facts):
        facts["threshold"]["value"] = 0.9

    other = planted(place / "plain.fasb", tmp_path / "x.fasb", threshold)
    members, _ = read_archive(other)
    of_mine = signature_of((place / "signed.fasb").read_bytes())
    assert of_mine is not None
    other.write_bytes(packed(members, lambda data: of_mine[1]))
    assert Bundle.read(other).facts.threshold.value == 0.9  # whole, and yet not mine
    assert "not by the owner" in refused(other, place / "mine-pub.pem")


def test_nothing_of_it_is_read_before_its_signature_was(place, tmp_path):
    path = planted(place / "plain.fasb", tmp_path / "x.fasb", nothing, {"bundle.json": b"{}"})
    path.write_bytes(sealed(path.read_bytes().replace(b"PK\x01\x02", b"PK\x09\x09")))
    assert "is not signed" in refused(path, place / "mine-pub.pem")
    with pytest.raises(UserError, match="damaged archive"):
        Bundle.read(path)


def test_files_that_hold_no_such_key_are_told(place, tmp_path):
    rsa_key = rsa.generate_private_key(65537, 2048)
    (tmp_path / "rsa.pem").write_bytes(rsa_key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    locked = ed25519.Ed25519PrivateKey.generate().private_bytes(
        Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"password")
    )
    (tmp_path / "locked.pem").write_bytes(locked)
    (tmp_path / "text.pem").write_text("no key")
    for path, words in (
        (tmp_path / "rsa.pem", "another kind"), (tmp_path / "locked.pem", "password"),
        (tmp_path / "text.pem", "no such key"), (place / "mine-pub.pem", "found the public key"),
        (tmp_path / "none.pem", "none.pem"),
    ):  # fmt: skip
        with pytest.raises(UserError, match=words):
            signer(path)
    assert "stays at home" in refused(place / "signed.fasb", place / "mine.pem")


def test_a_bundle_is_signed_and_nothing_else(place, tmp_path):
    more = Called("fastrain", "export", place / "plain.fasb", "--out", tmp_path / "x.fasb", "--threshold", 0.4)
    assert "is a bundle already" in more.line and not (tmp_path / "x.fasb").exists()
