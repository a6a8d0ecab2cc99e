"""Comparisons of two protocols or manifests."""

from __future__ import annotations

import pytest

from fasdata.errors import UserError
from fasdata.protocols.diff import diff_text
from fasdata.protocols.recipe import load_recipe, recipes
from tests.fasdata.protocols.building import build


def test_diff_says_in_one_screen_why_two_papers_do_not_compare():
    lines = diff_text("CIO-M/hfn_mp", "CIO-M/gac_fas").splitlines()
    assert len(lines) <= 40 and max(map(len, lines)) <= 100
    text = "\n".join(lines)
    for words in ("splits, train", "splits, test", "clips, test M", "70 / 210", "40 / 120", "linspace(2)@with_face",
                 "every(5,1000)@decoded", "authors select", "do not compare"):  # fmt: skip
        assert words in text
    assert "extra sources (none)" in text


@pytest.mark.parametrize("first", [f"CIO-M/{recipe}" for recipe in recipes() if "mcio" in load_recipe(recipe).pools])
@pytest.mark.parametrize("second", ["OMI2C/flip", "SCP2W@miss-DI/mmdgfas", "oulu:P3.1", "mm:CS2W/flip_wcs"])
def test_any_diff_fits_a_screen(first, second):
    lines = diff_text(first, second).splitlines()
    assert len(lines) <= 60 and max(map(len, lines)) <= 100


def test_diff_of_the_same_says_so_and_of_a_variant_that_the_test_differs():
    assert "nothing that is written down differs" in diff_text("CIO-M/ssdg", "C&I&O to M/ssdg")
    assert "test sets differ" in diff_text("SCP2W", "SCP2W@miss-D")
    text = diff_text("SCP2W@shot5", "SCP2W")
    lines = {line.split("|")[0].strip(): [cell.strip() for cell in line.split("|")[1:]] for line in text.splitlines()}
    assert lines["shots"] == ["5", "none"]
    needed = diff_text("mcio:CIO2M/flip", "CIO-M").splitlines()
    (lists,) = [line.split("|")[1:] for line in needed if line.startswith("lists needed")]
    assert lists[1].strip() == "none" and lists[0].strip() not in ("", "none")
    with pytest.raises(UserError, match="did you mean 'ssdg'"):
        diff_text("CIO-M/sdsg", "CIO-M")
    with pytest.raises(UserError, match="no manifest at"):
        diff_text("nowhere/manifest.parquet", "CIO-M")


def test_two_built_manifests_compare(stores, tmp_path):
    for recipe in ("standard", "hfn_mp"):
        build(stores, "CIO-M", recipe).write(tmp_path / recipe)
    text = diff_text(str(tmp_path / "standard"), str(tmp_path / "hfn_mp" / "manifest.parquet"))
    assert len(text.splitlines()) <= 40
    assert "mcio:CIO2M / standard (built)" in text and "21 / 42" not in text
    assert "test+train" in text and "dev+test+train" in text
    assert "test sets differ" in text


def test_what_is_only_tested_on_can_be_compared_too():
    text = diff_text("mcio:to_M", "CIO-M")
    lines = {line.split("|")[0].strip(): [cell.strip() for cell in line.split("|")[1:]] for line in text.splitlines()}
    assert lines["frames, train"][0] == "none" and lines["splits, train"][0] == "none"
    assert "own:to_wmca" in diff_text("mcio:to_M", "own:to_wmca")


def test_a_protocol_of_a_file_can_be_compared(tmp_path):
    path = tmp_path / "my.yaml"
    path.write_text("name: mine\nsources: [{dataset: OULU-NPU}]\ntargets: [{dataset: SiW}]\n")
    assert "file:mine@" in diff_text(str(path), "CIO-M") and "file:mine@" in diff_text("CIO-M", str(path))
