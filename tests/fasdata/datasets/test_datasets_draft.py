"""The draft of a table: what names say, and only that."""

from __future__ import annotations

import pytest

from fasdata.datasets.draft import draft_of
from fasdata.datasets.registry import find_card
from fasdata.datasets.scan import parse_paths
from tests.commands import Called
from tests.fabricate import plant
from tests.fasdata.protocols import trees

# What a laboratory may have made of the folders of four releases.
RENAMED = {
    "casia-fasd": (trees.casia_fasd, [("train_release", "Training"), ("test_release", "Testing")]),
    "replay-attack": (
        trees.replay_attack,
        [("train/", "training_set/"), ("devel/", "validation/"), ("test/", "test-set/"), ("/real/", "/live/"),
         ("/attack/", "/spoofs/")],
    ),
    "oulu-npu": (trees.oulu_npu, [("Train_files", "train"), ("Dev_files", "val"), ("Test_files", "evaluation")]),
    "msu-mfsd": (trees.msu_mfsd, [("scene01/real/", "room A/genuine/"), ("scene01/attack/", "room A/spoof/")]),
}  # fmt: skip


def renamed(name: str) -> dict[str, object]:
    make, changes = RENAMED[name]
    clips = {}
    for clip in parse_paths(find_card(name), list(make())).clips:
        path = f"/{clip.relpaths['rgb']}"
        for before, after in changes:
            path = path.replace(f"/{before}" if before[0] != "/" else before, f"/{after}" if after[0] != "/" else after)
        clips[path.lstrip("/")] = clip
    return clips


@pytest.mark.parametrize("name", RENAMED)
def test_no_cell_of_a_renamed_release_is_wrong(name):
    clips = renamed(name)
    rows = draft_of(sorted(clips)).rows
    people: dict[str, set[str]] = {}
    filled = 0
    for row in rows:
        clip = clips[row.path]
        for cell, truth in ((row.label, clip.label), (row.split, clip.split), (row.attack_type, clip.attack_type)):
            assert cell in ("", "unknown", truth), (row, clip)
            filled += cell == truth
        people.setdefault(row.subject, set()).add(clip.subject)
    assert all(len(of) == 1 for person, of in people.items() if person)
    assert filled >= len(rows)  # at least a split or a label of each


def test_words_of_folders_and_names_are_read_and_the_rest_stays_empty():
    paths = ["archive/live/anna/video_1.mp4", "archive/spoof/Latex Mask/anna/2.mp4", "archive/odd/3.mp4",
             "archive/spoof/printed/bert/warped/4.mp4", "archive/spoof/heic/5.heic"]  # fmt: skip
    made = draft_of(paths)
    rows = {row.path.rpartition("/")[2]: row for row in made.rows}
    assert (rows["video_1.mp4"].label, rows["video_1.mp4"].subject, rows["video_1.mp4"].split) == (
        "bonafide",
        "anna",
        "",
    )
    assert (rows["2.mp4"].label, rows["2.mp4"].attack_type, rows["2.mp4"].pai) == ("attack", "mask-3d", "Latex Mask")
    assert (rows["3.mp4"].label, rows["3.mp4"].attack_type) == ("", "")
    assert (rows["4.mp4"].attack_type, rows["4.mp4"].subject) == ("print", "bert")
    assert list(made.unread) == ["archive/spoof/heic/5.heic"]


def test_folders_of_numbered_pictures_are_recordings_and_modalities_stand_beside_colour():
    frames = [f"real/p1/a/{modality}/{n:03}.png" for modality in ("color", "depth") for n in range(6)]
    pair = ["fake/p2/b_rgb.mp4", "fake/p2/b_depth.mkv", "fake/p2/c.mp4", "fake/p2/c_ir.mp4", "real/p3/portrait.jpg"]
    made = draft_of([*frames, *pair])
    assert {row.path: (row.depth, row.ir) for row in made.rows} == {
        "real/p1/a/color": ("real/p1/a/depth", ""), "fake/p2/b_rgb.mp4": ("fake/p2/b_depth.mkv", ""),
        "fake/p2/c.mp4": ("", "fake/p2/c_ir.mp4"), "real/p3/portrait.jpg": ("", ""),
    }  # fmt: skip
    assert made.folders == 1 and [row.label for row in made.rows] == ["bonafide", "attack", "attack", "bonafide"]


def test_numbers_that_begin_anew_in_each_split_are_different_people():
    rows = draft_of(["train/real/1/a.mp4", "test/real/1/a.mp4", "test/real/2/a.mp4"]).rows
    assert [row.subject for row in rows] == ["train-1", "test-1", "test-2"]
    rows = draft_of(["train/real/client1/a.mp4", "test/real/client1/a.mp4"]).rows
    assert {row.subject for row in rows} == {"client1"}


def test_the_command_writes_a_table_says_three_lines_and_overwrites_nothing(tmp_path):
    root = plant(tmp_path / "raw", "train/live/anna/1.mp4", "train/attack/print/anna/1.mp4", "notes.txt", "x/2.mp4")
    done = Called("fasdata", "card", "draft", root, "--out", tmp_path / "my.csv")
    lines = done.out.splitlines()
    assert done.code == 0 and len(lines) == 3
    assert "3 rows (3 videos)" in lines[0] and "label attack 1, bonafide 1" in lines[0]
    assert "label of 1 rows (such as x/2.mp4)" in lines[1] and f"--card {tmp_path / 'my.csv'}" in lines[2]
    assert (tmp_path / "my.csv").read_text().splitlines() == [
        "path,label,split,subject,attack_type,pai", "train/attack/print/anna/1.mp4,attack,train,anna,print,",
        "train/live/anna/1.mp4,bonafide,train,anna,bonafide,", "x/2.mp4,,,x,,",
    ]  # fmt: skip
    assert "is not overwritten" in Called("fasdata", "card", "draft", root, "--out", tmp_path / "my.csv").line
    assert "line 4: a label" in Called("fasdata", "verify", "own", "--root", root, "--card", tmp_path / "my.csv").line


def test_a_code_of_several_numbers_is_a_recording_and_not_a_person():
    rows = draft_of(["AF-006/1_006_1_1_1/1.mp4", "AF-007/1_007_1_1_1/1.mp4"]).rows
    assert [row.subject for row in rows] == ["AF-006", "AF-007"]


def test_a_name_that_holds_a_word_for_a_person_names_nobody():
    rows = draft_of(["live/vid01.mp4", "live/vid02.mp4", "spoof/x_id7.mp4"]).rows
    assert [row.subject for row in rows] == ["", "", "id7"]


def test_a_tree_without_media_is_refused(tmp_path):
    assert "no videos or pictures" in Called("fasdata", "card", "draft", tmp_path, "--out", tmp_path / "t.csv").line
    plant(tmp_path, "raw/a.hdf5")
    refused = Called("fasdata", "card", "draft", tmp_path / "raw", "--out", tmp_path / "t.csv")
    assert "1 files that are not read, such as a.hdf5" in refused.line and not (tmp_path / "t.csv").exists()
