"""Every setting of every method is described: what it takes, its default, what it means."""

from __future__ import annotations

import json
from functools import cache

import pytest
from typer.testing import CliRunner

from fastrain.cli import app
from fastrain.methods.registry import METHODS
from fastrain.run.keys import Key, as_text, documented, method_text
from fastrain.run.settings import known_keys


@cache
def default_keys(method: str) -> tuple[Key, ...]:
    return method_text(method).keys


@pytest.mark.parametrize("method", METHODS)
def test_every_setting_of_a_method_has_a_line(method: str) -> None:
    keys = default_keys(method)
    assert [key.path for key in keys] == [path for path in known_keys(method) if path != "method"]
    silent = [key.path for key in keys if not key.about and key.path.count(".") == 1]
    assert not silent, f"settings that no text below their line describes: {', '.join(silent)}"
    assert not [key.path for key in keys if key.takes == "anything"]


def test_types_and_defaults_are_those_of_the_classes_and_files() -> None:
    keys = {key.path: key for key in default_keys("hfn_mp")}
    assert (keys["model.inner_loops"].takes, keys["model.inner_loops"].default) == ("whole number > 0, <= 1000", 4)
    assert (keys["data.view"].takes, keys["data.view"].default) == ("text | null", "mxnet-256")
    assert keys["model.optimiser"].takes == "sgd | adam" and keys["model"].takes == "section"
    assert keys["data.augment.random_erasing"].default is None and keys["data.augment.random_erasing.p"].default == 0.5
    assert {default_keys(name)[-1].path for name in METHODS} == {"evaluate.fta"}
    assert [key.default for name in METHODS for key in default_keys(name) if key.path == "train.seed"] == [0] * 10


def test_a_preset_shows_its_own_values() -> None:
    plain, demo = (
        {key.path: key.default for key in method_text("erm", preset).keys}["train.max_iterations"]
        for preset in (None, "demo")
    )
    assert plain == 20_000 and demo < plain
    assert "Values are those of preset demo." in as_text(method_text("erm", "demo"))


def test_the_command_shows_a_method_by_its_name() -> None:
    shown = CliRunner().invoke(app, ["methods", "ssdg"]).output
    assert shown.startswith("ssdg: bona fide faces alike in all domains")
    assert "model.lambda_triplet = 1.0  (number >= 0)\n    Weight of the asymmetric triplet loss." in shown
    printed = json.loads(CliRunner().invoke(app, ["methods", "ssdg", "--json"]).output)
    assert printed["view"] == "mxnet-256" and {"path", "takes", "default", "about"} == set(printed["keys"][0])
    unknown = CliRunner().invoke(app, ["methods", "sdg"])
    assert "did you mean 'ssdg'" in str(unknown.exception)


def test_a_parent_describes_what_a_child_only_changes() -> None:
    from fastrain.methods.gac_fas.settings import GACFASSettings

    assert documented(GACFASSettings)["trunk"].startswith("Name of a timm model")
