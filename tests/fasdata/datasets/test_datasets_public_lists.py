"""Cards made from public lists alone: small trees in the names of the releases, and what `verify` could not check."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import pytest

from fasdata.datasets.registry import find_card
from fasdata.datasets.scan import parse_paths
from fasdata.datasets.verify import describe_verification, verify
from fasdata.records import Clip

# File: label, attack type, instrument, person.
TREES: dict[str, dict[str, tuple[str, str, str, str]]] = {
    "CASIA-SURF-3DMask": {
        "Data/3DMask/Real/0928_018/16/0001.jpg": ("bonafide", "bonafide", "", "0928-018"),
        "Data/3DMask/Real/0927_018/1/0001.jpg": ("bonafide", "bonafide", "", "0927-018"),
        "Data/3DMask/Fake/0928_018/2/6/0001.jpg": ("attack", "mask-3d", "3d-print", "0928-018"),
    },
    "HKBU-MARs-V2": {
        "real/09/04_02_09.mp4": ("bonafide", "bonafide", "", "09"),
        "attack/09/04_02_9.mp4": ("attack", "mask-3d", "resin", "09"),
        "attack/12/07_06_12.mp4": ("attack", "mask-3d", "resin", "12"),
    },
    "WFAS": {
        "Train/living/000001/000003.jpg": ("bonafide", "bonafide", "", "living-000001"),
        "Train/spoof/2D-Print-Album/000001/000001.jpg": ("attack", "print", "print-album", "2d-print-album-000001"),
        "Train/spoof/2D-Display-Pad/000007/000001.jpg": ("attack", "replay", "display-pad", "2d-display-pad-000007"),
        "Train/spoof/3D-AdultDoll/000001/000001.jpg": ("attack", "mannequin", "adult-doll", "3d-adultdoll-000001"),
        "Train/spoof/3D-Mask/000001/000001.jpg": ("attack", "mask-3d", "", "3d-mask-000001"),
        "dev/140058.jpg": ("", "", "", ""),
    },
    "SuHiFiMask": {
        "Data/G05_S30_C3_E03_T20220227113320490/id_4/120_43_0.jpg": ("bonafide", "bonafide", "", "43"),
        "Data/G10_S29_C3_E03_T2022030411511917/id_7/360_95_1.jpg": ("attack", "unknown", "kind-1", "95"),
        "Data/G01_S1_C3_E07_T20220118145812551/id_-1/30_0_8.jpg": ("attack", "unknown", "kind-8", "0"),
    },
}
BESIDE = {
    "CASIA-SURF-3DMask": {"Real.txt": "/Data/3DMask/Real/0928_018/16 1\n"},
    "HKBU-MARs-V2": {"attack.txt": "/Data/HKBU/attack/09/04_02_9 0\n"},
    "WFAS": {"Train/spoof/3D-Mask/000001/000001.txt": "192 148\n", "dev.txt": "dev/140058.jpg\n"},
    "SuHiFiMask": {
        "protocol/CASIA_SuHiFiMask@p1_video_test.txt": "CASIA_SuHiFiMask/Data/"
        "G05_S30_C3_E03_T20220227113320490/id_4 0\n",
        "protocol/CASIA_SuHiFiMask@p2.4_image_dev.txt": "CASIA_SuHiFiMask/Data/"
        "G10_S29_C3_E03_T2022030411511917/id_7/360_95_1.jpg 1\n",
    },
}


@pytest.fixture(scope="module", params=list(TREES))
def release(request, tmp_path_factory) -> tuple[str, Path]:
    root = tmp_path_factory.mktemp("lists") / request.param
    for path, text in {**dict.fromkeys(TREES[request.param], ""), **BESIDE[request.param]}.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text)
    return request.param, root


def test_paths_tell_label_kind_and_person(release):
    name, root = release
    result = verify(find_card(name), root).result
    facts = {(clip.label, clip.attack_type, clip.pai, clip.subject) for clip in result.clips}
    assert facts == set(TREES[name].values()) and len(result.clips) == len(TREES[name])
    assert not result.unmatched and len(result.rejected) == len(BESIDE[name])


def test_verify_says_what_it_could_not_check(release):
    name, root = release
    card = find_card(name)
    text = describe_verification(verify(card, root))
    assert text.count("not checked:") == len(card.unconfirmed) >= 3
    if card.counts:
        assert re.search(r"attack +\d of \d+ clips  <- differs", text)


def clip_of(name: str, root: Path, path: str) -> Clip:
    (wanted,) = [clip for clip in verify(find_card(name), root).result.clips if path in clip.relpaths["rgb"]]
    return wanted


def test_the_parts_of_suhifimask_stand_in_its_lists(release):
    name, root = release
    if name == "SuHiFiMask":
        assert clip_of(name, root, "id_4").split == "test"
        assert (clip_of(name, root, "id_7").split, clip_of(name, root, "id_7").fields["P2.4"]) == ("", "dev")
        assert clip_of(name, root, "id_-1").fields["scene"] == "01"


def test_full_lists_give_the_published_counts():
    numbers = [f"{person:02}" for person in range(1, 13)]
    mars = [
        f"{kind}/{sid}/{camera:02}_{light:02}_{sid}.avi"
        for kind in ("real", "attack") for sid in numbers for camera in range(1, 8) for light in range(1, 7)
    ]  # fmt: skip
    folders = [f"092{7 + n // 19}_{n:03}" for n in range(48)]
    mask = [f"Real/{folder}/{light}/1.jpg" for folder in folders for light in (1, 15, 16, 17, 22, 23)]
    mask += [
        f"Fake/{folder}/{decoration}/{light}/1.jpg"
        for folder in folders for decoration in (1, 2, 3) for light in range(1, 7)
        if folder != folders[7] or light < 5
    ]  # fmt: skip
    for name, paths in (("HKBU-MARs-V2", mars), ("CASIA-SURF-3DMask", mask)):
        card = find_card(name)
        clips = parse_paths(card, paths).clips
        assert Counter(clip.label for clip in clips) == card.counts["all"].model_dump()
        assert len({clip.subject for clip in clips}) == int(card.people)


def test_a_copy_of_hkbu_mars_may_be_folders_of_pictures():
    (clip,) = parse_paths(find_card("HKBU-MARs-V2"), ["attack/09/04_02_9/17.png", "attack/09/04_02_9/18.png"]).clips
    assert (clip.clip_id, clip.label, clip.fields["container"]) == ("attack__09__04-02", "attack", "frames")
