"""The lists of what can be named, and what both commands have at their top."""

from __future__ import annotations

import re

import pytest
from typer.testing import CliRunner

import fasdata
import fasdata.cli
import fastrain.cli
from fasdata.errors import UserError
from fasdata.faces.detectors import DETECTORS
from fasdata.faces.view import CONTEXT, NAMES, View
from fasdata.protocols.recipe import recipes


def shown(*words: str, app=fasdata.cli.app) -> str:
    return CliRunner().invoke(app, list(words)).output


def cut_off(text: str) -> list[str]:
    return re.findall(r"\w+\.\.\.$", text, re.MULTILINE)


def test_every_recipe_is_listed_and_described() -> None:
    listed = shown("recipes")
    assert all(f"\n{name} " in f"\n{listed}" for name in recipes())
    described = shown("recipes", "hfn_mp")
    assert described.startswith("hfn_mp: HFN_MP") and "\npool mcio\n  modalities  rgb\n  sources " in described


def test_every_view_is_listed_with_what_it_takes() -> None:
    listed = shown("views")
    for name in (*NAMES, CONTEXT):
        line = next(line for line in listed.splitlines() if line.startswith(f"{name} "))
        for parameter in View.named(name).takes:
            assert parameter in line
    example = {"size": "64", "border": "reflect", "resize": "linear", "eye_dist": "0.3", "eye_y": "0.4"}
    for name in (*NAMES, CONTEXT):
        for parameter in View.named(name).takes:
            View.named(f"{name}({parameter}={example.get(parameter, '1.5')})")  # none is refused


def test_every_detector_is_listed_with_the_licence_of_its_weights() -> None:
    listed = shown("detectors")
    assert all(f"\n{name} " in f"\n{listed}" and row.licence in listed for name, row in DETECTORS.items())


@pytest.mark.parametrize("app", [fasdata.cli.app, fastrain.cli.app])
def test_version_completion_and_whole_summaries_of_both_commands(app) -> None:
    assert shown("--version", app=app) == f"fasdata and fastrain {fasdata.__version__}\n"
    top = shown("--help", app=app)
    assert "--install-completion" in top and not cut_off(top)


def test_the_summaries_of_groups_are_whole_too() -> None:
    for words in (["store"], ["protocol"], ["lists"], ["card"]):
        assert not cut_off(shown(*words, "--help"))
    for words in (["import"], ["methods"]):
        assert not cut_off(shown(*words, "--help", app=fastrain.cli.app))


@pytest.mark.parametrize(
    "words", [("extract", "MSU-MFSD", "--root", ""), ("extract", "MSU-MFSD", "--root="), ("parse", "")]
)
def test_an_empty_word_is_not_the_current_folder(words: tuple[str, ...]) -> None:
    refused = CliRunner().invoke(fasdata.cli.app, list(words)).exception
    assert isinstance(refused, UserError) and " is empty" in str(refused)
    assert "a variable of the shell is unset" in str(refused)
