"""The examples in docstrings give what they show."""

from __future__ import annotations

import doctest
from importlib import import_module
from pathlib import Path

import pytest

import fasdata
import fastrain

PACKAGES = [Path(str(package.__file__)).parent for package in (fasdata, fastrain)]
FILES = [path for package in PACKAGES for path in sorted(package.rglob("*.py")) if ">>> " in path.read_text("utf-8")]
MODULES = [".".join(path.relative_to(PACKAGES[0].parent).with_suffix("").parts) for path in FILES]


@pytest.mark.parametrize("module", MODULES)
def test_examples_give_what_they_show(module):
    outcome = doctest.testmod(import_module(module))
    assert outcome.attempted and not outcome.failed
