"""Recipes: complete, consistent with the datasets' counts, and readable."""

from __future__ import annotations

import pytest

from fasdata.datasets.registry import load_cards
from fasdata.errors import UserError
from fasdata.foreign import read_declared
from fasdata.protocols.recipe import Recipe, frame_rules_for, load_recipe, recipes
from fasdata.protocols.recipe_parts import Condition
from fasdata.protocols.vocabulary import cross
from fasdata.records import Clip
from fasdata.resources import manifests_dir


def test_the_default_recipe_comes_first_and_unknown_ones_name_the_nearest():
    assert recipes() == (
        "standard", "flexmodal", "flip", "flip_5shot", "flip_wcs", "gac_fas", "hfn_mp", "me_fas", "mmdg", "mmdgfas",
        "sa_fas", "ssdg",
    )  # fmt: skip
    with pytest.raises(UserError, match=r"unknown recipe 'hfnmp'.*did you mean 'hfn_mp'"):
        load_recipe("hfnmp")


@pytest.mark.parametrize("name", [name for name in recipes() if "mcio" in load_recipe(name).pools])
def test_expected_counts_follow_from_the_splits_and_the_official_counts(name):
    inside = load_recipe(name).pools["mcio"]
    for part in (inside.sources, inside.validation, inside.target):
        for entry in cross().pools["mcio"].letters:
            if entry.letter not in part.expected or entry.letter in part.lists:
                continue
            counts = [load_cards()[entry.dataset].counts.get(split) for split in part.splits]
            assert part.expected[entry.letter].bonafide == sum(count.bonafide for count in counts if count)
            assert part.expected[entry.letter].attack == sum(count.attack for count in counts if count)
    assert set("CIOM") <= set(inside.sources.expected) and set("CIOM") <= set(inside.target.expected)


def test_what_the_two_recipes_mean():
    standard, hfn = load_recipe("standard").pools["mcio"], load_recipe("hfn_mp").pools["mcio"]
    assert (standard.sources.splits, standard.validation.splits, standard.target.splits) == (
        ["train", "test"],
        ["dev"],
        ["train", "test"],
    )
    assert (standard.sources.frames, standard.target.frames) == ("ssdg(1)@decoded", "ssdg(2)@decoded")
    assert (standard.scoring.units, standard.scoring.fta) == (["clip"], "count")
    assert hfn.sources.splits == hfn.target.splits == ["train", "dev", "test"]
    assert hfn.validation.splits == []
    assert {part.frames for part in (hfn.sources, hfn.validation, hfn.target)} == {"linspace(2)@with_face"}
    assert hfn.sources.on_miss == hfn.target.on_miss == []
    assert (hfn.scoring.units, hfn.scoring.fta) == (["frame", "clip"], "exclude")
    assert (hfn.sources.expected["O"].bonafide, hfn.sources.expected["O"].attack) == (990, 3960)
    assert (standard.sources.expected["I"].bonafide, standard.sources.expected["I"].attack) == (140, 700)


def test_the_rules_an_extraction_needs():
    # Dense rules, and those that need every frame searched, are asked for with --frames.
    assert frame_rules_for("oulu-npu") == [
        "linspace(2)@with_face", "quarter@decoded", "ssdg(1)@decoded", "ssdg(2)@decoded",
    ]  # fmt: skip
    assert frame_rules_for("folder") == ["ssdg(1)@decoded", "ssdg(2)@decoded"]
    assert "three(12,24,36)@decoded" in frame_rules_for("wmca")
    assert frame_rules_for("siw") == ["ssdg(1)@decoded", "ssdg(2)@decoded"]


def test_a_condition_has_one_way_to_decide():
    clip = Clip("oulu-npu", "x", {}, label="attack", pai="print-1", fields={"phone": "3"})
    assert Condition(of="phone", any_of=["3"]).holds(clip)
    assert not Condition(of="phone", none_of=["{fold}"]).filled("3").holds(clip)
    assert Condition(of="phone", any_of=["1"], label="bonafide").holds(clip)  # is about the other label
    assert Condition(of="session", any_of=[""]).holds(clip)  # what the path does not tell
    assert not Condition(of="pai", matches="^display").holds(clip)
    with pytest.raises(ValueError, match="exactly one of any_of"):
        Condition(of="phone")
    assert str(Condition(of="pai", any_of=["", "x"], label="attack")) == "attack pai (none) or x"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (("on_miss:", "onmiss:"), "did you mean 'on_miss'"),
        (("ssdg(1)@decoded", "ssgd(1)@decoded"), "did you mean 'ssdg'"),
        (("splits: [dev]", "splits: [dev, test]"), "the splits test are in training and in validation"),
        (("share: 0.2", "share: 2"), "less than 1"),
        (("fta: count", "fta: forget"), "'count' or 'exclude'"),
        (("splits: [train, test]", "splits: []"), "at least one split"),
    ],
)
def test_a_malformed_recipe_is_one_clear_line(tmp_path, change, words):
    path = tmp_path / "mine.yaml"
    text = (manifests_dir() / "recipes" / "standard.yaml").read_text()
    assert change[0] in text
    path.write_text(text.replace(*change))
    with pytest.raises(UserError) as error:
        read_declared(path, Recipe)
    assert words in str(error.value)
    assert "\n" not in str(error.value)
