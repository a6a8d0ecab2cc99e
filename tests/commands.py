"""Run the two commands as a user does: as processes, with their exit codes and their words.

A command that runs to its end is forked from a process that has torch and its like imported, once a test process.
"""

from __future__ import annotations

import atexit
import os
import shutil
import subprocess
import sys
import tempfile
from functools import cache
from pathlib import Path

from docs.blocks.running import Programs
from fasdata.errors import UserError


@cache
def _programs() -> Programs:
    """The programs that have a process with everything imported run them; it ends with the tests."""
    folder = Path(tempfile.mkdtemp())
    programs = Programs(folder).__enter__()
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    atexit.register(programs.__exit__)
    return programs


def start(command: str, *arguments: object, cwd: Path | None = None, **environment: str) -> subprocess.Popen[str]:
    """Start `fasdata …` or `fastrain …` in its own process group."""
    line = [sys.executable, "-c", f"from {command}.cli import main; main()", *map(str, arguments)]
    env = {**os.environ, "OMP_NUM_THREADS": "1", **environment}
    return subprocess.Popen(
        line, cwd=cwd, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    )


def run(
    command: str, *arguments: object, cwd: Path | None = None, **environment: str
) -> subprocess.CompletedProcess[str]:
    """Run a command to its end."""
    line = [str(_programs().path / command), *map(str, arguments)]
    env = {**os.environ, "OMP_NUM_THREADS": "1", **environment}
    return subprocess.run(line, cwd=cwd, env=env, capture_output=True, text=True, check=False, timeout=600)


def ok(command: str, *arguments: object, cwd: Path | None = None, **environment: str) -> str:
    """Run a command that must succeed; return what it printed on standard output."""
    done = run(command, *arguments, cwd=cwd, **environment)
    assert done.returncode == 0, f"exit {done.returncode}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def refused(command: str, *arguments: object, cwd: Path | None = None, **environment: str) -> str:
    """Run a command that must be refused: exit code 2, one line that starts with `error:`, no traceback."""
    done = run(command, *arguments, cwd=cwd, **environment)
    assert done.returncode == 2, f"exit {done.returncode}\n{done.stdout}\n{done.stderr}"
    lines = [line for line in done.stderr.splitlines() if line.strip()]
    assert "Traceback" not in done.stderr
    assert lines and lines[-1].startswith("error: "), done.stderr
    assert sum(line.startswith("error:") for line in lines) == 1
    return lines[-1]


class Called:
    """The outcome of a command called inside the test process: quick, since nothing is imported again."""

    def __init__(self, command: str, *arguments: object) -> None:
        from importlib import import_module

        from typer.testing import CliRunner

        result = CliRunner().invoke(import_module(f"{command}.cli").app, [str(argument) for argument in arguments])
        self.out, self.code, self.error = result.output, result.exit_code, result.exception
        if self.error is not None and not isinstance(self.error, (SystemExit, UserError)):
            raise self.error

    @property
    def line(self) -> str:
        """The one line of a refusal."""
        assert isinstance(self.error, UserError), self.out
        assert "\n" not in str(self.error)
        return str(self.error)
