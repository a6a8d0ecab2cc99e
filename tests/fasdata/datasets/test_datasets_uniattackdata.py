"""UniAttackData, and its successor: small trees in their names, what paths and lists mean, and what nobody checked."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from fasdata.datasets.registry import find_card
from fasdata.datasets.verify import describe_verification, verify
from fasdata.errors import UserError
from fasdata.records import Clip
from fasdata.species import family_of

# Folder of frames: attack type, instrument, person.
CLIPS = {
    "live/africa/AF-000/real.rssdk/color": ("bonafide", "", "AF-000"),
    "live/east-asia/EA-321/real.rssdk/color": ("bonafide", "", "EA-321"),
    "spoof/east-asia/EA-321/cloth-indoor/color": ("print", "print-cloth", "EA-321"),
    "spoof/central-asia/CA-010/screen-rs/color": ("replay", "", "CA-010"),
    "adv-attacks/fgtm/ai_fgtm_east-asia-112x112/EA-321": ("adversarial", "fgtm", "EA-321"),
    "adv-attacks/ila_da/ila_da_africa-112x112/AF-000": ("adversarial", "ila-da", "AF-000"),
    "simswap/africa/AF-000-To-AF-021": ("face-swap", "simswap", "AF-000"),
    # Here the person whose clip was changed comes second: the lists name each of 600 a region there, and once.
    "FaceDancer/africa/EA-001-To-AF-000/real.rssdk/color": ("face-swap", "facedancer", "AF-000"),
    "InsightFace/east-asia/EA-321-To-CA-197/real.rssdk/color": ("face-swap", "insightface", "EA-321"),
    "DaGAN/africa_faces/AF-000-To-EA-001": ("reenactment", "dagan", "AF-000"),
    "SAFA/central-asia/CA-010-To-AF-031": ("reenactment", "safa", "CA-010"),
    "OneShotTH/africa/AF-000-To-ref2": ("reenactment", "oneshotth", "AF-000"),
}
LISTS = {
    "UniAttackData@p1_video_train.txt": [("spoof/east-asia/EA-321/cloth-indoor/color", 1)],
    "UniAttackData@p2.1_image_test.txt": [("live/east-asia/EA-321/real.rssdk/color/0070.jpg", 0)],
    "UniAttackData@p1_image_dev.txt": [("FaceDancer/africa/EA-001-To-AF-000/real.rssdk/color/0002.jpg", 3)],
}


@pytest.fixture(scope="module")
def release(tmp_path_factory) -> Path:
    root = tmp_path_factory.mktemp("uni") / "UniAttackData"
    for folder in CLIPS:
        place = root / "Data" / folder
        place.mkdir(parents=True)
        for frame in ("0002", "0070"):
            (place / f"{frame}.jpg").touch()
    (root / "protocol").mkdir()
    for name, lines in LISTS.items():
        (root / "protocol" / name).write_text("".join(f"UniAttackData/Data/{path} {kind}\n" for path, kind in lines))
    return root


def clip(clips: list[Clip], folder: str) -> Clip:
    (wanted,) = [clip for clip in clips if clip.relpaths["rgb"] == f"Data/{folder}"]
    return wanted


def test_paths_tell_kind_and_person_and_lists_the_part_in_each_protocol(release):
    verification = verify(find_card("UniAttackData"), release)
    clips = verification.result.clips
    assert {c.relpaths["rgb"].removeprefix("Data/"): (c.attack_type, c.pai, c.subject) for c in clips} == CLIPS
    assert {c.label for c in clips if c.attack_type != "bonafide"} == {"attack"}
    families = [family_of(c.attack_type) for c in clips]
    assert (families.count("physical"), families.count("digital"), families.count("")) == (2, 8, 2)
    assert clip(clips, "spoof/east-asia/EA-321/cloth-indoor/color").fields["P1"] == "train"
    assert clip(clips, "live/east-asia/EA-321/real.rssdk/color").fields["P2.1"] == "test"
    swapped = clip(clips, "FaceDancer/africa/EA-001-To-AF-000/real.rssdk/color")
    assert (swapped.fields["P1"], swapped.fields["other"], swapped.split) == ("dev", "EA-001", "")
    assert set(verification.result.frames.values()) == {2}
    assert not verification.result.unmatched and len(verification.result.rejected) == len(LISTS)


def test_verify_says_what_is_missing_and_what_it_could_not_check(release):
    text = describe_verification(verify(find_card("UniAttackData"), release))
    assert re.search(r"attack +10 of 26906 clips  <- differs", text)
    assert f"{1800 + 5400 + 9000 - 6} missing" in text  # of the clips that a complete copy must hold, six are here
    assert text.count("not checked:") == 4 and "nobody here has seen the release" in text


def plus(tmp_path: Path, *lines: str) -> list[Clip]:
    root = tmp_path / "UniAttackData+"
    for line in lines:
        place = root / line.split()[0]
        place.parent.mkdir(parents=True, exist_ok=True)
        place.touch()
        with (root / f"Protocol-{place.parent.name.removeprefix('Data-')}.txt").open("a") as file:
            file.write(line + "\n")
    result = verify(find_card("UniAttackDataPlus"), root).result
    assert not result.unmatched
    return result.clips


def test_the_challenge_of_2025_says_kinds_in_its_lists(tmp_path):
    lines = ("Data-train/00000.png 0_0_0", "Data-train/00001.png 2_0_1", "Data-val/00001.png 1_0_2",
             "Data-val/00002.png 2_2_2", "Data-test/00000.png")  # fmt: skip
    clips = {c.clip_id: (c.split, c.label, c.attack_type, c.pai) for c in plus(tmp_path, *lines)}
    assert clips == {
        "train__00000": ("train", "bonafide", "bonafide", ""),
        "train__00001": ("train", "attack", "face-swap", ""),
        "val__00001": ("dev", "attack", "print", "print-cut"),
        "val__00002": ("dev", "attack", "synthetic-face", "prompt"),
        "test__00000": ("test", "", "", ""),  # the lists of the test had no codes while the challenge ran
    }


def test_a_code_that_the_challenge_does_not_have_is_told(tmp_path):
    with pytest.raises(UserError, match=r"Protocol-train\.txt line 1: a code.*'3_0_0'"):
        plus(tmp_path, "Data-train/00000.png 3_0_0")
