"""`fas.lock`: what it records of a library, and what a comparison reports."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from fasdata.errors import UserError
from fasdata.library import Library
from fasdata.lock.lock import Lock, broken_locks, lock_of_library, lock_path
from fasdata.manifests import Manifest
from fasdata.store.info import StoreInfo
from fasdata.store.reader import Store
from fasdata.store.writer import StoreWriter
from tests.commands import Called
from tests.fastrain.world import CANONICAL, RECIPE, SOURCES, TARGET, rows_of, write_library, write_manifest


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Library:
    """A library of four stores and one protocol; not to be changed."""
    return write_library(tmp_path_factory.mktemp("library"))


@pytest.fixture
def library(original: Library, tmp_path: Path) -> Library:
    """A copy to change."""
    shutil.copytree(original.root, tmp_path / "library")
    return Library(tmp_path / "library")


def remake(library: Library, slug: str, **config: object) -> None:
    """Put an empty store made with another configuration in the place of a store."""
    shutil.rmtree(library.store_dir(slug))
    with StoreWriter(library.store_dir(slug), StoreInfo(slug, {"made": "by a test", **config}, "0")):
        pass


def test_a_lock_holds_the_hashes_of_stores_and_protocols(library: Library) -> None:
    done = Called("fasdata", "lock", "--data", library.root)
    assert done.code == 0 and "4 stores and 1 protocols" in done.out
    held = json.loads(lock_path(library).read_text())
    store = Store.open(library.store_dir(TARGET))
    assert held["stores"][TARGET] == {
        "content_hash": store.content_hash(), "fingerprint": store.info.fingerprint, "config": {"made": "by a test"},
    }  # fmt: skip
    fingerprint = Manifest.read(library.protocol_dir(CANONICAL, RECIPE)).meta["fingerprint"]
    assert held["protocols"] == {f"{CANONICAL}/{RECIPE}": fingerprint}
    assert sorted(held["stores"]) == sorted((*SOURCES, TARGET))
    assert Lock.read(lock_path(library)) == lock_of_library(library)


def test_check_reports_everything_that_differs_and_ends_with_3(library: Library) -> None:
    assert "no lock at" in Called("fasdata", "lock", "--check", "--data", library.root).line
    assert Called("fasdata", "lock", "--data", library.root).code == 0
    fits = Called("fasdata", "lock", "--check", "--data", library.root)
    assert fits.code == 0 and "fits: 4 stores and 1 protocols" in fits.out
    before = lock_path(library).read_text()

    write_manifest(library, [row for row in rows_of(library) if row["frame_index"] != 9])
    remake(library, "casia-fasd", context=3.0)
    shutil.copytree(library.store_dir(TARGET), library.store_dir("another"))
    shutil.rmtree(library.store_dir("oulu-npu"))
    done = Called("fasdata", "lock", "--check", "--data", library.root)
    assert done.code == 3
    lines = [line.removeprefix("differs  ") for line in done.out.splitlines()]
    assert lines[0] == "store another: new"
    assert lines[1] == "store casia-fasd: context absent -> 3.0"
    assert lines[2].startswith("store casia-fasd: content ") and " -> " in lines[2]
    assert lines[3] == "store oulu-npu: gone"
    assert lines[4].startswith(f"protocol {CANONICAL}/{RECIPE}: rows ") and len(lines) == 5
    assert lock_path(library).read_text() == before  # comparing writes nothing


def test_a_lock_compares_only_what_it_lists(library: Library) -> None:
    now = lock_of_library(library)
    assert broken_locks(library, now) == []  # no file, nothing to contradict
    held = now.as_json()
    del held["stores"]["oulu-npu"], held["protocols"][f"{CANONICAL}/{RECIPE}"]
    Lock.parse(held, "a test").write(lock_path(library))
    remake(library, "oulu-npu")
    assert broken_locks(library, lock_of_library(library)) == []
    remake(library, TARGET)
    assert [line.partition(":")[0] for line in broken_locks(library, lock_of_library(library))] == [f"store {TARGET}"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{", "is damaged; expected JSON"),
        ("[]", "does not hold keys and values"),
        ('{"stores": {}, "protocols": {}, "more": 1}', "unknown key 'more'"),
        ('{"stores": {"x": {"content_hash": 5}}, "protocols": {}}', "stores.x.content_hash"),
        ('{"format": 2, "stores": {}, "protocols": {}}', "format"),
    ],
)
def test_a_damaged_or_foreign_lock_is_one_line(library: Library, text: str, words: str) -> None:
    lock_path(library).write_text(text)
    with pytest.raises(UserError, match=words):
        Lock.read(lock_path(library))
    assert Called("fasdata", "lock", "--data", library.root).code == 0  # written anew
    assert Lock.read(lock_path(library)) == lock_of_library(library)


def test_an_empty_or_unfinished_library_has_no_lock(library: Library, tmp_path: Path) -> None:
    assert "no store in the library" in Called("fasdata", "lock", "--data", tmp_path / "empty").line
    (library.store_dir(TARGET) / "clips.parquet").unlink()
    assert "was not finished" in Called("fasdata", "lock", "--data", library.root).line
    assert not lock_path(library).exists()
