"""Plans: the order and repeats of domains, frame rules by dataset, and what cannot be built."""

from __future__ import annotations

import pytest

from fasdata.errors import UserError
from fasdata.protocols.grammar import parse
from fasdata.protocols.manifest_text import describe
from fasdata.protocols.planning import make_plan
from fasdata.protocols.recipe import Recipe, load_recipe
from tests.fasdata.protocols.building import build, rows


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


@pytest.mark.parametrize(
    ("name", "recipe", "words"),
    [
        ("oulu:P1", "hfn_mp", "does not cover protocols inside one dataset; expected one of standard"),
        ("file:mine@01234567", "standard", "comes from a file; give the file in place of the name"),
        ("own:casia-fasd_to_mylab", "hfn_mp", "does not cover protocols of any datasets; expected one of standard"),
        ("CASIA-FASD to SiW@miss-D", "standard", "takes away depth, which the recipe standard does not use"),
        ("CIO-M@miss-D", "standard", "takes away depth, which the recipe standard does not use"),
        ("mcio:to_M@shot5", "standard", "only tested on: there is no training that 5 clips could join"),
        ("own:to_oulu-npu@shot5", "standard", "only tested on: there is no training"),
        ("CIO-M@shot3", "flip_5shot", "asks for 3 shots; expected 5, as the recipe flip_5shot has"),
        ("SCP2W", "hfn_mp", "does not cover pool mm"),
        ("mm:PS2W", "mmdgfas", "does not cover mm:PS2W; expected one of mm:CPS2W"),
    ],
)
def test_what_cannot_be_built_says_so(name, recipe, words):
    with pytest.raises(UserError) as error:
        make_plan(parse(name), load_recipe(recipe))
    assert words in str(error.value)


def test_frames_of_the_benchmark_differ_by_dataset(mm_stores):
    manifest = build(mm_stores, "SCP2W", "mmdg")
    assert {row["frame_index"] for row in rows(manifest, dataset="wmca")} == {12, 24, 36}
    assert {row["frame_index"] for row in rows(manifest, dataset="casia-surf", part="train")} == {0, 13, 26}
    assert {row["frame_index"] for row in rows(manifest, dataset="padisi-face")} == {0}
    assert manifest.meta["frame_rules"]["test"] == "three(12,24,36)@decoded"
    assert "padisi-face first(1)@decoded" in manifest.meta["frame_rules"]["train"]


def test_domain_order_and_repeats_are_those_of_the_recipe(mm_stores):
    manifest = build(mm_stores, "SCP2W", "mmdgfas")
    assert [(domain["dataset"], domain["domain_id"], domain["repeats"]) for domain in manifest.meta["domains"]] == [
        ("casia-surf", 0, 1), ("casia-surf-cefa", 1, 1), ("padisi-face", 2, 10),
    ]  # fmt: skip
    assert "SUBSTITUTED" in describe(manifest) and "PADISI-Face (P) x10" in describe(manifest)


def test_several_targets(mm_stores):
    manifest = build(mm_stores, "CW2PS")
    assert {row["dataset"] for row in rows(manifest, part="test")} == {"padisi-face", "casia-surf"}
    assert {row["domain_id"] for row in rows(manifest, part="test")} == {-1}


def test_several_targets_one_by_one_have_the_rows_of_each(mm_stores):
    each, together = (build(mm_stores, name) for name in ("CW2P+S", "CW2PS"))
    assert each.meta["canonical"] == "mm:CW2P+S"
    assert each.table.drop(["protocol", "protocol_alias"]).equals(together.table.drop(["protocol", "protocol_alias"]))
    assert "judged on its own" in describe(each) and "as one target" in describe(together)
    with pytest.raises(UserError, match="few clips of each would train it"):
        make_plan(parse("CW2P+S@shot5"), load_recipe("standard"))


def test_no_clip_of_what_is_only_tested_on_trains():
    plan = make_plan(parse("mcio:to_M"), load_recipe("flip_5shot"))
    assert not plan.sources and not plan.shots and [domain.letter for domain in plan.targets] == ["M"]
