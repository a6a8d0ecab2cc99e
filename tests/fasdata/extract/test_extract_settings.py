"""`fasdata extract` over tiny releases in each form, from the tree on disk to the tables of the store."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from fasdata.store.reader import Store
from tests.commands import Called
from tests.fabricate import noise, wmca_pair, write_padisi, write_still, write_threedmad

TRANSACTION = "0123456789abcdef0123456789abcdef01234567"


def surf(root: Path) -> None:
    for set_, cls, kind in (("Training", "real", "real"), ("Testing", "fake", "01_e_s")):
        clip = root / "Data" / set_ / f"{cls}_part" / "CLKJ_AS0001" / f"{kind}.rssdk"
        for frame in range(1, 13):
            write_still(clip / "color" / f"{frame:04d}.jpg", noise(frame, 40, 40, 3) | 8)
            for place, modality in enumerate(("depth", "ir")):
                write_still(clip / modality / f"{frame:04d}.jpg", noise(frame + 50 * place, 22, 22) | 8)


def wmca(root: Path) -> None:
    for seed, name in enumerate(("100_01_000_0_00.hdf5", "101_04_000_3_05.hdf5")):
        wmca_pair(
            root, f"WMCA/face-station/12.02.18/{name}", [0, 2, 9, 10, 31, *range(40, 48)], seed=100 * seed, side=32
        )


def padisi(root: Path) -> None:
    for trial in ("aaaa0001", "aaaa0002"):
        write_padisi(root / f"ID_{TRANSACTION}_{trial}_FACE_STUDY.npz")


def threedmad(root: Path) -> None:
    for session in ("01", "03"):
        write_threedmad(root / f"session{session}" / "Data" / f"05_{session}_02.hdf5", n=3, height=60, width=80)


EXPECTED = {
    "CASIA-SURF": (surf, "none", 2, {"rgb": np.uint8, "depth": np.uint8, "ir": np.uint8}),
    "WMCA": (wmca, "none", 2, {"rgb": np.uint8, "depth": np.uint8, "ir": np.uint8}),
    "PADISI-Face": (padisi, "none", 1, {"rgb": np.uint8, "depth": np.uint16, "ir": np.uint16}),
}


@pytest.mark.parametrize("name", EXPECTED)
def test_a_precropped_release_is_extracted_whole(tmp_path: Path, name: str) -> None:
    write, detector, frames, kinds = EXPECTED[name]
    write(tmp_path / "raw")
    arguments = ("extract", name, "--root", tmp_path / "raw", "--frames", "ssdg(2)@decoded")
    done = Called("fasdata", *arguments, "--out", tmp_path / "lib", "-j", 1)
    assert done.code == 0, done.out
    assert "detector none: every image is a face" in done.out and "stored images: rgb" in done.out
    store = Store.open(tmp_path / "lib" / name.lower())
    records = list(store.records())
    assert len(records) == 2 and {record.status for record in records} == {"ok"}
    assert store.info.config["detector"] == detector
    for record in records:
        stored = [frame for frame in record.frames if frame.crop]
        assert len(stored) == frames
        for modality, kind in kinds.items():
            assert store.crop(record.clip.clip_id, stored[0].index, modality).dtype == kind
    index = pd.read_parquet(store.folder / "index.parquet")
    assert (index["key_depth"] == index["key_rgb"].str.replace("/rgb", "/depth")).all()
    assert index["key_ir"].str.endswith("/ir").all() and index["phash"].str.fullmatch("[0-9a-f]{16}").all()
    clips = pd.read_parquet(store.folder / "clips.parquet")
    assert set(clips["registered"]) == {store.info.config["registered"]} and set(clips["depth_unit"]) == {"relative"}
    assert (clips["relpath_depth"] != "").all()


def test_the_number_of_workers_changes_nothing(tmp_path: Path) -> None:
    padisi(tmp_path / "raw")
    hashes = []
    for workers in (1, 2):
        lib = tmp_path / f"lib{workers}"
        arguments = ("--root", tmp_path / "raw", "--frames", "all", "--out", lib, "-j", workers)
        assert Called("fasdata", "extract", "PADISI-Face", *arguments).code == 0
        hashes.append(Store.open(lib / "padisi-face").content_hash())
    assert hashes[0] == hashes[1]


def test_threedmad_is_searched_for_faces_like_any_scene(tmp_path: Path) -> None:
    threedmad(tmp_path / "raw")
    done = Called(
        "fasdata", "extract", "3DMAD", "--root", tmp_path / "raw", "--frames", "first(1)", "--out", tmp_path / "lib",
        "-j", 1,
    )  # fmt: skip
    assert done.code == 0 and "detector mtcnn" in done.out
    # Nobody is seen on noise; the release's own eyes stand in, and do not count as a face that was observed.
    for record in Store.open(tmp_path / "lib" / "3dmad").records():
        (frame,) = (frame for frame in record.frames if frame.crop)
        assert (frame.status, frame.n_faces, frame.face_observed) == ("given", 0, False)
    done = Called(
        "fasdata", "extract", "3DMAD", "--root", tmp_path / "raw", "--frames", "first(1)", "--out", tmp_path / "bare",
        "--fallbacks", "off", "-j", 1,
    )  # fmt: skip
    assert {record.status for record in Store.open(tmp_path / "bare" / "3dmad").records()} == {"fta"}
    done = Called(
        "fasdata", "extract", "3DMAD", "--root", tmp_path / "raw", "--frames", "first(1)", "--out", tmp_path / "whole",
        "--detector", "none", "-j", 1,
    )  # fmt: skip
    store = Store.open(tmp_path / "whole" / "3dmad")
    record = next(store.records())
    assert store.crop(record.clip.clip_id, 0, "depth").dtype == np.uint16
    assert (record.depth_unit, record.registered) == ("mm", "exact")


def test_a_form_that_nothing_reads_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    path = tmp_path / "raw" / "face-station" / "12.02.18" / "1_01_0001_0000_00_00_000-241b2419.h5"
    path.parent.mkdir(parents=True)
    path.write_bytes(b"x")
    line = Called("fasdata", "extract", "HQ-WMCA", "--root", tmp_path / "raw", "--out", tmp_path / "lib").line
    assert "hqwmca-hdf5" in line and "wmca-hdf5" in line
    assert not (tmp_path / "lib").exists()


CARD = r"""
name: lab-rgbd
owner: the lab
licence: none
modalities: [rgb, depth]
subject_rule: the folder
layouts:
  - name: own
    reader: frames
    registered: scaled
    precropped: true
    depth_unit: mm
    modality: {of: '{m}', map: {c: rgb, d: depth}}
    examples: [live/p1/take1/c/1.png]
    rules:
      - pattern: '(?P<cls>live|spoof)/(?P<subject>p\d+)/(?P<take>\w+)/(?P<m>c|d)/(?P<frame>\d+)\.png'
        tail: '{cls}/{subject}/{take}'
        label: {of: '{cls}', map: {live: bonafide, spoof: attack}}
        subject: '{subject}'
"""


def test_own_data_need_a_card_and_no_code(tmp_path: Path) -> None:
    for cls in ("live", "spoof"):
        clip = tmp_path / "raw" / cls / "p1" / "take1"
        for frame in range(3):
            write_still(clip / "c" / f"{frame}.png", noise(frame, 30, 30, 3) | 8)
            write_still(clip / "d" / f"{frame}.png", noise(frame, 30, 30, kind=np.uint16) | 5000)
    (tmp_path / "card.yaml").write_text(CARD)
    done = Called(
        "fasdata", "extract", "lab-rgbd", "--card", tmp_path / "card.yaml", "--root", tmp_path / "raw",
        "--frames", "all", "--out", tmp_path / "lib", "-j", 1,
    )  # fmt: skip
    assert done.code == 0, done.out
    assert "modalities: rgb, depth (registered: scaled, depth unit mm)" in done.out
    store = Store.open(tmp_path / "lib" / "lab-rgbd")
    assert {record.clip.label for record in store.records()} == {"bonafide", "attack"}
    record = next(store.records())
    depth = store.crop(record.clip.clip_id, 2, "depth")
    assert np.array_equal(depth, noise(2, 30, 30, kind=np.uint16) | 5000)


def test_a_missing_member_is_recorded_and_listed(tmp_path: Path) -> None:
    surf(tmp_path / "raw")
    clip = tmp_path / "raw" / "Data" / "Training" / "real_part" / "CLKJ_AS0001" / "real.rssdk"
    (clip / "ir" / "0003.jpg").unlink()
    shutil.rmtree(tmp_path / "raw" / "Data" / "Testing" / "fake_part" / "CLKJ_AS0001" / "01_e_s.rssdk" / "depth")
    done = Called(
        "fasdata", "extract", "CASIA-SURF", "--root", tmp_path / "raw", "--frames", "all", "--out", tmp_path / "lib",
        "-j", 1,
    )  # fmt: skip
    assert "ir: 1 frames lack it and are left out" in done.out
    by_label = {record.clip.label: record for record in Store.open(tmp_path / "lib" / "casia-surf").records()}
    real, fake = by_label["bonafide"], by_label["attack"]
    assert real.n_frames == 11 and [frame.name for frame in real.frames][:3] == ["0001", "0002", "0004"]
    assert {frame.crop.modalities for frame in fake.frames if frame.crop} == {("rgb", "ir")}
