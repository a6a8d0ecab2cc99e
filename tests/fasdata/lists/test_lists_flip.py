"""FLIP's recipes with list files in the names and the form its repository gives them."""

from __future__ import annotations

from pathlib import Path

import pytest

from fasdata.datasets.registry import find_card
from fasdata.datasets.scan import parse_paths
from fasdata.errors import UserError
from fasdata.protocols.build import Options
from fasdata.protocols.from_scan import plan_from_scan
from tests.fasdata.protocols import trees

SHOTS = {
    "casia": (
        [f"casia/train/real/{n}_1_frame0.png" for n in range(1, 11)],
        [f"casia/test/fake/{n}_HR_4_frame0.png" for n in range(1, 11)],
    ),
    "msu": (
        [f"msu/train/real/real_client{n:03}_android_SD_scene01_frame0.png" for n in (2, 3, 5, 6, 7, 8, 9, 11, 12, 13)],
        [
            f"msu/train/fake/attack_client{n:03}_laptop_SD_ipad_video_scene01_frame0.png"
            for n in (2, 3, 5, 6, 7, 8, 9, 11, 12, 13)
        ],
    ),
    "oulu": (
        [f"oulu/train/real/1_1_{n:02}_1_frame0.png" for n in range(1, 11)],
        [f"oulu/test/fake/6_3_{n}_5_frame0.png" for n in range(36, 46)],
    ),
    "replay": (
        [
            f"replay/train/real/real_client{n}_session01_webcam_authenticate_adverse_1_frame0.png"
            for n in trees.REPLAY_PEOPLE["train"].split()[:10]
        ],
        [
            f"replay/test/fake/hand_attack_print_client{n}_session01_highdef_photo_adverse_frame0.png"
            for n in trees.REPLAY_PEOPLE["test"].split()[:10]
        ],
    ),
}
LEFT = {"casia-fasd": (140, 440), "replay-attack": (130, 690), "oulu-npu": (710, 2870), "msu-mfsd": (60, 200)}


@pytest.fixture(scope="module")
def flip(tmp_path_factory) -> tuple[dict, Path]:
    """The four datasets, a small CelebA-Spoof, and list files in the names FLIP gives."""
    folder = tmp_path_factory.mktemp("flip")
    for name, pair in SHOTS.items():
        for label, paths in zip(("real", "fake"), pair, strict=True):
            (folder / f"{name}_{label}_shot.txt").write_text("\n".join(paths) + "\n")
    celeb = [f"Data/train/{n}/{cls}/{n:06}.jpg" for n in range(30) for cls in ("live", "spoof")]
    for label, cls in (("real", "live"), ("fake", "spoof")):
        (folder / f"celeb_{label}_train.txt").write_text(
            "".join(f"celeb/{label}/{n}_{cls}_{n:06}.jpg\n" for n in range(20))
        )
    paths = {
        "casia-fasd": trees.casia_fasd(),
        "replay-attack": trees.replay_attack(),
        "oulu-npu": trees.oulu_npu(),
        "msu-mfsd": trees.msu_mfsd(),
        "celeba-spoof": celeb,
    }
    return {slug: parse_paths(find_card(slug), list(of)) for slug, of in paths.items()}, folder


@pytest.mark.parametrize("target", LEFT)
def test_flip_leaves_its_shots_out_of_the_target(flip, target):
    scans, folder = flip
    letter = {"casia-fasd": "C", "replay-attack": "I", "oulu-npu": "O", "msu-mfsd": "M"}[target]
    plan = plan_from_scan(
        f"mcio:{'CIOM'.replace(letter, '')}2{letter}",
        scans,
        recipe="flip",
        options=Options(validation="none", lists=folder),
    )
    assert tuple(number for (part, _, _), number in plan.clips.items() if part == "test") == LEFT[target]
    assert plan.clips["train", "celeba-spoof", "bonafide"] == plan.clips["train", "celeba-spoof", "attack"] == 20
    assert {deviation.dataset for deviation in plan.deviations} == {"celeba-spoof"}  # 40 of the 80,000 images


def test_five_shots_leak_people_and_need_a_reason(flip):
    scans, folder = flip
    options = Options(validation="none", lists=folder)
    with pytest.raises(UserError, match=r"the same person.*--allow-leakage"):
        plan_from_scan("CIO-M", scans, recipe="flip_5shot", options=options)
    plan = plan_from_scan(
        "CIO-M", scans, recipe="flip_5shot", options=Options(validation="none", lists=folder, allow_leakage="as FLIP")
    )
    assert plan.clips["train", "msu-mfsd-shots", "bonafide"] == plan.clips["train", "msu-mfsd-shots", "attack"] == 5
    assert (plan.clips["test", "msu-mfsd", "bonafide"], plan.clips["test", "msu-mfsd", "attack"]) == (60, 200)
    assert plan.plan.sources[-1].repeats == 4
