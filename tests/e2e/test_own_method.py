"""A method in a package outside the repository, installed by pip: begun by `methods new`, from `run` to `predict`."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from fastrain.bundle import export
from fastrain.conformance.run_rules import RUN_RULES
from fastrain.conformance.suite import toy_of, tried
from fastrain.conformance.toy_world import PROTOCOL, picture_of, world_in
from fastrain.methods.registry import forget_named, name_method
from tests.commands import Called
from tests.fastrain.world import TINY

PIP = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-build-isolation", "--no-index"]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the installed package in `site`, whose sources are gone, and a toy world."""
    folder = tmp_path_factory.mktemp("own")
    assert "pip install" in Called("fastrain", "methods", "new", "street_net", "--out", folder / "package").out
    subprocess.run([*PIP, "--target", folder / "site", folder / "package"], check=True)
    shutil.rmtree(folder / "package")
    world_in(folder)
    return folder


@pytest.fixture
def world(place: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """That folder, with the package on the path."""
    monkeypatch.syspath_prepend(place / "site")
    monkeypatch.setattr(export, "PICTURES", 4)
    monkeypatch.chdir(place)
    return place


def called(*line: object) -> str:
    """Call `fastrain`, as a process that knows no method from outside yet; return what it printed."""
    forget_named()
    done = Called("fastrain", *line)
    assert done.code in (0, 3), done.error
    return done.out


def test_an_installed_method_goes_from_run_to_predict(world: Path) -> None:
    listed = Called("fastrain", "methods").out
    assert "street_net from the package street_net 0.1.0 (street_net.method:StreetNet)" in listed
    short = [word for key in TINY[3:] for word in ("--set", key)]
    common = ["--protocol", PROTOCOL, "--data", world_in(world).root]
    called("run", "street_net", *common, "--preset", "demo", *short, "--accelerator", "cpu", "--out", "run0")
    (used,) = json.loads(Path("run0/run.json").read_text())["code"]
    assert (used["package"], used["version"], used["named"]) == ("street_net", "0.1.0", "street_net")
    assert set(used["files"]) == {"__init__.py", "method.py", "settings.py"}

    forget_named()
    refusal = Called("fastrain", "eval", "run0", *common).line
    assert "made with the method street_net from street_net 0.1.0" in refusal and "--with street_net" in refusal
    assert "HTER" in called("eval", "run0", *common, "--with", "street_net")
    called("report", "run0", "--out", "again.html")
    assert used["sha256"] in Path("again.html").read_text()
    called("export", "run0", "--with", "street_net", "--out", "pad.fasb")
    picture = picture_of(world)["rgb"]
    of_bundle, of_run = (
        re.sub(r"\d+ ms", "", called("predict", *line))
        for line in (("pad.fasb", picture), ("run0", picture, "--with", "street_net"))
    )
    assert of_bundle == of_run and "score" in of_bundle
    forget_named()


def test_the_full_check_tries_whole_runs(world: Path) -> None:
    """Two of them are compared; one is killed and resumed; one is exported and asked."""
    toy = toy_of(name_method("street_net"), world)
    verdicts = [tried(rule, toy) for rule in RUN_RULES]
    assert [verdict.details for verdict in verdicts if verdict.word != "holds"] == []
    forget_named()
