"""`fasdata pack` as it is typed."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from fasdata.library import Library
from tests.commands import Called, refused


@pytest.fixture
def own(library: Library, tmp_path: Path) -> Library:
    shutil.copytree(library.root, tmp_path / "library")
    return Library(tmp_path / "library")


def pack(library: Library, *arguments: object) -> Called:
    return Called("fasdata", "pack", "--protocol", "C&I&O to M", "--data", library.root, *arguments)


def test_a_dry_run_says_what_it_would_take_and_writes_nothing(own: Library) -> None:
    done = pack(own, "--view", "fas-256(eye_dist=0.35)", "--size", 64, "--dry-run")
    assert done.code == 0 and "fas-256(size=64,eye_dist=0.35) at 64 pixels, codec raw" in done.out
    assert "frames    80; to do 80" in done.out
    assert not (own.root / "packs").exists()


def test_it_packs_once(own: Library) -> None:
    options = ("--view", "box", "--size", 16, "--codec", "png", "--parts", "train, val", "-j", 2)
    assert "packed 60 frames" in pack(own, *options).out
    again = pack(own, *options)
    assert "frames    60, 60 of them packed before; to do 0" in again.out and "packed 0 frames" in again.out


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--view", "mxnet"), "unknown view 'mxnet'"),
        (("--view", "box", "--codec", "jpg"), "unknown codec"),
        (("--view", "box", "--parts", "train,dev"), "unknown part 'dev'"),
        (("--view", "box(size=20)", "--size", "30"), "asked for at another size"),
        (("--view", "box", "--recipe", "hfn_mp"), "no manifest at"),
    ],
)
def test_a_wrong_option_is_refused_in_one_line(own: Library, options: tuple[str, ...], words: str) -> None:
    assert words in pack(own, *options).line


def test_a_refusal_leaves_with_its_exit_code(own: Library) -> None:
    line = refused("fasdata", "pack", "--protocol", "CIO-M", "--view", "fas-265", "--data", own.root)
    assert "did you mean 'fas-256'?" in line
