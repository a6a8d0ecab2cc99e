"""Targets without modalities: which a network can be scored on, and that they are no changed data, as others are."""

from __future__ import annotations

from typing import Any

import pytest

from fasdata.errors import UserError
from fasdata.lock.lock import Lock
from fastrain.data.manifests import against_training
from fastrain.report.masked_targets import masked_variants, only_masked

TRAINED: dict[str, Any] = {
    "canonical": "mm:CPS2W",
    "recipe": {"name": "standard"},
    "domains": [{"domain_id": 0, "dataset": "casia-surf"}],
    "target": [{"domain_id": -1, "dataset": "wmca"}],
    "frame_rules": {"test": "first(2)@decoded"},
    "modalities": ["rgb", "depth", "ir"],
    "masked": [],
    "validation": {"mode": "auto", "seed": 0, "datasets": [{"subjects": ["1", "2"]}]},
    "counts": [{"part": "test", "dataset": "wmca", "clips": 8}],
    "stores": {"wmca": "a" * 64},
    "fingerprint": "1" * 64,
}
MASKED = {**TRAINED, "canonical": "mm:CPS2W@miss-D", "masked": ["depth"], "fingerprint": "2" * 64}


def lock(meta: dict[str, Any], content: str = "a", recipe: str = "standard") -> Lock:
    store = {"content_hash": content * 64, "fingerprint": "f", "config": {"codec": "png"}}
    protocols = {f"{meta['canonical']}/{recipe}": meta["fingerprint"]}
    return Lock.model_validate({"stores": {"wmca": store}, "protocols": protocols})


@pytest.mark.parametrize("variant", ["miss-D", "miss-I", "miss-DI"])
def test_a_masked_target_is_the_same_data(variant: str) -> None:
    now = {**MASKED, "canonical": f"mm:CPS2W@{variant}"}
    assert only_masked(TRAINED, now)
    assert against_training(lock(TRAINED).as_json(), lock(now), where="it", allowed=False, masked=True) == []


def test_of_a_masked_target_the_stores_have_to_be_the_same() -> None:
    refusal = (
        r"not the data that it was made with; found store wmca: content a{12} -> b{12}; name the run's own library"
    )
    with pytest.raises(UserError, match=refusal):
        against_training(lock(TRAINED).as_json(), lock(MASKED, "b"), where="it", allowed=False, masked=True)
    changes = against_training(lock(TRAINED).as_json(), lock(MASKED, "b"), where="it", allowed=True, masked=True)
    assert len(changes) == 1 and changes[0].startswith("store wmca: content")


def test_another_protocol_is_refused() -> None:
    other = {**MASKED, "canonical": "mm:CPW2S"}
    with pytest.raises(UserError, match="protocol mm:CPS2W/standard: gone, protocol mm:CPW2S/standard: new"):
        against_training(lock(TRAINED).as_json(), lock(other), where="it", allowed=False)


@pytest.mark.parametrize(
    "otherwise",
    [
        {"canonical": "mm:CPS2W"},
        {"canonical": "mm:CPS2W@shot5"},
        {"canonical": "mm:CPS2W@limited"},
        {"canonical": "mm:CPW2S@miss-D"},
        {"recipe": {"name": "mmdg"}},
        {"frame_rules": {"test": "all@decoded"}},
        {"validation": {"mode": "none", "seed": 0, "datasets": []}},
        {"validation": {"mode": "auto", "seed": 1, "datasets": [{"subjects": ["3", "4"]}]}},
        {"counts": [{"part": "test", "dataset": "wmca", "clips": 7}]},
        {"stores": {"wmca": "b" * 64}},
    ],
)
def test_anything_else_that_differs_makes_other_rows(otherwise: dict[str, Any]) -> None:
    assert not only_masked(TRAINED, {**MASKED, **otherwise})


def test_the_masked_protocol_is_not_the_complete_one() -> None:
    assert not only_masked(MASKED, TRAINED)
    assert not only_masked(MASKED, {**MASKED, "canonical": "mm:CPS2W@miss-DI"})


ALL = ["rgb", "depth", "ir"]
SCP2W = {"canonical": "mm:CPS2W", "modalities": ALL}


@pytest.mark.parametrize(
    ("seen", "lost"),
    [
        (ALL, {"miss-D": ("depth",), "miss-I": ("ir",), "miss-DI": ("depth", "ir")}),
        (["rgb", "depth"], {"miss-D": ("depth",)}),
        (["rgb", "ir"], {"miss-I": ("ir",)}),
        (["depth", "ir"], {"miss-D": ("depth",), "miss-I": ("ir",)}),
        (["rgb"], {}),
        (["depth"], {}),
    ],
)
def test_each_takes_something_else_and_leaves_something(seen: list[str], lost: dict[str, tuple[str, ...]]) -> None:
    assert masked_variants(SCP2W, seen) == {f"mm:CPS2W@{name}": what for name, what in lost.items()}


@pytest.mark.parametrize("canonical", ["mm:CPS2W@miss-D", "mm:CW2PS@limited", "wmca:LOO_replay"])
def test_a_protocol_that_cannot_lose_more_has_none(canonical: str) -> None:
    assert masked_variants({**SCP2W, "canonical": canonical}, ALL) == {}


def test_what_the_recipe_does_not_use_cannot_be_taken_away() -> None:
    assert masked_variants({"canonical": "mcio:CIO2M", "modalities": ["rgb"]}, ALL) == {}
    assert masked_variants({"canonical": "mcio:CIO2M"}, ALL) == {}
    assert list(masked_variants({**SCP2W, "modalities": ["rgb", "ir"]}, ALL)) == ["mm:CPS2W@miss-I"]
