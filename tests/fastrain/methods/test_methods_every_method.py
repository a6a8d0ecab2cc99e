"""What every registered method must keep: the rules of `fastrain methods check NAME --quick`, and those of our own."""

from __future__ import annotations

import re
import subprocess
import sys
from functools import reduce
from importlib import import_module
from itertools import takewhile
from pathlib import Path

import pytest

import fastrain
from fasdata.errors import UserError
from fastrain.conformance.rule import Rule
from fastrain.conformance.suite import rules, toy_of, tried
from fastrain.methods.registry import METHODS, method_class, settings_class

# The rules that a method of ours does not keep; its trial has the reason.
EXEMPT = {"flip": {"two devices"}, "me_fas": {"two devices"}}

every_method = pytest.mark.parametrize("name", METHODS)
every_rule = pytest.mark.parametrize("rule", rules(quick=True), ids=lambda rule: rule.name.replace(" ", "_"))


def test_an_unknown_method_is_refused_by_name() -> None:
    with pytest.raises(UserError, match="did you mean 'hfn_mp'"):
        method_class("hfnmp")


@every_method
def test_the_registry_agrees_with_the_class(name: str) -> None:
    assert method_class(name).name == name
    assert method_class(name).Config is settings_class(name)


@every_method
def test_settings_are_read_without_torch(name: str) -> None:
    code = f"import sys; from fastrain.methods.registry import settings_class; settings_class({name!r})()"
    subprocess.run([sys.executable, "-c", code + "; sys.exit('torch' in sys.modules)"], check=True)


@every_method
def test_the_readme_names_code_that_exists(name: str) -> None:
    """The last column of the table of formulas or steps: `module.name` here, or `room/module.name` in fastrain."""
    folder = Path(fastrain.__file__).parent / "methods" / name
    lines = (folder / "README.md").read_text().splitlines()
    heads = [k for k, line in enumerate(lines) if line.startswith("|") and line.endswith(("| where |", "| code |"))]
    assert heads, f"the README of {name} has no table whose last column is headed 'where' or 'code'"
    start = heads[0]
    rows = list(takewhile(lambda line: line.startswith("|"), lines[start + 2 :]))
    places = [place for row in rows for place in re.findall("`([^`]+)`", row.split("|")[-2])]
    assert places
    for place in places:
        if place.endswith(".py"):
            assert (folder / place).is_file(), place
            continue
        module, *attributes = place.split(".")
        package = f"fastrain.{module.replace('/', '.')}" if "/" in module else f"fastrain.methods.{name}.{module}"
        reduce(getattr, attributes, import_module(package))


@every_method
@every_rule
def test_it_keeps_the_rules_of_a_quick_check(name: str, rule: Rule, tmp_path: Path) -> None:
    verdict = tried(rule, toy_of(name, tmp_path))
    assert verdict.word == ("exempt" if rule.name in EXEMPT.get(name, ()) else "holds"), verdict.details


@every_method
def test_every_setting_has_another_value_that_we_chose(name: str) -> None:
    assert set(settings_class(name).trial().other) == set(settings_class(name).model_fields)
