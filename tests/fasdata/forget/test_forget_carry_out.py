"""`fasdata forget` removes a person from stores, manifests and packs to the last byte, however often it is killed."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import pytest

from fasdata.errors import UserError
from fasdata.forget import carry_out
from fasdata.library import Library
from fasdata.lock.lock import lock_of_library, lock_path
from fasdata.store.reader import Store
from fasdata.store.shard_writer import ShardWriter
from tests.commands import Called, start
from tests.fasdata.forget.forgetting import CLIPS, DATASET, WHO, crops_of, files, forget, manifest_of, without


class Killed(BaseException):
    """Stands for a process that dies."""


def test_nothing_of_the_person_is_left_and_all_else_is_as_it_was(library: Library, tmp_path: Path) -> None:
    gone, wanted = crops_of(library), without(library, tmp_path / "never")
    before = {record.clip.clip_id: record for record in Store.open(library.store_dir(DATASET)).records()}
    others = {name: digest for name, digest in files(library.root).items() if name.startswith("oulu-npu")}
    assert len(gone) == 4
    done = forget(library, WHO, "--runs", tmp_path)
    assert done.code == 0, done.out
    store = Store.open(library.store_dir(DATASET))
    assert store.content_hash() == wanted
    assert {r.clip.clip_id: r for r in store.records()} == {k: v for k, v in before.items() if k not in CLIPS}
    assert Called("fasdata", "store", "check", DATASET, "--rehash", "--data", library.root).code == 0
    assert {name: digest for name, digest in files(library.root).items() if name.startswith("oulu-npu")} == others
    for path in library.root.rglob("*"):
        if path.is_file() and not path.is_relative_to(library.store_dir("oulu-npu")):
            data = path.read_bytes()
            assert not any(crop[len(crop) // 3 :][:40] in data for crop in gone), path
            if path.is_relative_to(library.store_dir(DATASET)):
                assert not any(clip.encode() in data for clip in CLIPS), path
    assert not library.journal("forget", DATASET).exists()
    assert "2 clips removed with all their crops" in done.out and "proof: no key, record or piece" in done.out
    assert "not touched: the raw dataset" in done.out


def test_packs_of_the_dataset_go_and_the_lock_is_out_of_date(library: Library) -> None:
    lock_of_library(library).write(lock_path(library))
    (pack,) = (library.root / "packs").rglob("pack.json")
    (library.root / "notes.csv").write_text("clip\ns3__attack\n")
    (library.root / "report.html").write_text("<html>")
    text = forget(library).out
    assert not pack.parent.exists() and f"pack {pack.parent}: removed" in text
    assert "write it again with 'fasdata lock'" in text
    assert f"note: {library.root / 'notes.csv'} still names" in text
    assert f"note: {library.root / 'report.html'} was made before and may show" in text
    assert Called("fasdata", "lock", "--check", "--data", library.root).code == 3


@pytest.mark.parametrize("stage", ["manifest", "pack", "between", "compaction", "proof"])
def test_killed_anywhere_the_same_command_goes_on(
    library: Library, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stage: str
) -> None:
    gone, wanted = crops_of(library), without(library, tmp_path / "never")

    def dies(*_: object, **__: object) -> None:
        raise Killed

    if stage == "compaction":
        monkeypatch.setattr(ShardWriter, "compact", dies)
    else:
        name = {"manifest": "forget_rows", "pack": "remove_pack", "between": "erase", "proof": "prove"}[stage]
        monkeypatch.setattr(carry_out, name, dies)
    with pytest.raises(Killed):
        forget(library)
    monkeypatch.undo()
    with pytest.raises(UserError, match=r"forget' on casia-fasd .* was not finished"):
        library.require_store(DATASET)
    assert f"fasdata forget {DATASET} 's3'" in forget(library, "s2").line
    assert forget(library).code == 0
    assert Store.open(library.require_store(DATASET)).content_hash() == wanted
    assert manifest_of(library).meta["stores"][DATASET] == wanted
    assert not list((library.root / "packs").rglob("*.bin"))
    data = b"".join(path.read_bytes() for path in library.store_dir(DATASET).rglob("*") if path.is_file())
    assert not any(crop[20:60] in data for crop in gone) and b"s3__" not in data


def test_a_real_kill_is_survived(library: Library, tmp_path: Path) -> None:
    wanted = without(library, tmp_path / "never")
    for _ in range(2):
        process = start("fasdata", "forget", DATASET, WHO, "--data", library.root, "--yes")
        deadline = time.monotonic() + 60
        while not library.journal("forget", DATASET).exists() and process.poll() is None:
            assert time.monotonic() < deadline
            time.sleep(0.002)
        os.kill(process.pid, signal.SIGKILL)
        process.communicate()
    if library.journal("forget", DATASET).exists():  # else a kill came too late
        assert forget(library).code == 0
    assert Store.open(library.require_store(DATASET)).content_hash() == wanted
    assert manifest_of(library).meta["stores"][DATASET] == wanted
