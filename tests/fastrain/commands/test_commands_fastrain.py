"""The command line: quick help with examples, one-line errors."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import typer.main
from typer.testing import CliRunner

from fasdata.library import Library
from fastrain.cli import app, main

COMMANDS = (
    "methods", "run", "eval", "import", "report", "compare", "landscape", "predict", "export", "calibrate", "serve",
    "claims", "plan-test", "lab", "sweep", "leaderboard",
)  # fmt: skip


def test_help_imports_nothing_heavy() -> None:
    line = """
import sys
from fastrain.cli import main
sys.argv = ["fastrain", "--help"]
try: main()
except SystemExit: pass
heavy = ("torch", "pandas", "numpy", "cv2", "pyarrow", "timm", "yaml", "rich")
print([name for name in heavy if name in sys.modules])
"""
    done = subprocess.run([sys.executable, "-c", line], capture_output=True, text=True, check=True)
    assert done.stdout.rstrip().endswith("[]")


def test_every_command_has_help_with_an_example() -> None:
    group = typer.main.get_command(app)
    assert set(group.commands) == set(COMMANDS)  # type: ignore[attr-defined]
    for command in COMMANDS:
        shown = CliRunner().invoke(app, [command, "--help"])
        assert shown.exit_code == 0
        assert f"Example: fastrain {command}" in shown.output
    assert "Example: fastrain" in CliRunner().invoke(app, ["--help"]).output


def refused(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *arguments: object) -> str:
    """Run a command in this process; return its one line of error."""
    monkeypatch.setattr(sys, "argv", ["fastrain", *map(str, arguments)])
    with pytest.raises(SystemExit) as left:
        main()
    assert left.value.code == 2
    lines = [line for line in capsys.readouterr().err.splitlines() if line.strip()]
    assert len(lines) == 1 and lines[0].startswith("error: "), lines
    return lines[0]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["run"], "no method"),
        (["run", "hfm_mp", "--protocol", "CIO-M"], "did you mean 'hfn_mp'"),
        (["run", "erm"], "no protocol"),
        (["run", "erm", "--protocol", "CIX-M"], "did you mean mcio:CIO2M"),
        (["run", "erm", "--protocol", "CIO-M", "--recipe", "standart"], "did you mean 'standard'"),
        (["run", "erm", "--protocol", "CIO-M", "--set", "traim.seed=1"], "did you mean 'train.seed'"),
        (["run", "erm", "--protocol", "CIO-M", "--set", "view=mxnet"], "did you mean 'mxnet-256'"),
        (["run", "erm", "--protocol", "CIO-M", "--preset", "demmo"], "did you mean 'demo'"),
        (["run", "erm", "--protocol", "CIO-M", "--data", "nowhere"], "no store of casia-fasd in the library nowhere"),
        (["run", "--resume", "nowhere"], "expected run.json"),
        (["run", "erm", "--manifest", "nowhere.parquet"], "no manifest at nowhere.parquet"),
        (["eval", "nowhere"], "no score file at nowhere"),
        (["report", "nowhere"], "no run folder at"),
    ],
)
def test_bad_input_ends_in_one_line(
    arguments: list[str],
    words: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> None:
    monkeypatch.chdir(tmp_path)
    weights = ["--set", "pretrained=false"] if arguments[:2] == ["run", "erm"] else []
    assert words in refused(monkeypatch, capsys, *arguments, *weights)
    assert not list(tmp_path.iterdir())


def test_wrong_settings_end_the_run_before_torch_is_imported(tmp_path: Path) -> None:
    line = "import sys; from fastrain.cli import main\ntry: main()\nfinally: print('torch' in sys.modules)"
    arguments = ["run", "hfn_mp", "--protocol", "CIO-M", "--set", "image_size=99999999"]
    done = subprocess.run([sys.executable, "-c", line, *arguments], capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 2 and done.stdout.strip() == "False"
    assert "data.image_size: Input should be less than or equal to 4096; found 99999999" in done.stderr


def test_methods_lists_names_and_presets() -> None:
    shown = CliRunner().invoke(app, ["methods"]).output
    assert "hfn_mp" in shown and "erm" in shown and "demo" in shown


def test_what_the_machine_lacks_is_said(
    library: Library, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    common = ["run", "erm", "--protocol", "CIO-M", "--data", library.root, "--preset", "demo"]
    assert "cannot use accelerator 'tpu'" in refused(monkeypatch, capsys, *common, "--accelerator", "tpu")
    assert "precision '17'" in refused(monkeypatch, capsys, *common, "--precision", "17")
    assert "cannot read --devices 'two'" in refused(monkeypatch, capsys, *common, "--devices", "two")


def test_an_interrupt_ends_in_one_line_and_its_own_exit_code(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupt() -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("fastrain.run.settings.presets", lambda method: interrupt())
    monkeypatch.setattr(sys, "argv", ["fastrain", "methods"])
    with pytest.raises(SystemExit) as left:
        main()
    assert left.value.code == 130
    assert "error: interrupted; finished work is kept" in capsys.readouterr().err
