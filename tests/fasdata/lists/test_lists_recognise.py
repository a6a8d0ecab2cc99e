"""Lists whose format nobody says: recognised with their columns named, or asked for; the polarity never."""

from __future__ import annotations

import csv

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fasdata.datasets.registry import find_card
from fasdata.datasets.scan import parse_paths
from fasdata.errors import UserError
from fasdata.lists.match import import_lists
from fasdata.lists.read import open_list
from tests.commands import Called
from tests.fabricate import plant

BOTH = ["bonafide", "attack"]


def opened(tmp_path, text, bonafide_is="1", name="list.txt", columns=""):
    (tmp_path / name).write_text(text)
    return open_list(tmp_path / name, "", bonafide_is, columns)


@pytest.mark.parametrize(
    ("text", "paths", "taken"),
    [
        (
            "+1,1_1_01_1\n-1,1_1_01_2\n",
            ["1_1_01_1", "1_1_01_2"],
            "commas between columns, label = column 1, path = column 2",
        ),
        ("1 a/b.avi\n0 a/c.avi\n", ["a/b.avi", "a/c.avi"], "blanks between columns, label = column 1, path = column 2"),
        ("a/b.avi 1\na/c.avi 0\n", ["a/b.avi", "a/c.avi"], "label = column 2, path = column 1"),
        ("a/b.avi,1.0\na/c.avi,0.0\n", ["a/b.avi", "a/c.avi"], "label = column 2"),
        ("my folder/a b.avi 1\nc.avi 0\n", ["my folder/a b.avi", "c.avi"], "label = column 2, path = column 1"),
        ("1 my folder/a b.avi\n0 my folder/c.avi\n", ["my folder/a b.avi", "my folder/c.avi"], "label = column 1"),
        ("video_path;label\na b/c.avi;1\nd.avi;0\n", ["a b/c.avi", "d.avi"], "semicolons between columns"),
        ("label\tpath\n1\ta/b.avi\n0\tc.avi\n", ["a/b.avi", "c.avi"], "first line = names of columns"),
        (",filename,is_real\n0,a.avi,1\n1,b.avi,0\n", ["a.avi", "b.avi"], "label = column 3, path = column 2"),
        ("x/1.avi,1,107,107\nx/2.avi,0,90,91\n", ["x/1.avi", "x/2.avi"], "label = column 2, path = column 1"),
        ("# made by a script\na/b.avi 1\na/c.avi 0\n", ["a/b.avi", "a/c.avi"], "label = column 2"),
    ],
)
def test_columns_are_recognised_and_named(tmp_path, text, paths, taken):
    file = opened(tmp_path, text)
    assert [row.paths[0] for row in file.rows] == paths and [row.label for row in file.rows] == BOTH
    assert taken in file.taken


def test_modalities_bobs_columns_and_lists_without_labels_are_recognised(tmp_path):
    file = opened(tmp_path, "a/color/1.jpg a/depth/1.jpg a/ir/1.jpg 1\nb/color/1.jpg b/depth/1.jpg b/ir/1.jpg 0\n")
    assert [len(row.paths) for row in file.rows] == [
        3,
        3,
    ] and "paths of modalities = column 1 and 2 and 3" in file.taken
    file = opened(tmp_path, "filename,subject,attack_type\na.hdf5,7,\nb.hdf5,8,print\n")
    assert [(row.label, row.subject, row.attack_type) for row in file.rows] == [
        ("bonafide", "7", ""), ("attack", "8", "print")
    ]  # fmt: skip
    file = opened(tmp_path, "casia/train/real/1_1_frame0.png\ncasia/train/fake/1_3_frame0.png\n")
    assert [row.label for row in file.rows] == BOTH and "no label (in 2 rows the words of the path" in file.taken
    (tmp_path / "x.json").write_text('[{"photo_path": "a/1.png", "photo_label": 0}]')
    assert [row.label for row in open_list(tmp_path / "x.json", "", "1").rows] == ["attack"]


@pytest.mark.parametrize(("bonafide_is", "labels"), [("1", BOTH), ("-1", BOTH[::-1]), ("0", ["attack"] * 2)])
def test_the_polarity_is_what_is_said(tmp_path, bonafide_is, labels):
    assert [row.label for row in opened(tmp_path, "+1,1_1_01_1\n-1,1_1_01_2\n", bonafide_is).rows] == labels


def test_a_word_may_mean_bona_fide(tmp_path):
    file = opened(tmp_path, "path,label\na.avi,live\nb.avi,spoof\n", "live")
    assert [row.label for row in file.rows] == BOTH


@pytest.mark.parametrize(
    "text", ["a.avi,1,0\nb.avi,0,0\n", "1 a.avi 0\n0 b.avi 0\n", "a/b,c/d,e/f,g/h,1\na/b,c/d,e/f,g/h,0\n"]
)
def test_what_is_not_clear_is_asked_for(tmp_path, text):
    with pytest.raises(UserError, match="say it with --columns"):
        opened(tmp_path, text)


def test_columns_may_be_said(tmp_path):
    file = opened(tmp_path, "a.avi,1,0\nb.avi,0,0\n", columns="path,label,-")
    assert [row.label for row in file.rows] == BOTH and [row.paths for row in file.rows] == [("a.avi",), ("b.avi",)]
    file = opened(tmp_path, "1 a b.avi\n0 c.avi\n", columns="label,path")
    assert [row.paths[0] for row in file.rows] == ["a b.avi", "c.avi"]
    for columns in ("label,-", "path,label,label", "way,label"):
        with pytest.raises(UserError, match="a role for each column"):
            opened(tmp_path, "a.avi,1\n", columns=columns)


def test_a_score_is_no_label(tmp_path):
    with pytest.raises(UserError, match="a number as label"):
        opened(tmp_path, "path,label\na.avi,0.87\nb.avi,0.1\n")


@given(content=st.text(max_size=200), bonafide_is=st.sampled_from(["1", "live"]))
def test_any_text_is_rows_or_a_user_error(tmp_path_factory, content, bonafide_is):
    path = tmp_path_factory.mktemp("any") / "list.txt"
    path.write_text(content, encoding="utf-8")
    try:
        assert all(row.paths for row in open_list(path, "", bonafide_is).rows)
    except UserError as error:
        assert "\n" not in str(error)


def test_the_command_says_which_column_was_taken_for_what(tmp_path):
    root = plant(tmp_path / "raw", "Train_files/1_1_01_1.avi", "Train_files/1_1_01_2.avi")
    (tmp_path / "Train.txt").write_text("+1,1_1_01_1\n-1,1_1_01_2\n")
    command = ("lists", "import", "OULU-NPU", tmp_path / "Train.txt", "--root", root, "--out", tmp_path / "o.csv")
    done = Called("fasdata", *command, "--bonafide-is", 1)
    assert done.code == 0 and "2 clips of OULU-NPU from 2 rows" in done.out
    assert "Train.txt: commas between columns, label = column 1, path = column 2" in done.out
    with (tmp_path / "o.csv").open() as file:
        assert [row["label"] for row in csv.DictReader(file)] == BOTH
    assert Called("fasdata", *command).code == 2  # the polarity is not said


def test_own_clips_are_meant_with_and_without_their_ending(tmp_path):
    clips = parse_paths(
        find_card("folder"),
        ["train/attack/p1/IMG_0001.MOV", "train/attack/p1/IMG_0001.MP4", "train/attack/p1/clip007.mp4"],
    ).clips
    (tmp_path / "l.txt").write_text("p1/clip007 0\ntrain/attack/p1/IMG_0001.MOV 0\np1/IMG_0001 0\n")
    matched = import_lists([tmp_path / "l.txt"], "", "1", clips)
    assert list(matched.clips) == ["train__attack__p1__clip007.mp4", "train__attack__p1__IMG_0001.MOV"]
    assert [row.paths[0] for row in matched.unmatched] == ["p1/IMG_0001"]


def test_names_that_differ_in_case_alone_are_told_apart_by_their_whole_path(tmp_path):
    clips = parse_paths(find_card("folder"), ["train/attack/p1/A1234.mp4", "train/attack/p1/a1234.mp4"]).clips
    (tmp_path / "l.txt").write_text("train/attack/p1/a1234.mp4 0\np1/A1234.mp4 0\n")
    matched = import_lists([tmp_path / "l.txt"], "", "1", clips)
    assert list(matched.clips) == ["train__attack__p1__a1234.mp4"] and len(matched.unmatched) == 1
