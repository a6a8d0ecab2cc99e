"""The plans of the presets, without rendering: names, people, budgets and lists."""

from __future__ import annotations

import re

import pytest

from fasdata.errors import UserError
from fasdata.synth.layouts.dataset_plan import DatasetPlan
from fasdata.synth.layouts.presets import plan_world

# Names of the real datasets, restated here rather than taken from the code under test.
REGEX = {
    "casia-fasd": r"^(?P<split>train|test)_release/(?P<subject>\d{1,2})/(?P<hr>HR_)?(?P<clip>[1-8])\.avi$",
    "replay-attack": (
        r"^(?P<split>train|devel|test)/(?:real/|attack/(?P<support>fixed|hand)/attack_(?P<device>print|mobile|highdef)_)"
        r"client(?P<subject>\d{3})_session(?P<session>\d\d)_(?P<sample>webcam|highdef|mobile)_"
        r"(?P<what>authenticate|photo|video)_(?P<light>controlled|adverse)(?:_(?P<take>[12]))?\.mov$"
    ),
    "oulu-npu": (
        r"^(?P<split>Train|Dev|Test)_files/(?P<phone>[1-6])_(?P<session>[1-3])_(?P<subject>\d{2})_(?P<type>[1-5])\.avi$"
    ),
    "msu-mfsd": (
        r"^scene01/(?P<cls>real|attack)/(?P=cls)_client(?P<subject>\d{3})_(?P<camera>android|laptop)_SD_"
        r"(?:(?P<pai>ipad_video|iphone_video|printed_photo)_)?scene01\.(?P<ext>mov|mp4)$"
    ),
}
ENROLL = r"^enroll/(train|devel|test)/client\d{3}_session01_webcam_enroll_(controlled|adverse)\.mov$"
REPLAY_CLIENTS = {
    "train": ["001", "002", "004", "006", "007", "008", "012", "016", "018", "025", "027", "103", "105", "108", "110"],
    "devel": ["003", "005", "010", "015", "017", "022", "029", "030", "101", "111", "113", "114", "116", "118", "119"],
}
MSU_TRAIN = {2, 3, 5, 6, 7, 8, 9, 11, 12, 21, 22, 34, 53, 54, 55}
MSU_TEST = {1, 13, 14, 23, 24, 26, 28, 29, 30, 32, 33, 35, 36, 37, 39, 42, 48, 49, 50, 51}
OULU_USERS = {"Train": range(1, 21), "Dev": range(21, 36), "Test": range(36, 56)}
PRESETS = ["mini", "demo"]


def plans(preset: str) -> dict[str, DatasetPlan]:
    return {plan.slug: plan for plan in plan_world(preset, [])}


def matches(plan: DatasetPlan) -> list[re.Match[str]]:
    matched = [re.match(REGEX[plan.slug], clip.path) for clip in plan.clips if not re.match(ENROLL, clip.path)]
    assert all(matched), [clip.path for clip in plan.clips]
    return [match for match in matched if match]


@pytest.mark.parametrize("preset", PRESETS)
@pytest.mark.parametrize("slug", sorted(REGEX))
def test_every_name_is_one_the_real_dataset_has(preset: str, slug: str) -> None:
    plan = plans(preset)[slug]
    assert len({clip.path for clip in plan.clips}) == len(plan.clips)
    assert len(matches(plan)) == sum(not clip.path.startswith("enroll/") for clip in plan.clips) > 0


@pytest.mark.parametrize("preset", PRESETS)
def test_every_split_shows_both_labels_and_both_families_of_attack(preset: str) -> None:
    for plan in plans(preset).values():
        shown: dict[str, set[str]] = {}
        for clip in plan.clips:
            if clip.path.startswith("enroll/"):
                continue
            split = clip.path.split("/")[0]
            if plan.slug == "msu-mfsd":
                split = "train" if int(clip.spec.subject) in MSU_TRAIN else "test"
            shown.setdefault(split, set()).add(clip.spec.presentation.split("-")[0])
        assert len(shown) >= 2
        assert all(kinds == {"bonafide", "print", "display"} for kinds in shown.values()), (plan.slug, shown)


@pytest.mark.parametrize("preset", PRESETS)
def test_people_are_official_ones_of_their_split(preset: str) -> None:
    made = plans(preset)
    for match in matches(made["replay-attack"]):
        inside = [split for split, clients in REPLAY_CLIENTS.items() if match["subject"] in clients]
        assert (inside or ["test"]) == [match["split"]]
    for match in matches(made["oulu-npu"]):
        assert int(match["subject"]) in OULU_USERS[match["split"]]
    for match in matches(made["casia-fasd"]):
        assert 1 <= int(match["subject"]) <= {"train": 20, "test": 30}[match["split"]]
    msu = made["msu-mfsd"]
    listed = {split: {int(row) for row in msu.lists[f"{split}_sub_list.txt"].split()} for split in ("train", "test")}
    assert listed["train"] <= MSU_TRAIN and listed["test"] <= MSU_TEST
    assert {int(match["subject"]) for match in matches(msu)} == listed["train"] | listed["test"]


def test_people_of_equal_casia_numbers_differ_between_splits() -> None:
    keys = {clip.path.split("/")[0]: set() for clip in plans("demo")["casia-fasd"].clips}
    for clip in plans("demo")["casia-fasd"].clips:
        keys[clip.path.split("/")[0]].add(clip.spec.subject)
    assert not keys["train_release"] & keys["test_release"]


def test_the_demo_stays_within_its_budget_and_holds_enough_people_out() -> None:
    made = plans("demo")
    assert sum(plan.frames for plan in made.values()) <= 3000
    frames = [clip.spec.frames for plan in made.values() for clip in plan.clips if not clip.path.startswith("enroll/")]
    assert min(frames) >= 8 and len(frames) >= 300
    casia = {clip.spec.subject for clip in made["casia-fasd"].clips}
    devel = {m["subject"] for m in matches(made["replay-attack"]) if m["split"] == "devel"}
    dev = {m["subject"] for m in matches(made["oulu-npu"]) if m["split"] == "Dev"}
    assert len(casia) >= 10 and len(devel) + len(dev) >= 8


def test_only_real_android_clips_are_upside_down() -> None:
    turned = [clip.path for plan in plans("demo").values() for clip in plan.clips if clip.upside_down]
    assert turned == ["scene01/real/real_client003_android_SD_scene01.mp4"]


def test_cameras_of_msu_have_their_own_container() -> None:
    for match in matches(plans("demo")["msu-mfsd"]):
        assert match["ext"] == {"laptop": "mov", "android": "mp4"}[match["camera"]]


def test_oulu_protocols_hold_the_clips_their_rules_ask_for() -> None:
    plan = plans("demo")["oulu-npu"]
    stems = {split: {m[0].split("/")[1][:-4] for m in matches(plan) if m["split"] == split} for split in OULU_USERS}
    assert len(plan.lists) == 2 * 3 + 2 * 18
    for path, text in plan.lists.items():
        split = re.match(r"^Protocols/Protocol_[1-4]/(Train|Dev|Test)(?:_[1-6])?\.txt$", path)[1]
        rows = [re.match(r"^([+-]1),((\d)_(\d)_(\d\d)_(\d))$", row) for row in text.splitlines()]
        assert all(row[2] in stems[split] for row in rows), path
        assert all((row[1] == "+1") == (row[6] == "1") for row in rows), path
        assert {row[1] for row in rows} == {"+1", "-1"}, path  # a list without one label could not be learnt or scored

    def column(path: str, group: int) -> set[str]:
        return {row.split(",")[1].split("_")[group] for row in plan.lists[f"Protocols/{path}"].splitlines()}

    assert column("Protocol_1/Train.txt", 1) <= {"1", "2"} and column("Protocol_1/Test.txt", 1) == {"3"}
    assert column("Protocol_2/Dev.txt", 3) == {"1", "2", "4"} and column("Protocol_2/Test.txt", 3) == {"1", "3", "5"}
    assert "4" not in column("Protocol_3/Train_4.txt", 0) and column("Protocol_3/Test_4.txt", 0) == {"4"}
    assert column("Protocol_4/Test_2.txt", 1) == {"3"} and "3" not in column("Protocol_4/Train_2.txt", 1)


def test_replay_lists_name_the_videos_of_their_group() -> None:
    plan = plans("demo")["replay-attack"]
    paths = {clip.path for clip in plan.clips}
    everything = plan.lists["protocols/attack-grandtest-allsupports-devel.txt"].splitlines()
    assert set(everything) == {path for path in paths if path.startswith("devel/attack/")}
    by_hand = plan.lists["protocols/attack-print-hand-train.txt"].splitlines()
    assert by_hand and all(path.startswith("train/attack/hand/attack_print_") for path in by_hand)
    digital = plan.lists["protocols/attack-digitalphoto-allsupports-test.txt"].splitlines()
    assert digital and all("_photo_" in path and "attack_print" not in path for path in digital)
    assert set(plan.lists["protocols/real-video-fixed-test.txt"].splitlines()) == {
        path for path in paths if path.startswith("test/real/")
    }


@pytest.mark.parametrize(("preset", "datasets", "nearest"), [("demmo", [], "demo"), ("mini", ["oulu-mpu"], "oulu-npu")])
def test_unknown_names_are_answered_with_the_nearest(preset: str, datasets: list[str], nearest: str) -> None:
    with pytest.raises(UserError, match=f"did you mean '{nearest}'"):
        plan_world(preset, datasets)
