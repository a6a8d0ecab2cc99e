"""Full datasets, as empty files: every recipe and protocol has the clips that papers and releases count."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from fasdata.datasets.registry import find_card
from fasdata.datasets.scan import ScanResult, parse_paths, scan
from fasdata.errors import UserError
from fasdata.protocols.build import Options
from fasdata.protocols.from_scan import ScanPlan, plan_from_scan
from fasdata.protocols.recipe import recipes

from . import trees

RGB = {"casia-fasd": trees.casia_fasd, "replay-attack": trees.replay_attack, "oulu-npu": trees.oulu_npu,
       "msu-mfsd": trees.msu_mfsd, "rose-youtu": trees.rose_youtu}  # fmt: skip


@pytest.fixture(scope="module")
def rgb() -> dict[str, ScanResult]:
    return {slug: parse_paths(find_card(slug), list(made())) for slug, made in RGB.items()}


@pytest.fixture(scope="module")
def mm(tmp_path_factory) -> dict[str, ScanResult]:
    """The forms that the multi-modal benchmark's lists were made from."""
    lists = trees.padisi_lists(trees.wmca_list(tmp_path_factory.mktemp("lists")))
    paths = {"casia-surf": trees.surf_crop(), "casia-surf-cefa": trees.cefa_race(), "padisi-face": trees.padisi(),
             "wmca": (path for path, _ in trees.wmca())}  # fmt: skip
    return {slug: parse_paths(find_card(slug), list(of), lists=lists) for slug, of in paths.items()}


def counts(plan: ScanPlan, part: str) -> dict[str, tuple[int, int]]:
    """Bona fide and attack clips by dataset; validation by subject counts as training."""
    parts = {"train": ("train", "val"), "test": ("test",), "only train": ("train",), "val": ("val",)}[part]
    pairs: dict[str, list[int]] = {}
    for (of, dataset, label), number in plan.clips.items():
        if of in parts:
            pairs.setdefault(dataset, [0, 0])[label == "attack"] += number
    return {dataset: (pair[0], pair[1]) for dataset, pair in pairs.items()}


C, M = (150, 450), (70, 210)
NO_DEV = {"C": C, "I": (140, 700), "O": (720, 2880), "M": M}
ALL = {"C": C, "I": (200, 1000), "O": (990, 3960), "M": M}
TRAIN = {"C": (60, 180), "I": (60, 300), "O": (360, 1440), "M": (30, 90)}
TEST = {"C": (90, 270), "I": (80, 400), "O": (360, 1440), "M": (40, 120)}
SLUG = {"C": "casia-fasd", "I": "replay-attack", "O": "oulu-npu", "M": "msu-mfsd"}


@pytest.mark.parametrize("target", "CIOM")
@pytest.mark.parametrize(
    ("recipe", "source", "tested"),
    [
        ("standard", NO_DEV, NO_DEV), ("ssdg", NO_DEV, NO_DEV), ("me_fas", NO_DEV, NO_DEV), ("hfn_mp", ALL, ALL),
        ("sa_fas", ALL, ALL), ("gac_fas", TRAIN, TEST),
    ],
)  # fmt: skip
def test_leave_one_out(rgb, recipe, source, tested, target):
    sources = "CIOM".replace(target, "")
    plan = plan_from_scan(f"mcio:{sources}2{target}", rgb, recipe=recipe, options=Options(validation="none"))
    assert counts(plan, "train") == {SLUG[letter]: source[letter] for letter in sources}
    assert counts(plan, "test") == {SLUG[target]: tested[target]}
    assert plan.deviations == ()


def test_validation_is_the_dev_split_or_people_of_training(rgb):
    plan = plan_from_scan("CIO-M", rgb)
    assert counts(plan, "val")["replay-attack"] == (60, 300)
    assert counts(plan, "val")["oulu-npu"] == (270, 1080)
    assert counts(plan, "val")["casia-fasd"] == (30, 90)  # ten of fifty people
    assert counts(plan, "train")["casia-fasd"] == (150, 450)
    assert plan.deviations == ()


def test_limited_and_single_sources_and_rose(rgb):
    plan = plan_from_scan("MI2C", rgb, options=Options(validation="none"))
    assert counts(plan, "train") == {"replay-attack": (140, 700), "msu-mfsd": (70, 210)}
    assert counts(plan_from_scan("C2I", rgb), "test") == {"replay-attack": (140, 700)}
    assert counts(plan_from_scan("M2Y", rgb), "test") == {"rose-youtu": (897, 2600)}
    assert counts(plan_from_scan("M2Y", rgb, recipe="gac_fas"), "test") == {"rose-youtu": (422, 1300)}
    assert len(rgb["rose-youtu"].clips) == 3497


def test_shots_come_from_the_target_and_their_people_leave_the_test(rgb):
    plan = plan_from_scan("CIO-M@shot5", rgb)
    assert counts(plan, "only train")["msu-mfsd-shots"] == (5, 5)
    # Two bona fide clips a person: three people go, with their eight clips each.
    assert counts(plan, "test") == {"msu-mfsd": (70 - 6, 210 - 18)}
    assert plan.plan.sources[-1].shots


@pytest.mark.parametrize("recipe", ["mmdg", "mmdgfas"])
@pytest.mark.parametrize("name", ["SCP2W", "SCW2P", "CWP2S", "SWP2C"])
def test_the_multi_modal_benchmark(mm, recipe, name):
    train = {"S": (300, 1799), "C": (400, 1200), "P": (597, 493), "W": (124, 441)}
    dev = {"S": (100, 600), "C": (200, 600), "P": (145, 127), "W": (108, 449)}
    test = {"S": (600, 3588), "C": (400, 2855), "P": (363, 304), "W": (115, 442)}
    slug = {"S": "casia-surf", "C": "casia-surf-cefa", "P": "padisi-face", "W": "wmca"}
    plan = plan_from_scan(name, mm, recipe=recipe)
    assert counts(plan, "only train") == {slug[letter]: train[letter] for letter in name[:3]}
    assert counts(plan, "val") == {slug[letter]: dev[letter] for letter in name[:3]}
    assert counts(plan, "test") == {slug[name[-1]]: test[name[-1]]}
    assert plan.deviations == ()
    repeats = {domain.letter: domain.repeats for domain in plan.plan.sources}
    assert repeats.get("P", 1) == (10 if (recipe, name) == ("mmdgfas", "SCP2W") else 1)
    assert ("SUBSTITUTED" in plan.text()) == (recipe == "mmdgfas")


def test_standard_never_trains_on_a_sources_test_split(mm):
    plan = plan_from_scan("SCP2W", mm)
    assert counts(plan, "only train") == {
        "casia-surf-cefa": (400, 1200), "padisi-face": (597, 493), "casia-surf": (300, 1799),
    }  # fmt: skip
    assert counts(plan, "test") == {"wmca": (115, 442)}
    # Taking a modality away takes no clip away.
    assert plan_from_scan("SCP2W@miss-DI", mm).clips == plan.clips
    assert counts(plan_from_scan("S2W", mm), "only train") == {"casia-surf": (300, 1799)}
    two = plan_from_scan("CW2PS", mm)
    assert counts(two, "test") == {"padisi-face": (363, 304), "casia-surf": (600, 3588)}


def test_flexible_modal_tests_all_of_wmca(mm):
    plan = plan_from_scan("CS2W", mm, recipe="flexmodal")
    assert counts(plan, "test") == {"wmca": (347, 1332)}
    assert counts(plan, "only train") == {"casia-surf-cefa": (400, 1200), "casia-surf": (300, 1799)}
    with pytest.raises(UserError, match="does not cover mm:CPS2W; expected one of mm:CS2W"):
        plan_from_scan("SCP2W", mm, recipe="flexmodal")


@pytest.mark.parametrize(
    ("name", "train", "dev", "test"),
    [
        ("oulu:P1", (240, 960), (180, 720), (120, 480)),
        ("oulu:P2", (360, 720), (270, 540), (360, 720)),
        *((f"oulu:P3.{k}", (300, 1200), (225, 900), (60, 240)) for k in range(1, 7)),
        *((f"oulu:P4.{k}", (200, 400), (150, 300), (20, 40)) for k in range(1, 7)),
        ("replay:grandtest", (60, 300), (60, 300), (80, 400)),
        ("replay:print", (60, 60), (60, 60), (80, 80)),
        ("replay:photo", (60, 180), (60, 180), (80, 240)),
        ("replay:video", (60, 120), (60, 120), (80, 160)),
        ("replay:mobile", (60, 120), (60, 120), (80, 160)),
        ("replay:highdef", (60, 120), (60, 120), (80, 160)),
        ("replay:digitalphoto", (60, 120), (60, 120), (80, 160)),
    ],
)
def test_inside_oulu_and_replay(rgb, name, train, dev, test):
    plan = plan_from_scan(name, rgb)
    [slug] = counts(plan, "test")
    assert (counts(plan, "only train")[slug], counts(plan, "val")[slug], counts(plan, "test")[slug]) == (
        train,
        dev,
        test,
    )
    assert plan.deviations == ()


@pytest.mark.parametrize(
    ("name", "train", "dev", "test"),
    [
        ("wmca:grandtest", (124, 441), (108, 449), (115, 442)),
        *((f"padisi:3fold.{k}", *trees.PADISI_FOLDS[k]) for k in range(3)),
        *(
            (f"wmca:LOO_{kind}", (124, 441 - many[0]), (108, 449 - many[1]), (115, many[2]))
            for kind, (_, many) in trees.WMCA_KINDS.items()
        ),
    ],
)
def test_inside_wmca_and_padisi(mm, name, train, dev, test):
    plan = plan_from_scan(name, mm)
    [slug] = counts(plan, "test")
    assert (counts(plan, "only train")[slug], counts(plan, "val")[slug], counts(plan, "test")[slug]) == (
        train,
        dev,
        test,
    )
    assert plan.deviations == ()


@pytest.fixture(scope="module")
def cefa() -> dict[str, ScanResult]:
    return {"casia-surf-cefa": parse_paths(find_card("CeFA"), list(trees.cefa_ethnicity()))}


@pytest.mark.parametrize(
    ("name", "totals"),
    [
        *((f"cefa:P1.{k}", (800, 400, 2723)) for k in (1, 3, 5)),
        ("cefa:P2.1", (1800, 900, 2323)),
        ("cefa:P2.2", (1200, 600, 2923)),
        *((f"cefa:P4.{k}", (400, 200, 2323)) for k in (1, 3, 5)),
        *((f"cefa:4@{k}", (400, 200, 2323)) for k in (1, 2, 3)),
        ("cefa:P3", (2400, 1200, 3523)),
    ],
)
def test_inside_cefa(cefa, name, totals):
    plan = plan_from_scan(name, cefa)
    assert tuple(sum(sum(counts(plan, part).values(), ())) for part in ("only train", "val", "test")) == totals
    assert plan.deviations == ()
    assert len(cefa["casia-surf-cefa"].clips) == 7123


def test_masks_without_a_lamp_are_no_part_of_the_releases_protocols(mm):
    with_more_masks = plan_from_scan("cefa:P1.1", mm)
    [attacks] = [number for cell, number in with_more_masks.clips.items() if cell[0] == "test" and cell[2] == "attack"]
    assert attacks < 200 * 3 + 1655


def test_inside_surf():
    clips = {"casia-surf": parse_paths(find_card("SURF"), list(trees.surf_rerelease()))}
    plan = plan_from_scan("surf:rerelease", clips)
    assert [counts(plan, part)["casia-surf"] for part in ("only train", "val", "test")] == [
        (300, 900), (100, 300), (600, 1791),
    ]  # fmt: skip
    assert plan.deviations == ()
    # Samples of Testing have paths as those of Val have: three are parsed, the others follow, to save half a minute.
    paths = [
        path for path in trees.surf_challenge() if not path.startswith("Testing") or path.endswith("00000-color.jpg")
    ]
    bare = parse_paths(find_card("SURF"), paths)
    [first, *_] = [clip for clip in bare.clips if clip.clip_id.startswith("testing")]
    assert (first.clip_id, first.split, first.label) == ("testing__000000", "test", "")
    tested = [replace(first, clip_id=f"testing__{number:06}") for number in range(57710)]
    clips = [clip for clip in bare.clips if clip.split != "test"] + tested
    images = {"casia-surf": replace(bare, clips=[trees.surf_challenge_label(clip) for clip in clips])}
    plan = plan_from_scan("surf:challenge", images)
    images_of = {(part, label): number for (part, _, label), number in plan.files.items()}
    assert images_of == {
        ("train", "bonafide"): 8942, ("train", "attack"): 20324, ("val", "bonafide"): 2994, ("val", "attack"): 6614,
        ("test", "bonafide"): 17458, ("test", "attack"): 40252,
    }  # fmt: skip
    assert plan.deviations == ()


def test_labels_that_stand_in_lists_are_asked_for():
    paths = [path for path in trees.surf_challenge() if path.startswith("Training") or path.endswith("7-color.jpg")]
    bare = {"casia-surf": parse_paths(find_card("SURF"), paths[::20])}
    with pytest.raises(UserError, match=r"clips of CASIA-SURF have no label.*val_private_list.txt"):
        plan_from_scan("surf:challenge", bare)


def test_inside_siw():
    scans = {"siw": parse_paths(find_card("SiW"), list(trees.siw()))}
    plan = plan_from_scan("siw:P1", scans)
    assert (counts(plan, "train")["siw"], counts(plan, "test")["siw"]) == ((714, 1702), (599, 1454))
    assert plan.deviations == ()
    replays = {k: counts(plan_from_scan(f"siw:P2.{k}", scans), "test")["siw"] for k in range(1, 5)}
    assert {pair[0] for pair in replays.values()} == {599}
    assert sum(pair[1] for pair in replays.values()) == counts(plan_from_scan("siw:P3.1", scans), "test")["siw"][1]
    prints, screens = (counts(plan_from_scan(f"siw:P3.{k}", scans), "train")["siw"] for k in (1, 2))
    assert prints[1] + screens[1] == 1702


@pytest.mark.parametrize(
    ("recipe", "name", "words"),
    [
        ("flip", "CIO-M", r"FLIP's CelebA-Spoof lists.*FLIP's shot lists of msu.*celeb_fake_train.txt.*--lists"),
        ("flip_5shot", "OMI2C", r"FLIP's shot lists of casia"),
        ("flip_wcs", "mm:CS2W", r"FLIP's shot lists of wmca"),
    ],
)
def test_recipes_on_foreign_lists_say_which(recipe, name, words):
    with pytest.raises(UserError, match=words) as error:
        plan_from_scan(name, {}, recipe=recipe)
    assert "\n" not in str(error.value)


def test_every_recipe_is_counted_here_or_needs_a_foreign_list():
    counted = {"standard", "ssdg", "me_fas", "hfn_mp", "sa_fas", "gac_fas", "mmdg", "mmdgfas", "flexmodal"}
    assert set(recipes()) == counted | {"flip", "flip_5shot", "flip_wcs"}


def test_from_real_trees(tmp_path):
    root = trees.write(tmp_path / "somewhere" / "MSU-MFSD", trees.msu_mfsd())
    scans = {"msu-mfsd": scan(find_card("MSU-MFSD"), root)}
    scans["casia-fasd"] = scan(find_card("CASIA-FASD"), trees.write(tmp_path / "casia", trees.casia_fasd()))
    plan = plan_from_scan("C2M", scans)
    text = plan.text()
    assert text.splitlines()[0] == "mcio:C2M"
    assert "as the recipe expects" in text
    assert Path(root).exists() and counts(plan, "test") == {"msu-mfsd": M}
    with pytest.raises(UserError, match="add --from-scan oulu-npu=ROOT"):
        plan_from_scan("CO2M", scans)
