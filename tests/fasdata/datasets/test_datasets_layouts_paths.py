"""What real paths mean: literals from the releases' listings."""

from __future__ import annotations

import pytest

from fasdata.datasets.parse import meanings
from fasdata.datasets.registry import find_card, load_cards
from fasdata.datasets.scan import parse_paths

# dataset, path, split, label, attack type, pai, subject
ROWS = [
    ("CASIA-FASD", "test_release/1/1.avi", "test", "bonafide", "bonafide", "", "test-01"),
    ("CASIA-FASD", "train_release/18/2.avi", "train", "bonafide", "bonafide", "", "train-18"),
    ("CASIA-FASD", "train_release/1/HR_1.avi", "train", "bonafide", "bonafide", "", "train-01"),
    ("CASIA-FASD", "test_release/11/4.avi", "test", "attack", "print", "print-warped", "test-11"),
    ("CASIA-FASD", "train_release/6/HR_2.avi", "train", "attack", "print", "print-warped", "train-06"),
    ("CASIA-FASD", "test_release/16/6.avi", "test", "attack", "print", "print-cut", "test-16"),
    ("CASIA-FASD", "train_release/7/HR_3.avi", "train", "attack", "print", "print-cut", "train-07"),
    ("CASIA-FASD", "test_release/30/8.avi", "test", "attack", "replay", "display-video", "test-30"),
    ("CASIA-FASD", "test_release/13/HR_4.avi", "test", "attack", "replay", "display-video", "test-13"),
    (
        "Replay-Attack",
        "devel/attack/fixed/attack_highdef_client003_session01_highdef_photo_controlled.mov",
        "dev",
        "attack",
        "replay",
        "display-photo",
        "003",
    ),
    (
        "Replay-Attack",
        "devel/attack/hand/attack_print_client010_session01_highdef_photo_adverse.mov",
        "dev",
        "attack",
        "print",
        "",
        "010",
    ),
    (
        "Replay-Attack",
        "test/attack/fixed/attack_mobile_client031_session01_mobile_video_controlled.mov",
        "test",
        "attack",
        "replay",
        "display-video",
        "031",
    ),
    (
        "Replay-Attack",
        "devel/real/client118_session01_webcam_authenticate_adverse_2.mov",
        "dev",
        "bonafide",
        "bonafide",
        "",
        "118",
    ),
    (
        "Replay-Attack",
        "train/real/client006_session01_webcam_authenticate_controlled_1.mov",
        "train",
        "bonafide",
        "bonafide",
        "",
        "006",
    ),
    ("OULU-NPU", "Dev_files/1_1_21_2.avi", "dev", "attack", "print", "print-1", "21"),
    ("OULU-NPU", "Test_files/4_1_54_3.avi", "test", "attack", "print", "print-2", "54"),
    ("OULU-NPU", "Train_files/2_2_09_4.avi", "train", "attack", "replay", "display-1", "09"),
    ("OULU-NPU", "Dev_files/3_3_34_5.avi", "dev", "attack", "replay", "display-2", "34"),
    ("OULU-NPU", "Train_files/1_2_09_1.avi", "train", "bonafide", "bonafide", "", "09"),
    (
        "MSU-MFSD",
        "scene01/attack/attack_client001_laptop_SD_iphone_video_scene01.mov",
        "test",
        "attack",
        "replay",
        "display-video",
        "001",
    ),
    (
        "MSU-MFSD",
        "scene01/attack/attack_client003_android_SD_ipad_video_scene01.mp4",
        "train",
        "attack",
        "replay",
        "display-video",
        "003",
    ),
    (
        "MSU-MFSD",
        "scene01/attack/attack_client022_android_SD_printed_photo_scene01.mp4",
        "train",
        "attack",
        "print",
        "",
        "022",
    ),
    ("MSU-MFSD", "scene01/real/real_client021_android_SD_scene01.mp4", "train", "bonafide", "bonafide", "", "021"),
    ("MSU-MFSD", "scene01/real/real_client001_laptop_SD_scene01.mov", "test", "bonafide", "bonafide", "", "001"),
    ("folder", "train/bonafide/anna/morning.mp4", "train", "bonafide", "bonafide", "", "anna"),
    ("folder", "validation/attack/Anna B/screen.MKV", "dev", "attack", "unknown", "", "Anna B"),
]

# What stands in front of the official folders, and how they are spelled, differs from copy to copy.
ALIASES = [
    ("CASIA-FASD", "CASIA_faceAntisp/Train_Release/1/hr_1.AVI", "train_release/1/HR_1.avi"),
    (
        "Replay-Attack",
        "replayattack-train/train/real/client001_session01_webcam_authenticate_adverse_1.mov",
        "train/real/client001_session01_webcam_authenticate_adverse_1.mov",
    ),
    (
        "Replay-Attack",
        "REPLAY-ATTACK/test/attk/hand/attack_print_client009_session01_highdef_photo_adverse.mov",
        "test/attack/hand/attack_print_client009_session01_highdef_photo_adverse.mov",
    ),
    ("OULU-NPU", "data/OULU/train_files/1_1_01_1.avi", "Train_files/1_1_01_1.avi"),
    (
        "MSU-MFSD",
        "real/real_client001_android_SD_scene01.mp4",
        "MSU/scene01/real/real_client001_android_SD_scene01.mp4",
    ),
]

REJECTED = [
    ("CASIA-FASD", "train_release/1/._1.avi", "junk"),
    ("CASIA-FASD", "train_release/.DS_Store", "junk"),
    ("CASIA-FASD", "train_release/1/Thumbs.db", "junk"),
    ("CASIA-FASD", "train_release/1/1.avi.zip", "junk"),
    ("CASIA-FASD", "readme.txt", "junk"),
    ("CASIA-FASD", "test_release/1/HR_5.avi", "unmatched-media"),
    ("CASIA-FASD", "test_release/1/9.avi", "unmatched-media"),
    ("CASIA-FASD", "test_release/1/1_copy.avi", "unmatched-media"),
    ("CASIA-FASD", "face-locations/train_release/1/1.face", "sidecar"),
    ("Replay-Attack", "protocols/real-train.txt", "protocol-file"),
    ("Replay-Attack", "enroll/train/client001_session01_webcam_enroll_controlled.mov", "excluded-enroll"),
    ("Replay-Attack", "face-locations/train/real/client001_session01_webcam_authenticate_adverse_1.face", "sidecar"),
    ("OULU-NPU", "Protocols/Protocol_3/Train_4.txt", "protocol-file"),
    ("OULU-NPU", "Train_files/1_1_01_1.txt", "sidecar"),
    ("OULU-NPU", "Train_files/7_1_01_1.avi", "unmatched-media"),
    ("MSU-MFSD", "train_sub_list.txt", "protocol-file"),
    ("MSU-MFSD", "scene01/real/real_client001_android_SD_scene01.face", "sidecar"),
    ("MSU-MFSD", "scene01/attack/real_client001_android_SD_scene01.mp4", "unmatched-media"),
    ("folder", "train/real/anna/morning.mp4", "unmatched-media"),
    ("folder", "notes.md", "junk"),
]


@pytest.mark.parametrize(("dataset", "path", "split", "label", "attack_type", "pai", "subject"), ROWS)
def test_a_path_means_what_the_release_says(dataset, path, split, label, attack_type, pai, subject):
    card = find_card(dataset)
    [clip] = parse_paths(card, [path]).clips
    facts = (clip.dataset, clip.split, clip.label, clip.attack_type, clip.pai, clip.subject)
    assert facts == (card.slug, split, label, attack_type, pai, subject)
    assert clip.relpaths == {"rgb": path}


@pytest.mark.parametrize(("dataset", "path", "official"), ALIASES)
def test_the_same_recording_under_another_root_keeps_its_id(dataset, path, official):
    card = find_card(dataset)
    [clip], [same] = parse_paths(card, [path]).clips, parse_paths(card, [official]).clips
    assert clip.clip_id == same.clip_id
    assert (clip.split, clip.label, clip.subject) == (same.split, same.label, same.subject)


@pytest.mark.parametrize(("dataset", "path", "kind"), REJECTED)
def test_what_is_no_sample_is_rejected_by_kind(dataset, path, kind):
    result = parse_paths(find_card(dataset), [path])
    assert not result.clips
    assert [(reject.relpath, reject.kind) for reject in result.rejected] == [(path, kind)]
    assert (path in result.unmatched) == (kind == "unmatched-media")
    assert (path in result.junk) == (kind != "unmatched-media")


def test_fields_that_later_protocols_need_are_read():
    def fields(dataset: str, path: str) -> dict[str, str]:
        return dict(parse_paths(find_card(dataset), [path]).clips[0].fields)

    assert fields("oulu", "Test_files/6_3_55_5.avi") == {"phone": "6", "session": "3"}
    assert fields("casia", "test_release/1/HR_1.avi") == {"quality": "high"}
    assert fields("casia", "test_release/1/1.avi") == {}  # low or normal is disputed: unknown, not guessed
    mobile = "test/attack/fixed/attack_mobile_client031_session01_highdef_photo_adverse.mov"
    assert fields("replay", mobile) == {
        "support": "fixed",
        "device": "mobile",
        "session": "01",
        "sample": "highdef",
        "what": "photo",
        "light": "adverse",
    }


def test_examples_of_every_card_match_the_layout_that_they_illustrate():
    for card in load_cards().values():
        for layout in card.layouts:
            for meaning in meanings(card, layout.examples):
                kind = getattr(meaning.means, "kind", "clip")
                assert kind in ("clip", "modality-member"), meaning
                assert kind != "clip" or meaning.means.layout == layout.name, meaning
