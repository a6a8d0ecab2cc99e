"""The dry run of a verb refuses what the verb refuses before it begins, in the same line, and writes nothing."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from fasdata.library import Library
from tests.commands import Called
from tests.fabricate import plant
from tests.fastrain.world import TARGET, write_library


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Library:
    """A library of four stores and one protocol; not to be changed."""
    return write_library(tmp_path_factory.mktemp("library"))


def damage(folder: Path) -> None:
    """Cut the shards of a store to half."""
    for path in folder.glob("shards/*.lmdb"):
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def remove_manifest(root: Path) -> None:
    shutil.rmtree(root / "protocols")


def file_for_packs(root: Path) -> None:
    (root / "packs").write_text("a file")


def file_for_export(root: Path) -> None:
    (root.parent / "out").write_text("a file")


def file_above_export(root: Path) -> None:
    (root.parent / "above").write_text("a file")


def file_for_library(root: Path) -> None:
    (root.parent / "other").write_text("a file")


def file_for_protocols(root: Path) -> None:
    remove_manifest(root)
    (root / "protocols").write_text("a file")


def without_store(root: Path) -> None:
    remove_manifest(root)
    shutil.rmtree(root / TARGET)


PACK = ["pack", "--protocol", "CIO-M", "--view", "box", "--data", "LIB"]
EXPORT = ["export", "--as", "webdataset", "--protocol", "CIO-M", "--data", "LIB", "--out"]
CASES: dict[str, tuple[list[str], Callable[[Path], None], str]] = {
    "pack: no manifest": (
        PACK,
        remove_manifest,
        "no manifest at",
    ),
    "pack: a store is gone": (
        PACK,
        lambda root: shutil.rmtree(root / TARGET),
        "no store of msu-mfsd",
    ),
    "pack: a file in the way": (
        PACK,
        file_for_packs,
        "cannot be made",
    ),
    "export: a store is gone": (
        [*EXPORT, "OUT"],
        without_store,
        "no store of msu-mfsd",
    ),
    "export: a file in the way": (
        [*EXPORT, "OUT"],
        file_for_export,
        "out is a file",
    ),
    "export: a file above": (
        [*EXPORT, "ABOVE"],
        file_above_export,
        "cannot be made",
    ),
    "forget: nobody": (["forget", TARGET, "s77", "--data", "LIB"], lambda root: None, "no data of a person"),
    "forget: a damaged store": (
        ["forget", TARGET, "s0", "--data", "LIB"],
        lambda root: damage(root / TARGET),
        "--repair",
    ),
    "build: a store is gone": (["build-protocol", "CIO-M", "--data", "LIB"], without_store, "no store of msu-mfsd"),
    "build: a file in the way": (["build-protocol", "CIO-M", "--data", "LIB"], file_for_protocols, "cannot be made"),
    "extract: a file for a library": (
        ["extract", "folder", "--root", "RAW", "--detector", "none", "--frames", "all", "--out", "OTHER", "-j", "0"],
        file_for_library,
        "cannot be made",
    ),
    "extract: no model": (
        ["extract", "folder", "--root", "RAW", "--detector", "yunet", "--frames", "all", "--out", "NEW", "-j", "0"],
        lambda root: None,
        "yunet",
    ),
}


def everything(root: Path) -> dict[str, bytes | None]:
    """Return every file below a folder with its content, and every folder."""
    return {
        str(path.relative_to(root)): path.read_bytes() if path.is_file() else None for path in sorted(root.rglob("*"))
    }


@pytest.mark.parametrize(("arguments", "before", "words"), CASES.values(), ids=CASES)
def test_a_dry_run_refuses_in_the_line_of_the_verb(
    original: Library, tmp_path: Path, arguments: list[str], before: Callable[[Path], None], words: str
) -> None:
    root = tmp_path / "library"
    shutil.copytree(original.root, root)
    plant(tmp_path / "raw", "train/bonafide/anna/a.mp4", "train/attack/anna/b.mp4")
    before(root)
    places = {
        "LIB": root, "OUT": tmp_path / "out", "ABOVE": tmp_path / "above" / "out", "RAW": tmp_path / "raw",
        "OTHER": tmp_path / "other", "NEW": tmp_path / "new",
    }  # fmt: skip
    line = [str(places.get(word, word)) for word in arguments]
    held = everything(tmp_path)
    dry = Called("fasdata", *line, "--dry-run").line
    assert everything(tmp_path) == held
    assert words in dry and Called("fasdata", *line).line == dry
