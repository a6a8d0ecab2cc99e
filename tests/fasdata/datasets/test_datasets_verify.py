"""Complete releases, as lists of paths: the numbers that are published for them come out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import pytest

from fasdata.datasets.registry import find_card
from fasdata.datasets.scan import parse_paths
from fasdata.datasets.verify import count_lines
from tests.fasdata.datasets import official

Counts = dict[str, tuple[int, int]]

# Clips: bona fide, attack. People: 0 where the release does not say.
RELEASES: list[tuple[str, str, Callable[[], list[str]], Counts, int]] = [
    ("CASIA-FASD", "release", official.casia_fasd, {"train": (60, 180), "test": (90, 270)}, 50),
    ("Replay-Attack", "release", official.replay_attack, {"train": (60, 300), "dev": (60, 300), "test": (80, 400)}, 50),
    ("OULU-NPU", "release", official.oulu_npu, {"train": (360, 1440), "dev": (270, 1080), "test": (360, 1440)}, 55),
    ("MSU-MFSD", "release", official.msu_mfsd, {"train": (30, 90), "test": (40, 120)}, 35),
    ("CASIA-SURF", "rerelease", official.casia_surf_rerelease,
     {"train": (300, 900), "dev": (100, 300), "test": (600, 1791)}, 1000),
    ("CeFA", "ethnicity", official.cefa_rerelease,
     {"train": (600, 1800), "dev": (300, 900), "test": (600, 2923)}, 1500 + 99 + 8),
    ("CeFA", "race", official.cefa_race, {"train": (400, 1200), "dev": (200, 600), "test": (400, 2855)}, 1000 + 99 + 8),
    ("ROSE-Youtu", "release", official.rose_youtu, {"train": (475, 1300), "test": (422, 1300)}, 20),
    ("SiW", "release", official.siw, {"train": (714, 1702), "test": (599, 1454)}, 165),
    ("Replay-Mobile", "release", official.replay_mobile,
     {"train": (120, 192), "dev": (160, 256), "test": (110, 192)}, 40),
    ("3DMAD", "release", official.threedmad, {"train": (70, 35), "dev": (50, 25), "test": (50, 25)}, 17),
]  # fmt: skip


@pytest.mark.parametrize(("dataset", "layout", "paths", "counts", "people"), RELEASES)
def test_a_full_release_gives_the_official_counts(dataset, layout, paths, counts, people):
    card = find_card(dataset)
    result = parse_paths(card, paths())
    assert result.layout == layout
    assert Counter((clip.split, clip.label) for clip in result.clips) == {
        (split, label): number
        for split, pair in counts.items()
        for label, number in zip(("bonafide", "attack"), pair, strict=True)
    }
    assert {
        split: (count.bonafide, count.attack) for split, count in card.counts_of(result.layout_spec).items()
    } == counts
    assert not [line for line in count_lines(card, result) if line.deviates]
    assert len({clip.subject for clip in result.clips}) == people
    assert len({clip.clip_id for clip in result.clips}) == len(result.clips)
    assert not result.unmatched
    # Names of clips that a complete copy holds are right: none of them is missing here.
    wanted = {clip_id for group in result.layout_spec.complete for clip_id in group.clip_ids()}
    assert wanted <= {clip.clip_id for clip in result.clips}


def test_the_species_of_a_full_release():
    def kinds(dataset: str, paths: list[str]) -> Counter[str]:
        return Counter(clip.pai or clip.attack_type for clip in parse_paths(find_card(dataset), paths).clips)

    casia = kinds("CASIA-FASD", official.casia_fasd())
    assert (casia["print-warped"], casia["print-cut"], casia["display-video"]) == (150, 150, 150)
    rose = kinds("ROSE-Youtu", official.rose_youtu())
    assert rose == {
        "bonafide": 897, "print-still": 400, "print-quivering": 400, "display-1": 401, "display-2": 400,
        "paper-cut-eyes-mouth": 399, "paper-uncut": 200, "paper-cut-upper": 400,
    }  # fmt: skip
    cefa = kinds("CeFA", official.cefa_rerelease())
    assert cefa == {"bonafide": 1500, "print-cloth": 3000, "replay": 1500, "3d-print": 1079, "silicone": 44}


@pytest.mark.parametrize("form", ["raw", "preprocessed"])
def test_wmca_has_the_classes_of_its_paper(form):
    """Type alone would give 259 prints, 107 glasses and fewer replays and rigid masks."""
    stems = official.wmca_stems()
    roots = {"raw": ["WMCA"], "preprocessed": ["WMCA_preprocessed_CDIT/WMCA", "WMCA_preprocessed_RGB/WMCA"]}
    paths = [f"{root}/face-station/12.02.18/{stem}.hdf5" for root in roots[form] for stem in stems]
    card = find_card("WMCA")
    result = parse_paths(card, paths)
    assert (result.layout, len(result.clips), result.incomplete) == (form, 1679, {})
    assert Counter(clip.attack_type for clip in result.clips) == {
        "bonafide": 347, "partial": 75, "mannequin": 122, "print": 200, "replay": 348, "mask-paper": 71,
        "mask-3d": 137 + 379,
    }  # fmt: skip
    assert Counter(clip.pai for clip in result.clips if clip.attack_type == "mask-3d") == {
        "rigid": 137,
        "silicone": 379,
    }
    # The split is in no path: labels are compared over all splits.
    lines = [(line.split, line.label, line.present, line.expected) for line in count_lines(card, result)]
    assert lines == [("all", "bonafide", 347, 347), ("all", "attack", 1332, 1332)]


def test_the_challenge_of_casia_surf_counts_images():
    card = find_card("CASIA-SURF")
    result = parse_paths(card, official.casia_surf_challenge())
    assert (result.layout, len(result.clips)) == ("challenge", 1200 + 9608 + 57710)
    train = [clip for clip in result.clips if clip.split == "train"]
    assert sum(result.frames[clip.clip_id] for clip in train if clip.label == "bonafide") == 8942
    # Without lists Val and Testing have no labels: the sum of the labels is what can be compared.
    lines = [(line.split, line.label, line.present, line.expected) for line in count_lines(card, result)]
    assert lines == [
        ("train", "bonafide", 8942, 8942),
        ("train", "attack", 20324, 20324),
        ("dev", "any", 9608, 9608),
        ("test", "any", 57710, 57710),
    ]
