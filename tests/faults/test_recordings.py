"""Recordings that are damaged, mislabelled or oddly named: one outcome, whoever works on them and how often."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from fasdata.datasets.registry import find_card
from fasdata.extract.executor import Executor
from fasdata.extract.extraction import ExtractPlan, plan_extract, run_extract
from fasdata.extract.settings import ExtractSettings
from fasdata.library import Library
from fasdata.protocols.sampling import parse_rules
from fasdata.store.reader import Store
from tests.faults.recordings import (
    VIDEOS,
    noisy_video,
    write_stills,
    write_threedmad_tree,
    write_videos,
    write_wmca_tree,
)
from tests.faults.world import sound_hash, store_of


class Stopped(Exception):
    """An interruption."""


class Interrupted(Executor):
    """Stops after two results, as an interrupt from the keyboard does."""

    def extract_clips(self, jobs, root, settings, *seen) -> Iterator:  # type: ignore[no-untyped-def, override]
        for number, result in enumerate(super().extract_clips(jobs, root, settings, *seen)):
            if number == 2:
                raise Stopped
            yield result


def stored_alike(root: Path, tmp_path: Path, dataset: str, card: Path | None = None, rules: str = "all") -> Store:
    """Extract with one worker, with two, interrupted and continued; return the store that all of these are."""
    described = find_card(dataset, card)

    def planned(name: str) -> ExtractPlan:
        settings = ExtractSettings(tuple(parse_rules(rules)), detector="none")
        return plan_extract(described, root, Library(tmp_path / name), settings)

    run_extract(planned("one"), root)
    run_extract(planned("two"), root, executor=Executor(workers=2))
    with pytest.raises(Stopped):
        run_extract(planned("stopped"), root, executor=Interrupted())
    assert not (store_of(tmp_path / "stopped", described.slug) / "clips.parquet").exists()
    assert run_extract(planned("stopped"), root).already == 2
    assert run_extract(planned("one"), root).already == len(planned("one").clips)  # once more: nothing to do
    hashes = {sound_hash(tmp_path / name, described.slug) for name in ("one", "two", "stopped")}
    assert len(hashes) == 1
    return Store.open(store_of(tmp_path / "one", described.slug))


def test_videos_of_every_kind(tmp_path):
    write_videos(tmp_path / "raw")
    store = stored_alike(tmp_path / "raw", tmp_path, "folder")
    records = {record.clip.relpaths["rgb"].rpartition("/")[2]: record for record in store.records()}
    assert records.keys() == VIDEOS.keys()
    for name, (_, status, frames) in VIDEOS.items():
        record = records[name]
        assert record.status == status, (name, record.reason)
        assert bool(record.reason) == (status != "ok")
        assert record.n_frames == frames if frames is not None else 0 < record.n_frames < 12
    assert [frame.pts for frame in records["variable rate.mp4"].frames] == [0, 0.04, 1.0, 1.001, 5.0, 5.04, 9.0]
    assert (records["upright.mp4"].rotation, records["upright.mp4"].width) == (90, 48)
    assert any("claims 12 frames" in note or "stopped" in note for note in records["cut in the middle.avi"].notes)
    assert "no video stream" in records["only sound.mp4"].reason
    assert "empty" in records["empty.mp4"].reason
    listed = pd.read_csv(store.folder / "failures.csv", keep_default_na=False)
    assert set(listed["relpath"].str.rpartition("/")[2]) == {
        name for name, made in VIDEOS.items() if made[1] == "failed"
    }
    assert (listed["status"] == "failed").all() and listed["reason"].ne("").all()


def test_a_recording_that_was_put_right_is_taken_in_by_retry_failed(tmp_path):
    root = tmp_path / "raw"
    write_videos(root)
    settings = ExtractSettings(tuple(parse_rules("first(2)")), detector="none")
    library = Library(tmp_path / "lib")
    run_extract(plan_extract(find_card("folder"), root, library, settings), root)
    failed = sum(made[1] == "failed" for made in VIDEOS.values())
    for path in root.rglob("empty.mp4"):
        noisy_video(path.with_suffix(".avi")).rename(path)
    plan = plan_extract(find_card("folder"), root, library, settings)
    assert (plan.new, plan.wider, plan.failed) == (0, 0, failed)
    assert len(run_extract(plan, root).failed) == failed  # not tried again unless told
    report = run_extract(plan, root, retry_failed=True)
    assert len(report.failed) == failed - 1
    run_extract(plan_extract(find_card("folder"), root, Library(tmp_path / "new"), settings), root)
    assert sound_hash(tmp_path / "lib") == sound_hash(tmp_path / "new")


def test_a_recording_that_is_gone_keeps_what_was_stored_of_it(tmp_path):
    root, library = tmp_path / "raw", Library(tmp_path / "lib")
    for name in ("a", "b"):
        noisy_video(root / "train" / "bonafide" / "anna" / f"{name}.avi")
    settings = ExtractSettings(tuple(parse_rules("first(2)")), detector="none")
    run_extract(plan_extract(find_card("folder"), root, library, settings), root)
    (root / "train" / "bonafide" / "anna" / "a.avi").write_bytes(b"")
    wider = ExtractSettings(tuple(parse_rules("first(4)")), detector="none")
    report = run_extract(plan_extract(find_card("folder"), root, library, wider), root)
    assert report.widened == 1 and len(report.not_widened) == 1 and "a.avi: the file is empty" in report.not_widened[0]
    store = Store.open(library.store_dir("folder"))
    kept, widened = (store.record(f"train__bonafide__anna__{name}.avi") for name in "ab")
    assert (kept.status, sum(frame.crop is not None for frame in kept.frames)) == ("ok", 2)
    assert sum(frame.crop is not None for frame in widened.frames) == 4
    assert store.crop(kept.clip.clip_id, 1).size


def test_images_with_sixteen_bits_and_damaged_ones(tmp_path):
    card = write_stills(tmp_path / "raw")
    store = stored_alike(tmp_path / "raw", tmp_path, "lab-depth", card)
    records = {record.clip.relpaths["rgb"].split("/")[2]: record for record in store.records()}
    assert {name: record.status for name, record in records.items()} == {
        "whole": "ok", "cut depth": "ok", "no depth at all": "ok", "text for colour": "failed", "16-bit colour": "ok",
    }  # fmt: skip
    depth = store.crop(records["whole"].clip.clip_id, 2, "depth")
    assert depth.dtype == np.uint16 and depth.max() > 255
    assert [frame.status for frame in records["cut depth"].frames] == ["given", "skip", "given"]
    assert store.crop(records["16-bit colour"].clip.clip_id, 0).dtype == np.uint8


def test_hdf5_files_with_missing_groups(tmp_path):
    write_wmca_tree(tmp_path / "raw")
    store = stored_alike(tmp_path / "raw", tmp_path, "WMCA")
    records = [store.record(clip_id) for clip_id in store.clip_ids()]
    by_person = {record.clip.subject: record for record in records}
    whole, alone, gap, empty, broken = (by_person[f"10{number}"] for number in range(5))
    assert {record.status for record in records} == {"ok"}
    held = [{name for frame in record.frames if frame.crop for name in frame.crop.modalities} for record in records]
    assert held[1] == {"rgb"} and held[0] == held[2] == held[3] == held[4] == {"rgb", "depth", "ir"}
    assert whole.notes == alone.notes == () and gap.n_frames == 2 and "one of the two files" in gap.notes[0]
    assert "no group Frame_" in empty.notes[0] and "not a readable HDF5 file" in broken.notes[0]
    assert "grey channel" in empty.notes[1] and "grey channel" in broken.notes[1]


def test_hdf5_recordings_with_missing_members(tmp_path):
    write_threedmad_tree(tmp_path / "raw")
    store = stored_alike(tmp_path / "raw", tmp_path, "3DMAD", rules="first(1)")
    records = [store.record(clip_id) for clip_id in store.clip_ids()]
    outcomes = {
        record.clip.relpaths["rgb"]: (record.status, " ".join((record.reason, *record.notes))) for record in records
    }
    assert outcomes["session01/Data/05_01_02.hdf5"] == ("ok", "")
    for name, status, words in (
        ("session02/Data/05_02_02", "failed", "Color_Data"),
        ("session03/Data/05_03_02", "ok", "Depth_Data"),
        ("session01/Data/06_01_02", "ok", "the common ones"),
    ):
        assert outcomes[f"{name}.hdf5"][0] == status and words in outcomes[f"{name}.hdf5"][1]
    assert (
        outcomes["session01/Data/06_01_02.hdf5"][0] == "ok"
        and "the common ones" in outcomes["session01/Data/06_01_02.hdf5"][1]
    )
