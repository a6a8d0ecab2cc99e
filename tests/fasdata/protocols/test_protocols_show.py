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
    [row] = [line.split() for line in lines if "OULU" in line and "train" in line.split()]
    assert row == ["train", "OULU-NPU", "all", "linspace(2)@with_face", "skipped", "990", "3,960"]


def test_show_spells_variants_masks_shots_and_lists_out():
    assert "depth, ir taken away at test" in show_text("SCP2W@miss-DI", "mmdg")
    assert "2 = PADISI-Face (P) x10" in show_text("SCP2W", "mmdgfas")
    text = show_text("CIO-M", "flip_5shot")
    assert "4 = MSU-MFSD (M) shots x4" in text
    assert "needs list  FLIP's shot lists of msu: msu_real_shot.txt, msu_fake_shot.txt" in text
    assert "phone not 2" in show_text("oulu:P4.2")
    assert "8,942 frames" in show_text("surf:challenge")
    assert ", before frame 60" in show_text("siw:P1")


@pytest.mark.parametrize(
    ("name", "recipe", "says"),
    [
        (
            "CIO-M",
            "hfn_mp",
            "replicate   with --val none every subject of the sources' splits trains, as the authors do",
        ),
        ("SCP2W", "mmdgfas", "replicate   with --val none every subject"),
        ("SCP2W", "mmdg", "replicate   with --val auto, the default: the authors have a validation list"),
    ],
)
def test_show_says_which_validation_replicates_a_paper(name, recipe, says):
    assert says in show_text(name, recipe)
    assert "replicate" not in show_text(name)


def test_show_tells_what_cannot_be_built():
    assert "cannot be built: the recipe hfn_mp does not cover pool mm" in show_text("SCP2W", "hfn_mp")
    assert "cannot be built: file:mine@01234567 comes from a file" in show_text("file:mine@01234567")
    assert show_text("oulu:p3.1").splitlines()[0] == "oulu:P3.1  (given as oulu:p3.1)"
    with pytest.raises(UserError, match="did you mean 'standard'"):
        show_text("CIO-M", "standart")


def test_list_names_protocols_recipes_and_letters():
    text = list_text()
    line = next(line for line in text.splitlines() if "mcio:CIO2M" in line)
    assert line.endswith("standard, flip, flip_5shot, gac_fas, hfn_mp, me_fas, sa_fas, ssdg")
    assert next(line for line in text.splitlines() if "mm:CPS2W" in line).endswith("standard, mmdg, mmdgfas")
    assert "P3.{1,2,3,4,5,6}" in text
    assert "C CASIA-FASD, I Replay-Attack" in text
