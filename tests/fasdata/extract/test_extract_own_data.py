"""Own data and copies, extracted as a user does: what a table promises is done, refused before work, or counted."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fasdata.datasets.tree import clip_id
from fasdata.library import Library
from fasdata.store.reader import Store
from tests.commands import Called
from tests.fabricate import noise, write_still
from tests.fasdata.media.test_media_netpbm import write_map
from tests.fasdata.media.test_media_side_by_side import depths, write_grey
from tests.videos import flat_frames, write_video

QUICK = ("--frames", "first(2)", "-j", 1, "--detector", "none")


def extract(folder: Path, name: str, *options: object, table: str = "") -> Called:
    if table:
        (folder / "t.csv").write_text(table)
        options = ("--card", folder / "t.csv", *options)
    return Called("fasdata", "extract", name, "--root", folder / "raw", "--out", folder / "lib", *QUICK, *options)


def store(folder: Path, name: str) -> Store:
    return Store.open(folder / "lib" / name)


def records(folder: Path, name: str) -> dict[str, object]:
    return {record.clip.clip_id: record for record in store(folder, name).records()}


def test_two_endings_of_one_stem_are_two_clips(tmp_path):
    for name in ("IMG_0001.mov", "IMG_0001.mp4"):
        write_video(tmp_path / "raw/train/bonafide/p1" / name, flat_frames(3), codec="mpeg4")
    assert extract(tmp_path, "folder").code == 0
    assert sorted(records(tmp_path, "folder")) == [
        "train__bonafide__p1__IMG_0001.mov",
        "train__bonafide__p1__IMG_0001.mp4",
    ]


def test_a_row_without_its_file_is_named_counted_in_failures_and_tried_again_when_it_comes(tmp_path):
    write_video(tmp_path / "raw/here.avi", flat_frames(3))
    table = "path,label\nhere.avi,bonafide\nnot_there.avi,attack\n"
    done = extract(tmp_path, "mine", table=table)
    assert done.code == 3
    assert "1 files that the table names are not there:\n  not_there.avi" in done.out
    with (tmp_path / "lib/mine/failures.csv").open() as file:
        [row] = csv.DictReader(file)
    assert (row["clip_id"], row["label"], row["status"]) == ("not_there.avi", "attack", "failed")
    assert row["reason"] == "the file is missing"
    assert extract(tmp_path, "mine", table=table).code == 3
    write_video(tmp_path / "raw/not_there.avi", flat_frames(3))
    done = extract(tmp_path, "mine", table=table)
    assert done.code == 0 and records(tmp_path, "mine")["not_there.avi"].status == "ok"


def test_depth_as_a_video_is_stored_with_its_sixteen_bits(tmp_path):
    write_video(tmp_path / "raw/rgb.avi", flat_frames(3, 24, 34))
    values = depths(3)
    write_grey(tmp_path / "raw/depth.mkv", values)
    done = extract(tmp_path, "mine", table="path,depth,label\nrgb.avi,depth.mkv,bonafide\n")
    assert done.code == 0 and "stored images: rgb 2, depth 2" in done.out
    [record] = store(tmp_path, "mine").records()
    frame = record.frames[1]
    assert frame.crop.modalities == ("rgb", "depth")
    stored = store(tmp_path, "mine").crop(record.clip.clip_id, 1, "depth")
    assert stored.dtype == np.uint16 and np.array_equal(stored, values[1])


def test_depth_that_is_not_there_costs_the_depth_alone_and_is_named(tmp_path):
    write_video(tmp_path / "raw/rgb.avi", flat_frames(3))
    done = extract(tmp_path, "mine", table="path,depth,label\nrgb.avi,depth.mkv,bonafide\n")
    assert done.code == 3 and "  depth.mkv" in done.out
    [record] = store(tmp_path, "mine").records()
    assert record.status == "ok" and record.notes == ("depth: the file is missing",)
    write_grey(tmp_path / "raw/depth.mkv", depths(3))
    done = extract(tmp_path, "mine", table="path,depth,label\nrgb.avi,depth.mkv,bonafide\n")
    assert "1 clips of this store have colour alone, not depth, such as rgb.avi" in done.out


def test_sixteen_bit_maps_are_depth_and_other_formats_are_refused_before_work(tmp_path):
    write_still(tmp_path / "raw/c.png", noise(1, 24, 34, 3))
    depth = noise(2, 24, 34, kind=np.uint16)
    write_map(tmp_path / "raw/d.pgm", depth, 65535)
    assert extract(tmp_path, "mine", table="path,depth,label\nc.png,d.pgm,bonafide\n").code == 0
    assert np.array_equal(store(tmp_path, "mine").crop("c.png", 0, "depth"), depth)
    Image.fromarray(noise(3, 8, 8)).save(tmp_path / "raw/a.gif")
    refused = extract(tmp_path, "other", table="path,label\nc.png,attack\na.gif,bonafide\n")
    assert "not supported in a table: GIF" in refused.line and not (tmp_path / "lib/other").exists()


def test_pictures_and_unmatched_media_of_a_folder_end_in_exit_3(tmp_path):
    write_still(tmp_path / "raw/train/attack/anna/a.png", noise(1, 24, 34, 3))
    assert extract(tmp_path, "folder").code == 0
    Image.fromarray(noise(3, 8, 8)).save(tmp_path / "raw/train/attack/anna/b.gif")
    done = extract(tmp_path, "folder")
    assert done.code == 3 and "1 media files match no rule of the layout:\n  train/attack/anna/b.gif" in done.out


def test_frames_of_a_release_and_a_second_container_are_read_noted_and_listed(tmp_path):
    for number in (102, 100):
        write_still(tmp_path / f"raw/test_release/1/3/{number}.png", noise(number, 24, 34, 3))
    write_video(tmp_path / "raw/train_release/1/1.mp4", flat_frames(3), codec="mpeg4")
    done = extract(tmp_path, "CASIA-FASD")
    assert done.code == 0 and "folders of pictures where the release has .avi" in done.out
    made = records(tmp_path, "casia-fasd")
    frames = made["test_release__1__3"]
    assert [frame.name for frame in frames.frames] == ["100", "102"] and frames.clip.fields["container"] == "frames"
    assert np.array_equal(store(tmp_path, "casia-fasd").crop("test_release__1__3", 0, "rgb"), noise(100, 24, 34, 3))
    write_video(tmp_path / "raw/train_release/1/1.avi", flat_frames(3))
    done = extract(tmp_path, "CASIA-FASD")
    assert done.code == 3 and "train_release/1/1.mp4 (the clip is train_release/1/1.avi)" in done.out
    assert len(records(tmp_path, "casia-fasd")) == 2


@pytest.mark.parametrize("name", ["folder", "mine"])
def test_a_store_made_before_keeps_its_ids(tmp_path, monkeypatch, name):
    table = "path,label\ntrain/attack/anna/a.avi,attack\ntrain/attack/anna/v1.0.avi,attack\n" if name == "mine" else ""
    write_video(tmp_path / "raw/train/attack/anna/a.avi", flat_frames(3))
    write_video(tmp_path / "raw/train/attack/anna/v1.0.avi", flat_frames(3))
    with monkeypatch.context() as before:  # ids as they were made then
        for module in ("layouts", "own_table"):
            before.setattr(f"fasdata.datasets.{module}.own_id", lambda path: clip_id(path.rpartition(".")[0]))
        assert extract(tmp_path, name, table=table).code == 0
    old = ["train__attack__anna__a", "train__attack__anna__v1.0"]
    content = store(tmp_path, name).content_hash()
    assert sorted(records(tmp_path, name)) == old
    done = extract(tmp_path, name, table=table)
    assert "2 clips keep the ids of an earlier version" in done.out
    assert sorted(records(tmp_path, name)) == old and store(tmp_path, name).content_hash() == content
    write_video(tmp_path / "raw/train/attack/anna/a.mp4", flat_frames(3), codec="mpeg4")
    if table:
        table += "train/attack/anna/a.mp4,attack\n"
    assert extract(tmp_path, name, table=table).code == 0
    assert sorted(records(tmp_path, name)) == sorted([*old, "train__attack__anna__a.mp4"])


def test_own_data_are_known_by_the_name_of_their_store(tmp_path):
    write_video(tmp_path / "raw/a.avi", flat_frames(3))
    write_video(tmp_path / "raw/b.avi", flat_frames(3))
    assert extract(tmp_path, "Office", "--bonafide-is", "live", table="path,label\na.avi,live\nb.avi,spoof\n").code == 0
    data = ("--data", tmp_path / "lib")
    assert "complete" in Called("fasdata", "verify", "office", "--root", tmp_path / "raw", *data).out
    (tmp_path / "raw/b.avi").unlink()
    assert "1 missing: b.avi" in Called("fasdata", "verify", "office", "--root", tmp_path / "raw", *data).out
    faces = Called("fasdata", "faces", "Office", "--out", tmp_path / "f.jsonl", *data)
    assert faces.code == 0 and "faces of 2 clips of office" in faces.out
    assert Called("fasdata", "report", "Office", *data).code == 0
    assert Library(tmp_path / "lib").stores() == ["office"]


def test_a_picture_without_a_box_of_the_release_is_no_face_and_not_undecodable(tmp_path):
    lines = {1: "50 50 100 100 .9", 2: "", 3: None, 4: "50 50 100 0 0.9"}
    for number, line in lines.items():
        write_still(tmp_path / f"raw/Data/train/1/live/{number:06}.png", noise(number, 80, 80, 3))
        if line is not None:
            (tmp_path / f"raw/Data/train/1/live/{number:06}_BB.txt").write_text(line)
    places = ("--root", tmp_path / "raw", "--out", tmp_path / "lib")
    done = Called("fasdata", "extract", "CelebA-Spoof", *places, "--frames", "first(1)", "-j", 1, "--detector", "given")
    made = {id_[-1]: (record.status, record.reason) for id_, record in records(tmp_path, "celeba-spoof").items()}
    assert made == {
        "1": ("ok", ""), "2": ("fta", "the release's file of faces is empty"),
        "3": ("fta", "the release has no file of faces for this recording"),
        "4": ("fta", "the release names no face: all its boxes are without width or height"),
    }  # fmt: skip
    assert done.code == 0 and "could not be decoded" not in done.out
