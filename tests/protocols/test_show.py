"""Protocols as text."""

from __future__ import annotations

import pytest

from fasdata.errors import UserError
from fasdata.protocols.show import list_text, show_text


def test_show_prints_the_canonical_name_first_and_spells_the_recipe_out():
    lines = show_text("C&I&O to M", "hfn_mp").splitlines()
    assert lines[0] == "mcio:CIO2M  (given as C&I&O to M)"
    text = "\n".join(lines)
    assert "0 = CASIA-FASD (C), 1 = OULU-NPU (O), 2 = Replay-Attack (I)" in text
    assert "linspace(2)@with_face" in text
    assert (
        "MSU-MFSD: Pattern Recognition and Image Processing Laboratory, Michigan State University; research use" in text
    )
    assert [line.split() for line in lines if "OULU" in line and "source" in line.split()] == [
        ["source", "OULU-NPU", "990", "3,960"]
    ]


def test_show_tells_what_cannot_be_built_yet():
    assert "cannot be built yet: pool mm with the recipe standard" in show_text("SCP2W")
    assert "cannot be built yet: the variant shot5" in show_text("CIO-M@shot5")
    assert show_text("oulu:p3.1").splitlines()[0] == "oulu:P3.1  (given as oulu:p3.1)"
    assert "ROSE-Youtu: not supported yet" in show_text("CY2M")
    with pytest.raises(UserError, match="did you mean 'standard'"):
        show_text("CIO-M", "standart")


def test_list_names_protocols_recipes_and_letters():
    text = list_text()
    line = next(line for line in text.splitlines() if "mcio:CIO2M" in line)
    assert line.split() == ["mcio:CIO2M", "standard,", "hfn_mp"]
    assert next(line for line in text.splitlines() if "mm:CPS2W" in line).endswith("not yet")
    assert "P3.{1,2,3,4,5,6}" in text
    assert "C CASIA-FASD, I Replay-Attack" in text
