"""Copies as people have them: other containers, archives, roots that are too deep or too high, second files."""

from __future__ import annotations

import pytest

from fasdata.datasets.parse import meanings
from fasdata.datasets.registry import find_card
from fasdata.datasets.scan import parse_paths, scan
from fasdata.errors import UserError
from tests.fabricate import plant


def by_id(result) -> dict[str, tuple[str, str]]:
    return {clip.clip_id: (clip.relpaths["rgb"], clip.fields.get("container", "")) for clip in result.clips}


def test_another_container_and_folders_of_frames_are_the_clips_of_the_release():
    paths = ["train_release/1/1.mp4", "train_release/1/HR_3.MKV", "test_release/1_3/7.png", "test_release/1_3/8.png"]
    paths += ["CASIA_faceAntisp/test_release/2/1/100.png", "CASIA_faceAntisp/test_release/2/1/102.png"]
    paths += ["test_release/3/HR_1.avi/5.jpg", "test_release/4/1.avi"]
    result = parse_paths(find_card("casia"), paths)
    assert by_id(result) == {
        "test_release__1__3": ("test_release/1_3", "frames"),
        "test_release__2__1": ("CASIA_faceAntisp/test_release/2/1", "frames"),
        "test_release__3__hr_1": ("test_release/3/HR_1.avi", "frames"),
        "test_release__4__1": ("test_release/4/1.avi", ""),
        "train_release__1__1": ("train_release/1/1.mp4", "mp4"),
        "train_release__1__hr_3": ("train_release/1/HR_3.MKV", "mkv"),
    }
    assert result.frames["test_release__1__3"] == 2 and not result.unmatched
    assert {clip.label for clip in result.clips if clip.clip_id == "train_release__1__hr_3"} == {"attack"}
    assert [note for note in result.notes if "where the release has .avi" in note]


@pytest.mark.parametrize(
    ("name", "paths"),
    [
        ("OULU-NPU", ["Train_files/1_1_01_1.mp4", "Dev_files/1_1_22_2/001.jpg"]),
        ("MSU-MFSD", ["scene01/real/real_client001_android_SD_scene01.avi"]),
        ("Replay-Attack", ["train/real/client001_session01_webcam_authenticate_adverse_1.mp4"]),
        ("SiW", ["Train/live/003/003-1-1-1-1/1.png"]),
        ("ROSE-Youtu", ["train/2/G_T_5s_g_E_2_1.avi"]),
    ],
)
def test_every_release_of_videos_knows_its_other_containers(name, paths):
    assert len(parse_paths(find_card(name), paths).clips) == len(paths)


def test_enrolment_stays_out_in_any_container():
    result = parse_paths(
        find_card("Replay-Attack"),
        ["enroll/train/client001_session01_webcam_enroll_adverse.mp4",
         "train/real/client001_session01_webcam_authenticate_adverse_1.mov"],
    )  # fmt: skip
    assert len(result.clips) == 1 and [reject.kind for reject in result.rejected] == ["excluded-enroll"]


def test_the_releases_own_container_is_the_clip_and_the_other_file_is_listed():
    paths = ["train_release/1/1/0.png", "train_release/1/1/1.png", "train_release/1/1.avi", "train_release/1/1.mp4",
             "train_release/1/3.avi"]  # fmt: skip
    for order in (paths, paths[::-1]):
        result = parse_paths(find_card("casia"), order)
        assert by_id(result) == {
            "train_release__1__1": ("train_release/1/1.avi", ""), "train_release__1__3": ("train_release/1/3.avi", "")
        }  # fmt: skip
        assert sorted(text.split(" (")[0] for text in result.second_files) == [
            "train_release/1/1", "train_release/1/1.mp4"
        ]  # fmt: skip
        assert not result.unmatched


def test_a_video_and_pictures_that_no_rule_knows_stay_unmatched():
    result = parse_paths(
        find_card("casia"), ["train_release/1/1.avi", "train_release/1/9.mp4", "train_release/1/9/1.png"]
    )
    assert sorted(result.unmatched) == ["train_release/1/9.mp4", "train_release/1/9/1.png"]


def test_parse_takes_a_copy_in_another_container():
    [meaning] = meanings(find_card("casia"), ["train_release/1/1.mp4"])
    assert (meaning.means.clip_id, meaning.means.fields["container"]) == ("train_release__1__1", "mp4")


def test_an_archive_is_named(tmp_path):
    with pytest.raises(UserError, match=r"unpack train_release\.zip$"):
        scan(find_card("casia"), plant(tmp_path / "a", "train_release.zip"))
    root = plant(tmp_path / "b", "train_release/1/1.avi", "test_release.tar.gz", "more.part.7z.001")
    [note] = scan(find_card("casia"), root).notes
    assert "unpack more.part.7z.001, test_release.tar.gz" in note


@pytest.mark.parametrize("deep", ["train_release", "train_release/1"])
def test_a_root_too_deep_says_which_folder_to_pass(tmp_path, deep):
    root = plant(tmp_path / "CASIA", "train_release/1/1.avi", "train_release/1/2.avi")
    with pytest.raises(UserError, match="inside the dataset") as error:
        scan(find_card("casia"), root / deep)
    assert str(error.value).endswith(f"pass --root {root}")


def test_a_root_too_deep_of_own_data_and_of_a_table(tmp_path):
    root = plant(tmp_path / "mine", "train/bonafide/anna/a.mp4")
    with pytest.raises(UserError, match=f"pass --root {root}$"):
        scan(find_card("folder"), root / "train/bonafide")
    (tmp_path / "t.csv").write_text("path,label\ntrain/bonafide/anna/a.mp4,bonafide\n")
    with pytest.raises(UserError, match=f"pass --root {root}$"):
        scan(find_card("own", tmp_path / "t.csv"), root / "train")


def test_a_root_above_several_datasets_says_which_folder_to_pass(tmp_path):
    plant(tmp_path, "C/train_release/1/1.avi", "O/Train_files/1_1_01_1.avi", "O/Train_files/1_1_02_1.avi")
    result = scan(find_card("casia"), tmp_path)
    assert len(result.clips) == 1 and len(result.unmatched) == 2
    [note] = result.notes
    assert "2 media below O are no clips of CASIA-FASD (they look like OULU-NPU)" in note
    assert note.endswith(f"pass --root {tmp_path / 'C'}")


def test_two_trees_of_own_data_below_one_root_are_not_mixed(tmp_path):
    paths = [f"{site}/train/bonafide/anna/{name}.mp4" for site in ("A", "B") for name in ("1", f"only-{site}")]
    result = scan(find_card("folder"), plant(tmp_path, *paths))
    assert len(result.clips) == 3 and len(result.second_files) == 1
    assert any("pass one of the two with --root" in note for note in result.notes)
