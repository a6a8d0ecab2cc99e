"""Redacted paths (id-card numbers in folder names of CeFA) leave no trace, yet are located; clip ids and order."""

from __future__ import annotations

import os
from dataclasses import asdict
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fasdata.datasets.registry import find_card
from fasdata.datasets.scan import scan
from fasdata.datasets.tree import CLIP_ID, clip_id, locate, natural_key, walk
from fasdata.datasets.verify import describe_verification, verify
from fasdata.errors import UserError
from tests.commands import Called
from tests.fabricate import plant
from tests.videos import flat_frames, write_video

NUMBER = "110101199003071234"


def test_what_must_not_leave_is_in_nothing_that_a_scan_returns(tmp_path):
    clip = f"Ethnicity/AF/AF-223-{NUMBER}/1_223_1_1_1"
    strange = f"Ethnicity/CA/CA-001-{NUMBER}X/2_001_9_9_9/color/0001.jpg"
    plant(tmp_path, *(f"{clip}/{modality}/0001.jpg" for modality in ("color", "depth", "ir")), strange)
    card = find_card("CeFA")
    result = scan(card, tmp_path)
    [scanned] = result.clips
    assert (scanned.subject, scanned.clip_id) == ("AF-223", "AF-223__1_223_1_1_1")
    assert len(result.unmatched) == 1
    for text in (str(asdict(scanned)), str(result.rejected), describe_verification(verify(card, tmp_path))):
        assert "1101" not in text
    for modality, folder in (("rgb", "color"), ("depth", "depth"), ("ir", "ir")):
        assert locate(tmp_path, scanned.relpaths[modality]) == tmp_path / clip / folder


def test_errors_do_not_tell_it_either(tmp_path):
    plant(tmp_path, f"AF-223-{NUMBER}/nothing/known.jpg")
    with pytest.raises(UserError, match=r"AF-223\*/nothing") as error:
        scan(find_card("CeFA"), tmp_path)
    assert NUMBER not in str(error.value)


def test_a_redacted_path_must_fit_one_place(tmp_path):
    plant(tmp_path, f"AF-223-{NUMBER}/a.jpg", "AF-224/a.jpg", "odd*name/a.jpg")
    assert locate(tmp_path, "AF-224/a.jpg") == tmp_path / "AF-224/a.jpg"
    assert locate(tmp_path, "odd*name/a.jpg") == tmp_path / "odd*name/a.jpg"
    with pytest.raises(UserError, match="found 0"):
        locate(tmp_path, "AF-225*/a.jpg")
    plant(tmp_path, "AF-223-2/a.jpg")
    with pytest.raises(UserError, match="found 2"):
        locate(tmp_path, "AF-223*/a.jpg")


def test_clip_ids_join_folders_and_keep_plain_names():
    assert clip_id("train_release/1/hr_1") == "train_release__1__hr_1"
    assert clip_id("a") == "a"


PART = st.text(alphabet="ab_.- é/\n\x00", min_size=1, max_size=8)


@settings(deadline=None)  # the machine may be busy
@given(st.text(min_size=1, max_size=300), st.text(min_size=1, max_size=300))
def test_clip_ids_are_safe_and_differ_where_paths_differ(first, second):
    assert CLIP_ID.fullmatch(clip_id(first))
    assert (clip_id(first) == clip_id(second)) == (first == second)


@settings(deadline=None)  # the machine may be busy
@given(PART, PART)
def test_awkward_paths_do_not_collide(first, second):
    assert (clip_id(first) == clip_id(second)) == (first == second)
    assert len(clip_id(first).encode()) <= 200


@settings(deadline=None)  # the machine may be busy
@given(st.text(max_size=20))
def test_natural_order_takes_any_text(text):
    assert natural_key(text) == natural_key(text)
    assert natural_key("a9") < natural_key("a10")
    assert natural_key("8" * 5000) < natural_key("9" * 5000)


def test_an_entry_that_cannot_be_looked_at_is_left_out_with_its_reason(tmp_path):
    plant(tmp_path, "a/clip.mp4", "b/clip.mp4")
    (tmp_path / "a" / "loop").symlink_to("loop")
    (tmp_path / "b" / "gone.mp4").symlink_to(tmp_path / "nowhere.mp4")
    deep = tmp_path / "b"
    here = Path.cwd()
    try:
        for _ in range(25):  # one step at a time, since no call takes the whole path
            os.chdir(deep)
            Path("x" * 200).mkdir()
            deep = Path("x" * 200)
    finally:
        os.chdir(here)
    skipped: dict[str, str] = {}
    assert sorted(walk(tmp_path, skipped)) == ["a/clip.mp4", "b/clip.mp4", "b/gone.mp4"]
    assert "symbolic links" in skipped.pop("a/loop")
    ((path, reason),) = skipped.items()
    assert path.startswith("b/xxx") and "too long" in reason


def test_an_extraction_goes_on_without_them_and_says_so(tmp_path):
    clip = tmp_path / "raw" / "train" / "bonafide" / "anna" / "a.avi"
    write_video(clip, flat_frames(3))
    (clip.parent / "loop").symlink_to("loop")
    odd = os.fsencode(tmp_path / "raw" / "train" / "bonafide") + b"/\xff\xfe"
    os.mkdir(odd)  # noqa: PTH102 - a Path takes no bytes
    os.link(clip, odd + b"/b\xff.avi")
    command = ("extract", "folder", "--root", tmp_path / "raw", "--out", tmp_path / "lib", "--detector", "none")
    done = Called("fasdata", *command, "--frames", "first(1)", "-j", 1)
    assert done.code == 3
    assert "train/bonafide/anna/loop: Too many levels of symbolic links" in done.out
    assert "its name is not UTF-8" in done.out and "1 clips" in done.out
