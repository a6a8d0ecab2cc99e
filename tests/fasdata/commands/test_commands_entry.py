"""How the two commands are entered: as modules too, and an interrupt while they are loaded is told in a line."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest

from fasdata.__main__ import entered

INTERRUPTED = """
import sys
class Interrupt:
    def find_spec(self, name, path, target=None):
        if name == sys.argv[1] + ".commands":
            raise KeyboardInterrupt
sys.meta_path.insert(0, Interrupt())
import importlib
importlib.import_module(sys.argv[1] + ".__main__").main()
"""


@pytest.mark.parametrize("command", ["fasdata", "fastrain"])
def test_an_interrupt_at_the_start_is_one_line(command: str) -> None:
    done = subprocess.run([sys.executable, "-c", INTERRUPTED, command], capture_output=True, text=True, check=False)
    assert done.returncode == 130 and done.stdout == ""
    assert done.stderr.count("\n") == 1 and done.stderr.startswith("error: interrupted; ")


@pytest.mark.parametrize("command", ["fasdata", "fastrain"])
def test_a_command_is_a_module_too(command: str) -> None:
    done = subprocess.run([sys.executable, "-m", command, "--help"], capture_output=True, text=True, check=True)
    assert f"Example: {command} " in done.stdout


def test_an_interrupt_after_the_end_has_no_word() -> None:
    line = """
import atexit, os, signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)  # it is ignored where jobs are started in the background
atexit.register(lambda: os.kill(os.getpid(), signal.SIGINT))
sys.argv = ["fasdata", "--help"]
from fasdata.__main__ import main
main()
"""
    done = subprocess.run([sys.executable, "-c", line], capture_output=True, text=True, check=False)
    assert done.returncode == -signal.SIGINT and done.stderr == "" and "Example: fasdata " in done.stdout


def test_charts_are_drawn_whatever_backend_a_notebook_has_set(monkeypatch):
    """A kernel tells its own to the commands of its cells; where they are installed elsewhere, it is not there."""
    monkeypatch.setenv("MPLBACKEND", "module://of_a_kernel_elsewhere")
    backends: list[str] = []
    interrupts = signal.getsignal(signal.SIGINT)
    try:
        entered(lambda: lambda: backends.append(os.environ["MPLBACKEND"]))
    finally:
        signal.signal(signal.SIGINT, interrupts)
    assert backends == ["Agg"]
