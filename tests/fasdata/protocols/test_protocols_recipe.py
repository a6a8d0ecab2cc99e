"""Recipes: complete, consistent with the datasets' counts, and readable."""

from __future__ import annotations

import pytest

from fasdata.datasets.registry import load_cards
from fasdata.errors import UserError
from fasdata.protocols.grammar import parse
from fasdata.protocols.planning import make_plan
from fasdata.protocols.recipe import Recipe, frame_rules_for, load_recipe, recipes
from fasdata.protocols.recipe_parts import Condition
from fasdata.protocols.vocabulary import cross
from fasdata.records import Clip
from fasdata.resources import manifests_dir, read_declared


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


@pytest.mark.parametrize(
    ("name", "recipe", "order"),
    [
        ("CIO-M", "hfn_mp", "COI"), ("ICM2O", "hfn_mp", "MCI"), ("COM-I", "hfn_mp", "MCO"), ("OMI2C", "hfn_mp", "MOI"),
        ("MI2C", "hfn_mp", "MI"), ("O2M", "hfn_mp", "O"), ("CY2M", "hfn_mp", "CY"), ("OI2CM", "hfn_mp", "IO"),
        ("CIO-M", "standard", "CIO"), ("ICM2O", "standard", "CIM"), ("COM-I", "standard", "COM"),
        ("OMI2C", "standard", "IOM"), ("CIO-M", "ssdg", "CIO"), ("OMI2C", "ssdg", "OIM"), ("CIO-M", "gac_fas", "OCI"),
        ("ICM2O", "gac_fas", "ICM"), ("ICM2O", "sa_fas", "MCI"), ("COM-I", "sa_fas", "OCM"), ("C2I", "flip", "CB"),
        ("ICM2O", "flip", "ICMB"), ("SCP2W", "standard", "CPS"), ("SCP2W", "mmdgfas", "SCP"),
        ("CWP2S", "mmdgfas", "PCW"), ("SWP2C", "mmdgfas", "SWP"), ("SCW2P", "mmdgfas", "SCW"),
        ("S2W", "mmdgfas", "S"),
        ("mm:CW2S", "flip_wcs", "CWB"),
    ],
)  # fmt: skip
def test_domain_ids_follow_the_recipes_order(name, recipe, order):
    plan = make_plan(parse(name), load_recipe(recipe))
    assert "".join(domain.letter for domain in plan.sources) == order
    assert [domain.domain_id for domain in plan.domains] == [*range(len(order)), *[-1] * len(plan.targets)]


def test_extra_sources_come_last_and_are_never_the_target():
    data = load_recipe("standard").model_dump(mode="json")
    data["pools"]["mcio"]["sources"]["extra"] = ["B"]
    recipe = Recipe.model_validate(data)
    assert "".join(domain.letter for domain in make_plan(parse("CIO-M"), recipe).sources) == "CIOB"
    with pytest.raises(UserError, match="adds B, the target of mcio:CIO2B, to the sources"):
        make_plan(parse("CIO2B"), recipe)


def test_the_rules_an_extraction_needs():
    # Dense rules, and those that need every frame searched, are asked for with --frames.
    assert frame_rules_for("oulu-npu") == [
        "linspace(2)@with_face", "quarter@decoded", "ssdg(1)@decoded", "ssdg(2)@decoded",
    ]  # fmt: skip
    assert frame_rules_for("folder") == ["ssdg(1)@decoded", "ssdg(2)@decoded"]
    assert "three(12,24,36)@decoded" in frame_rules_for("wmca")
    assert frame_rules_for("siw") == ["ssdg(1)@decoded", "ssdg(2)@decoded"]


@pytest.mark.parametrize(
    ("name", "recipe", "told"),
    [
        ("oulu:P1", "hfn_mp", "does not cover protocols inside one dataset; expected one of standard"),
        ("siw-mv2:P3.B", "standard", "siw-mv2:P3.B needs the list of protocol 3 of SiW-Mv2"),
        ("CIO-M@miss-D", "standard", "takes away depth, which the recipe standard does not use"),
        ("CIO-M@shot3", "flip_5shot", "asks for 3 shots; expected 5, as the recipe flip_5shot has"),
        ("SCP2W", "hfn_mp", "does not cover pool mm"),
        ("mm:PS2W", "mmdgfas", "does not cover mm:PS2W; expected one of mm:CPS2W"),
    ],
)
def test_what_cannot_be_built_says_so(name, recipe, told):
    with pytest.raises(UserError) as error:
        make_plan(parse(name), load_recipe(recipe))
    assert told in str(error.value)


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
    ("change", "told"),
    [
        (("on_miss:", "onmiss:"), "did you mean 'on_miss'"),
        (("ssdg(1)@decoded", "ssgd(1)@decoded"), "did you mean 'ssdg'"),
        (("splits: [dev]", "splits: [dev, test]"), "the splits test are in training and in validation"),
        (("share: 0.2", "share: 2"), "less than 1"),
        (("fta: count", "fta: forget"), "'count' or 'exclude'"),
        (("splits: [train, test]", "splits: []"), "at least one split"),
    ],
)
def test_a_malformed_recipe_is_one_clear_line(tmp_path, change, told):
    path = tmp_path / "mine.yaml"
    text = (manifests_dir() / "recipes" / "standard.yaml").read_text()
    assert change[0] in text
    path.write_text(text.replace(*change))
    with pytest.raises(UserError) as error:
        read_declared(path, Recipe)
    assert told in str(error.value)
    assert "\n" not in str(error.value)
