"""Which targets with less a network can be scored on."""

from __future__ import annotations

import pytest

from fastrain.report.masked_targets import masked_variants

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
