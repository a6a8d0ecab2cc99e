"""Whole trees: official counts, list files, and roots that are wrong."""

from __future__ import annotations

import pytest

from fasdata.datasets.registry import find_card
from fasdata.datasets.scan import parse_paths, scan
from fasdata.errors import UserError
from tests.fabricate import plant


def test_clips_come_in_natural_order():
    clips = parse_paths(find_card("casia"), ["train_release/10/1.avi", "train_release/9/1.avi"]).clips
    assert [clip.subject for clip in clips] == ["train-09", "train-10"]


def test_scan_reads_a_tree_from_any_folder_above(tmp_path):
    plant(tmp_path / "mirror" / "CASIA", "train_release/1/1.avi", "test_release/2/HR_4.avi", "train_release/1/._1.avi")
    card = find_card("CASIA-FASD")
    near, far = scan(card, tmp_path / "mirror" / "CASIA"), scan(card, tmp_path)
    assert [clip.clip_id for clip in near.clips] == [clip.clip_id for clip in far.clips]
    assert near.clips[0].relpaths["rgb"] == "test_release/2/HR_4.avi"
    assert far.clips[0].relpaths["rgb"] == "mirror/CASIA/test_release/2/HR_4.avi"
    assert (near.layout, near.junk) == ("release", ["train_release/1/._1.avi"])


def test_linked_folders_are_followed_and_loops_end(tmp_path):
    plant(tmp_path / "disk", "train_release/1/1.avi")
    root = tmp_path / "root"
    root.mkdir()
    (root / "CASIA").symlink_to(tmp_path / "disk")
    (tmp_path / "disk" / "again").symlink_to(root)
    assert len(scan(find_card("casia"), root).clips) == 1


def test_the_msu_split_comes_from_the_list_files(tmp_path):
    # The opposite of the shipped table, so that the source of the split shows; ids with two digits, as in the release.
    root = plant(
        tmp_path,
        "scene01/real/real_client001_android_SD_scene01.mp4",
        "scene01/real/real_client002_android_SD_scene01.mp4",
    )
    card = find_card("msu")
    assert [clip.split for clip in scan(card, root).clips] == ["test", "train"]
    (root / "train_sub_list.txt").write_text("01\n\n")
    (root / "test_sub_list.txt").write_text("02\n")
    result = scan(card, root)
    assert [clip.split for clip in result.clips] == ["train", "test"]
    assert "train_sub_list.txt" in result.notes[0]


def test_msu_list_files_may_lie_elsewhere_and_must_be_complete(tmp_path):
    root = plant(
        tmp_path / "raw",
        "scene01/real/real_client001_android_SD_scene01.mp4",
        "scene01/real/real_client099_android_SD_scene01.mp4",
    )
    lists, card = tmp_path / "lists", find_card("msu")
    with pytest.raises(UserError, match="does not exist"):
        scan(card, root, lists=lists)
    lists.mkdir()
    (lists / "Train_Sub_List.txt").write_text("1\n")
    with pytest.raises(UserError, match=r"test_sub_list\.txt"):
        scan(card, root, lists=lists)
    (lists / "test_sub_list.txt").write_text("2\n")
    assert [clip.split for clip in scan(card, root, lists=lists).clips] == ["train", ""]  # 99 is in neither list
    (lists / "test_sub_list.txt").write_text("2\n1\n")
    with pytest.raises(UserError, match="subject 1 is in the lists of train and test"):
        scan(card, root, lists=lists)
    (lists / "test_sub_list.txt").write_text("2\nclient three\n")
    with pytest.raises(UserError, match=r"line 2.*client three"):
        scan(card, root, lists=lists)


def test_of_two_copies_below_one_root_one_is_used_and_the_other_listed(tmp_path):
    paths = [f"{copy}/train_release/1/{n}.avi" for copy in "ab" for n in (1, 3)]
    result = scan(find_card("casia"), plant(tmp_path, *paths))
    assert [clip.relpaths["rgb"] for clip in result.clips] == paths[:2]
    assert result.second_files == [f"{paths[i + 2]} (the clip is {paths[i]})" for i in (0, 1)]
    [note] = result.notes
    assert f"{tmp_path / 'a'} and {tmp_path / 'b'} both hold 2 of the same clips" in note and "--root" in note


def test_wrong_roots_end_in_one_clear_line(tmp_path):
    card = find_card("CASIA-FASD")
    with pytest.raises(UserError, match=r"does not exist.*--root"):
        scan(card, tmp_path / "nowhere")
    with pytest.raises(UserError, match=r"is empty.*train_release/1/1\.avi"):
        scan(card, tmp_path)
    with pytest.raises(UserError, match="is a file"):
        scan(card, plant(tmp_path, "x.avi") / "x.avi")
    plant(tmp_path, "1/1.avi", "2/1.avi")
    with pytest.raises(
        UserError, match=r"nothing below .*train_release/1/1\.avi.*found 3 files such as '1/1\.avi'"
    ) as error:
        scan(card, tmp_path)
    assert "\n" not in str(error.value)


def test_the_root_of_another_dataset_is_named(tmp_path):
    plant(tmp_path, "Train_files/1_1_01_1.avi", "Test_files/1_1_36_1.avi")
    with pytest.raises(UserError, match="this looks like OULU-NPU"):
        scan(find_card("CASIA-FASD"), tmp_path)


def test_a_name_that_is_not_text_is_warned_about_and_stops_nothing():
    result = parse_paths(find_card("folder"), ["train/attack/anna/\udcff.mp4", "train/attack/anna/1.mp4"])
    assert len(result.clips) == 1
    assert result.unmatched == ["train/attack/anna/\\udcff.mp4"]
