"""Odd surroundings: what cannot be worked with is told in a line, what can is worked with."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

BARE = {name: value for name, value in os.environ.items() if not name.startswith(("LC_", "LANG", "PYTHON"))}


def shown(code: str, cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run what a command runs, in these surroundings."""
    script = f"from fasdata.errors import guarded\ndef task():\n    {code}\nguarded(task)"
    here = {**BARE, "PYTHONPATH": str(Path(__file__).resolve().parents[3]), **environment}
    return subprocess.run(
        [sys.executable, "-c", script], cwd=cwd, env=here, capture_output=True, encoding="utf-8", timeout=60
    )


@pytest.mark.parametrize(
    "environment", [{}, {"LC_ALL": "C"}, {"LC_ALL": "no_SUCH.locale"}, {"PYTHONIOENCODING": "ascii"}]
)
def test_without_a_locale_names_are_utf8_and_printed(tmp_path, environment):
    (tmp_path / "Jürgen").touch()
    done = shown("import os; print(*os.listdir())", tmp_path, **environment)
    assert done.returncode == 0 and done.stdout.strip() in ("Jürgen", "J\\xfcrgen")


def test_names_that_are_no_text_are_printed_too(tmp_path):
    (tmp_path / os.fsdecode(b"J\xfcrgen")).touch()
    assert shown("import os; print(*os.listdir())", tmp_path).stdout.strip() == "J\\udcfcrgen"


def test_another_encoding_of_names_is_refused(tmp_path):
    done = shown("print('worked')", tmp_path, LC_ALL="C", PYTHONUTF8="0", PYTHONCOERCECLOCALE="0")
    assert done.returncode == 2 and not done.stdout
    assert done.stderr.startswith("error: names of files are read as ascii; expected UTF-8; set PYTHONUTF8=1")


def test_too_many_open_files_is_told(tmp_path):
    code = "import resource; resource.setrlimit(resource.RLIMIT_NOFILE, (9, 9)); [open('/dev/null') for _ in range(20)]"
    held = code.replace("[open", "a = [open")
    done = shown(held, tmp_path)
    assert done.returncode == 2 and "ulimit -n" in done.stderr and "Traceback" not in done.stderr
