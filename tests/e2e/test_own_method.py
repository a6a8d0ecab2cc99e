"""A method in a package outside the repository, installed by pip: begun by `methods new`, from `run` to `predict`."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from fastrain.bundle import export, scenes
from fastrain.methods.registry import forget_named
from tests.commands import Called
from tests.fastrain.bundle.seen import write_seen_library
from tests.fastrain.world import TINY

PIP = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-build-isolation", "--no-index"]


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder where pip put the package; its sources are gone, and its place is on the path."""
    package, place = tmp_path / "package", tmp_path / "site"
    assert "pip install" in Called("fastrain", "methods", "new", "street_net", "--out", package).out
    subprocess.run([*PIP, "--target", place, package], check=True)
    shutil.rmtree(package)
    monkeypatch.syspath_prepend(place)
    monkeypatch.setattr(export, "PICTURES", 4)
    monkeypatch.chdir(tmp_path)
    return place


def called(*line: object) -> str:
    """Call `fastrain`, as a process that knows no method from outside yet; return what it printed."""
    forget_named()
    done = Called("fastrain", *line)
    assert done.code in (0, 3), done.error
    return done.out


def test_an_installed_method_goes_from_run_to_predict(installed: Path, tmp_path: Path) -> None:
    listed = Called("fastrain", "methods").out
    assert "street_net from the package street_net 0.1.0 (street_net.method:StreetNet)" in listed
    library = write_seen_library(tmp_path / "library")
    short = [word for key in TINY[3:] for word in ("--set", key)]
    common = ["--protocol", "CIO-M", "--data", library.root]
    for seed in (0, 1):
        out = ["--accelerator", "cpu", "--seed", seed, "--out", f"run{seed}"]
        called("run", "street_net", *common, "--preset", "demo", *short, *out)
    (used,) = json.loads(Path("run0/run.json").read_text())["code"]
    assert (used["package"], used["version"], used["named"]) == ("street_net", "0.1.0", "street_net")
    assert set(used["files"]) == {"__init__.py", "method.py", "settings.py"}

    forget_named()
    refusal = Called("fastrain", "eval", "run0", *common).line
    assert "made with the method street_net from street_net 0.1.0" in refusal and "--with street_net" in refusal
    assert "HTER" in called("eval", "run0", *common, "--with", "street_net")
    called("report", "run0", "run1", "--out", "both.html")
    assert used["sha256"] in Path("both.html").read_text()
    assert "street_net" in called("compare", "run0", "run1")
    called("export", "run0", "--with", "street_net", "--out", "pad.fasb")

    picture = tmp_path / "face.png"
    _write(picture)
    of_bundle, of_run = (
        called("predict", "pad.fasb", picture),
        called("predict", "run0", picture, "--with", "street_net"),
    )
    without_time = [re.sub(r"\d+ ms", "", line) for line in (of_bundle, of_run)]
    assert without_time[0] == without_time[1] and "score" in of_bundle
    forget_named()


def _write(path: Path) -> None:
    from fasdata.store.codec import encode

    path.write_bytes(encode(next(iter(scenes.pictures(1))), "png"))
