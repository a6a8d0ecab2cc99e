"""`fasdata extract` as a user meets it: dry runs, bad input, recordings that cannot be used."""

import re
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest

from fasdata.errors import UserError
from fasdata.library import Library
from fasdata.store.reader import Store
from tests.commands import Called, refused
from tests.videos import flat_frames, write_video


@pytest.fixture(scope="module")
def tree(tmp_path_factory) -> Path:
    """A `folder` dataset without any face: quick, and everything but the detector's hits is exercised."""
    root = tmp_path_factory.mktemp("tree")
    for label in ("bonafide", "attack"):
        for subject in ("anna", "bert"):
            write_video(root / "train" / label / subject / "clip é 1.avi", flat_frames(9))
    return root


def test_dry_run_says_what_it_would_do_and_writes_nothing(tree, tmp_path):
    lib = tmp_path / "lib"
    shown = Called(
        "fasdata", "extract", "folder", "--root", tree, "--out", lib, "--frames", "every(5)", "--dry-run"
    ).out
    assert "4 clips" in shown and "every(5)@decoded" in shown and "GB" in shown
    assert not (tmp_path / "lib").exists()


def test_dry_run_shows_the_plan_and_then_refuses_what_the_run_would_refuse(tree, tmp_path):
    command = ("extract", "folder", "--root", tree, "--out", tmp_path / "lib", "--frames", "every(5)")
    absent = (*command, "--device", "cuda:9", "--dry-run")
    assert "cuda:9 is not there" in Called("fasdata", *absent).line
    assert "4 clips" in Called("fasdata", *absent).out
    for option in ("--clip-timeout", "--worker-memory"):
        assert Called("fasdata", *command, option, -1).code == 2
    assert not (tmp_path / "lib").exists()


def test_recipes_can_be_joined_with_further_rules(tree, tmp_path):
    command = ("extract", "folder", "--root", tree, "--out", tmp_path / "lib", "--dry-run", "--frames")
    shown = Called("fasdata", *command, "recipes + every(4)").out
    assert "ssdg(2)@decoded" in shown and "every(4)@decoded" in shown
    assert "recipes" not in shown.partition("(rules ")[2]


def test_unusable_recordings_are_recorded_listed_and_do_not_stop_the_run(tree, tmp_path):
    root = tmp_path / "raw"
    shutil.copytree(tree, root)
    picture = cv2.imencode(".png", np.zeros((48, 64, 3), np.uint8))[1].tobytes()
    broken = {"empty.avi": b"", "text.mp4": b"no video " * 999, "picture.mov": picture}
    for name, data in broken.items():
        (root / "train" / "attack" / "anna" / name).write_bytes(data)
    command = ("extract", "folder", "--root", root, "--out", tmp_path / "lib", "--frames", "first(1)", "-j", 1)
    done = Called("fasdata", *command)
    assert done.code == 3
    assert "empty.avi: the file is empty" in done.out and "text.mp4" in done.out
    assert "picture.mov: the file is a still picture (png), not a video" in done.out
    store = Store.open(tmp_path / "lib" / "folder")
    statuses = {record.clip.relpaths["rgb"].rsplit("/")[-1]: record.status for record in store.records()}
    assert statuses == {"clip é 1.avi": "fta", "empty.avi": "failed", "text.mp4": "failed", "picture.mov": "failed"}
    assert all(record.reason for record in store.records())

    write_video(root / "train" / "attack" / "anna" / "empty.avi", flat_frames(9))
    (root / "train" / "attack" / "anna" / "text.mp4").unlink()
    again = Called("fasdata", *command, "--retry-failed")
    assert again.code == 3  # text.mp4 is still on record
    assert Store.open(tmp_path / "lib" / "folder").record(
        next(c for c in store.clip_ids() if "empty" in c)
    ).status == "fta"  # fmt: skip


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("CASIA-FSD", "--root", "{tree}"), "CASIA-FASD"),
        (("folder", "--root", "{tree}/nowhere"), "nowhere"),
        (("folder", "--root", "{empty}"), "empty"),
        (("CASIA-FASD", "--root", "{tree}"), "train_release"),
        (("folder", "--root", "{tree}", "--frames", "sdsg(2)"), "ssdg"),
        (("folder", "--root", "{tree}", "--detector", "mtcn"), "mtcnn"),
        (("folder", "--root", "{tree}", "--context", "0.2"), "1 to 10"),
        (("folder", "--root", "{tree}", "--fallbacks", "maybe"), "on"),
        (("folder", "--root", "{tree}", "--codec", "bmp"), "png"),
        (("folder", "--root", "{tree}", "--tracking", "carefull"), "careful"),
        (("folder", "--root", "{tree}", "--tracking", "on", "--detect-every", "0"), "at least 1"),
        (("folder", "--root", "{tree}", "--tracking", "on", "--detector", "none"), "searches pictures"),
        (("folder", "--root", "{tree}", "--device", "cuba", "--detector", "none"), "cuda"),
        (("folder", "--root", "{tree}", "--device", "cuda", "--detector", "none"), "searches pictures"),
    ],
)
def test_bad_input_ends_in_one_line_and_writes_nothing(tree, tmp_path, arguments, words):
    (tmp_path / "empty").mkdir()
    filled = [argument.format(tree=tree, empty=tmp_path / "empty") for argument in arguments]
    assert words in Called("fasdata", "extract", *filled, "--out", tmp_path / "lib").line
    assert not (tmp_path / "lib").exists()


def test_labels_given_later_reach_clips_extracted_before(tmp_path):
    write_video(tmp_path / "raw" / "a.avi", flat_frames(9))
    write_video(tmp_path / "raw" / "b.avi", flat_frames(9))
    lib = tmp_path / "lib"
    summaries = []
    for first, second in (("bonafide", "attack"), ("bonafide", "attack"), ("attack", "bonafide")):
        (tmp_path / "mine.csv").write_text(f"path,label\na.avi,{first}\nb.avi,{second}\n")
        command = ("extract", "mine", "--card", tmp_path / "mine.csv", "--root", tmp_path / "raw", "--out", lib)
        summaries.append(Called("fasdata", *command, "--frames", "first(1)", "-j", 1).out)
    assert "have another label" not in summaries[1] and "2 of them have another label" in summaries[2]
    labels = {r.clip.relpaths["rgb"]: r.clip.label for r in Store.open(lib / "mine").records()}
    assert labels == {"a.avi": "attack", "b.avi": "bonafide"}


def test_a_device_that_is_not_there_and_a_file_for_a_folder_are_one_line(tree, tmp_path):
    command = ("extract", "folder", "--root", tree, "--frames", "first(1)", "-j", 2)
    assert "cuda:9" in Called("fasdata", *command, "--out", tmp_path / "lib", "--device", "cuda:9").line
    (tmp_path / "file").write_text("")
    assert "expected a folder; found the file" in refused("fasdata", *command, "--out", tmp_path / "file")


def test_an_unfinished_extraction_is_not_taken_for_a_whole_one(tree, tmp_path):
    lib = tmp_path / "lib"
    Called("fasdata", "extract", "folder", "--root", tree, "--out", lib, "--frames", "first(1)", "-j", 1)
    assert Library(lib).require_store("folder") == lib / "folder"
    assert Store.open(lib / "folder").info.devices == ("cpu",)
    (lib / "folder" / "clips.parquet").unlink()  # what an interruption leaves behind
    with pytest.raises(UserError, match="was not finished"):
        Library(lib).require_store("folder")


def test_a_refusal_leaves_as_one_line_and_exit_code_2(tmp_path):
    assert "CASIA-FASD" in refused("fasdata", "extract", "CASIA-FSD", "--root", tmp_path, "--out", tmp_path / "lib")


def test_another_configuration_is_refused_and_the_store_stays(tree, tmp_path):
    lib = tmp_path / "lib"
    Called("fasdata", "extract", "folder", "--root", tree, "--out", lib, "--frames", "first(1)", "-j", 1)
    before = Store.open(lib / "folder").content_hash()
    line = Called(
        "fasdata", "extract", "folder", "--root", tree, "--out", lib, "--frames", "first(2)", "--context", 3
    ).line
    assert "another configuration" in line and "context=2.0" in line and "context=3.0" in line
    assert Store.open(lib / "folder").content_hash() == before


def test_a_truncated_video_gives_what_it_has_and_is_noted(tmp_path):
    noise = [np.random.default_rng(i).integers(0, 255, (48, 64, 3), dtype=np.uint8) for i in range(40)]
    path = write_video(tmp_path / "raw" / "test" / "attack" / "s1" / "cut.avi", noise)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    command = (
        "extract",
        "folder",
        "--root",
        tmp_path / "raw",
        "--out",
        tmp_path / "lib",
        "--frames",
        "every(5)",
        "-j",
        1,
    )
    summary = Called("fasdata", *command).out
    assert "cut.avi" in summary and re.search(r"decoding stopped|claims \d+ frames", summary)
