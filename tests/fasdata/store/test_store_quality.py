"""Quality in the index: measured from the stored crops, in no hash, and added to stores that lack it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from fasdata.errors import EXIT_PARTIAL
from fasdata.quality import COLUMNS, face_in_crop, geometry, measure
from fasdata.store import tables
from fasdata.store.check import check_store
from fasdata.store.reader import Store
from fasdata.store.record_bytes import from_bytes, to_bytes
from fasdata.store.writer import StoreWriter
from tests.commands import Called
from tests.fasdata.store.making import INFO, clip, fill, picture


def measured(number: int, **changes):
    """Return a clip whose record has the measures, as an extraction makes it."""
    record, crops = clip(number)
    values = [measure(face_in_crop(picture(100 * number + f.index), f.box, f.crop.region, 1.0)) for f in record.frames]
    frames = [replace(f, sharpness=s, brightness=b, **changes) for f, (s, b) in zip(record.frames, values, strict=True)]
    return replace(record, frames=tuple(frames)), crops


def stored(folder, *clips):
    with StoreWriter(folder, INFO) as writer:
        return [writer.add(*made) for made in clips]


def test_the_index_has_the_measures_of_every_stored_frame(tmp_path):
    stored(tmp_path / "s", measured(1), clip(2))
    index = pd.read_parquet(tmp_path / "s" / tables.INDEX)
    assert set(COLUMNS) <= set(index.columns) and index["sharpness"].notna().all()
    for row in index.itertuples():
        number = int(row.clip_id.rsplit("_")[-1])
        face = face_in_crop(picture(100 * number + row.frame_index), (1.5, 2.25, 20, 21), (0, 0, 24, 24), 1.0)
        assert (row.sharpness, row.brightness) == measure(face)  # of the second clip, from its crops
        assert row.face_size == 18.75 and row.eye_distance == 0 and np.isnan(row.yaw)
    assert check_store(tmp_path / "s", rehash=True).intact


def test_no_hash_covers_them(tmp_path):
    (with_them,) = stored(tmp_path / "a", measured(1))
    (without,) = stored(tmp_path / "b", clip(1))
    assert with_them.frames != without.frames and with_them.content_hash == without.content_hash
    (odd,) = stored(tmp_path / "c", measured(1, size=(9, 7)))
    assert odd.content_hash == without.content_hash
    # A record without them is stored byte by byte as before they were there.
    assert b"sharpness" not in to_bytes(without) and b'"size"' not in to_bytes(without)
    assert from_bytes(to_bytes(odd), "here") == odd


@pytest.mark.parametrize("value", [-1.0, float("nan"), "much", True])
def test_a_measure_that_is_none_is_damage(tmp_path, value):
    record, _ = measured(1)
    spoilt = to_bytes(replace(record, frames=(replace(record.frames[0], sharpness=value), *record.frames[1:])))
    with pytest.raises(Exception, match="damaged or foreign"):
        from_bytes(spoilt, "here")


def test_repair_adds_them_to_a_store_that_has_none(tmp_path):
    store = fill(tmp_path / "s", [1, 2])
    path, before = store.folder / tables.INDEX, store.content_hash()
    whole = path.read_bytes()
    pd.read_parquet(path).drop(columns=[*COLUMNS, "frame_width", "frame_height"]).to_parquet(path, index=False)
    checked = Called("fasdata", "store", "check", store.folder)
    assert checked.code == EXIT_PARTIAL and "it has no frame_width" in checked.out and "sharpness" in checked.out
    assert Called("fasdata", "store", "check", store.folder, "--repair").code == 0
    assert path.read_bytes() == whole and store.content_hash() == before


def test_a_measure_that_the_record_has_otherwise_is_a_difference(tmp_path):
    stored(tmp_path / "s", measured(1))
    path = tmp_path / "s" / tables.INDEX
    index = pd.read_parquet(path)
    index.assign(sharpness=index["sharpness"] + 1).to_parquet(path, index=False)
    assert "index.parquet does not agree with the shards" in check_store(tmp_path / "s").problems


def test_frames_of_another_size_than_their_clip_are_known(tmp_path):
    record, crops = measured(1)
    frames = (record.frames[0], replace(record.frames[1], size=(90, 70)))
    stored(tmp_path / "s", (replace(record, width=64, height=48, frames=frames), crops), clip(2))
    store = Store.open(tmp_path / "s")
    assert store.frame_size("train__1", 0) == (64, 48) and store.frame_size("train__1", 1) == (90, 70)
    assert store.frame_size("train__2", 0) == (0, 0) and store.frame_size("train__9", 0) is None


def test_pose_is_a_matter_of_five_points():
    five = np.array([(30, 40), (70, 40), (50, 62), (35, 84), (65, 84)], float)
    frontal = geometry((0, 0, 100, 120), five)
    assert frontal == {"face_size": 120, "eye_distance": 40, "roll": 0, "yaw": 0, "pitch": 0.5}
    down = geometry(None, five + np.array([(0, 0), (0, 0), (0, 11), (0, 0), (0, 0)]))
    assert down["pitch"] == 0.75 and down["face_size"] is None
    turn = np.array([[0, -1], [1, 0]])  # a quarter turn, clockwise in the image
    turned = geometry(None, five @ turn.T)
    assert turned["roll"] == 90 and (turned["yaw"], turned["pitch"]) == (frontal["yaw"], frontal["pitch"])
    assert geometry(None, five[:2])["eye_distance"] == 40 and geometry(None, five[:2])["pitch"] is None
    assert geometry(None, None) == dict.fromkeys(COLUMNS[2:])


def test_records_of_the_first_version_keep_their_hash(tmp_path):
    """The number is what the first version gave these two clips, before frames had measures."""
    with StoreWriter(tmp_path / "s", INFO) as writer:
        for record, crops in (clip(1), clip(2)):
            writer.add(record, {key: key.encode() for key in crops})
    first = "176f95553c6a9422bf0bb4165c6d258c45d1e4bf0b278f8d441980386f6d741e"
    assert Store.open(tmp_path / "s").content_hash() == first
