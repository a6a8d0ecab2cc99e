"""The wheel alone, far from the checkout: the declarative data travel with it, and help is instant."""

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.wheels import ROOT


@pytest.fixture(scope="module")
def installed(wheel, tmp_path_factory) -> Path:
    """A folder into which the wheel was unpacked, as `pip install --target` does without its dependencies."""
    place = tmp_path_factory.mktemp("elsewhere")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(place)
    return place


def python(code: str, place: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(place)}
    return subprocess.run(
        [sys.executable, "-c", code, *arguments],
        cwd=place,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


def test_manifests_and_configs_come_from_the_wheel(installed):
    code = "import fasdata.resources as r; print(r.manifests_dir(), r.configs_dir(), r.examples_dir(), sep=chr(10))"
    done = python(code, installed)
    assert done.returncode == 0, done.stderr
    for line, name in zip(done.stdout.splitlines(), ("manifests", "configs", "examples"), strict=True):
        assert Path(line).is_relative_to(installed)
        shipped = {path.relative_to(line) for path in Path(line).rglob("*") if path.is_file()}
        checkout = {path.relative_to(ROOT / name) for path in (ROOT / name).rglob("*") if path.is_file()}
        assert shipped == checkout and checkout


def test_both_commands_work_from_the_wheel(installed):
    shown = python("from fasdata.cli import main; main()", installed, "protocol", "show", "CIO-M")
    assert shown.returncode == 0 and shown.stdout.startswith("mcio:CIO2M")
    listed = python("from fastrain.cli import main; main()", installed, "methods")
    assert listed.returncode == 0 and "hfn_mp" in listed.stdout and "erm" in listed.stdout


def test_from_a_checkout_the_data_are_the_top_level_folders():
    from fasdata.resources import configs_dir, manifests_dir

    assert (manifests_dir(), configs_dir()) == (ROOT / "manifests", ROOT / "configs")


@pytest.mark.parametrize("command", ["fasdata", "fastrain"])
def test_help_loads_nothing_heavy(command):
    """What makes help slow is imports; those are checked by name, since a timed test fails on a busy machine."""
    heavy = ("torch", "cv2", "pandas", "numpy", "timm", "pydantic")
    code = f"import sys; import {command}.cli; print([name for name in {heavy} if name in sys.modules])"
    assert python(code, ROOT).stdout.strip() == "[]"


@pytest.mark.parametrize("command", ["fasdata", "fastrain"])
def test_every_command_has_an_example_in_its_help(command):
    import typer.main

    app = __import__(f"{command}.cli", fromlist=["app"]).app
    waiting = [typer.main.get_command(app)]
    seen = 0
    while waiting:
        verb = waiting.pop()
        inner = list(getattr(verb, "commands", {}).values())
        waiting += inner
        if not inner:
            seen += 1
            assert f"Example: {command} " in (verb.epilog or "") + (verb.help or ""), verb.name
            assert verb.help
    assert seen >= 3
