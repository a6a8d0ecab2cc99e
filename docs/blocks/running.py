"""Run the blocks of a document, each in a shell of its own, in one folder.

Every command of ours would import torch for seconds. One process imports it once and forks for each of them.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from docs.blocks.preloaded import PRELOADED
from docs.blocks.reading import PYTHON, TOP, Block

_DRY = re.compile(r"^(\s*)((?:fastrain (?:run|sweep)|fasdata (?:extract|build-protocol|pack))\b)", re.M)
# A dry run looks at weights last: where they alone are missing, all else was found right.
_TRIED = """tried() {
  local words; words=$("$@" 2>&1) && echo "$words" || { local code=$?; echo "$words"
  grep -q 'no pretrained weights\\|hub cannot be reached' <<<"$words" || return $code; }
}
"""
_CLIENT = Path(__file__).with_name("client.py")
LIMIT = 600  # seconds that a block may take


class Failed(AssertionError):
    """A block did not end as the document says."""


class Programs:
    """A process that has everything imported, and programs in `path` that have it run them; a context manager."""

    def __init__(self, folder: Path, preloaded: Sequence[str] = PRELOADED, limit: float = LIMIT) -> None:
        self._preloaded = preloaded
        self.limit = limit
        self.path = folder / "bin"
        self._address = folder / "preloaded"

    def __enter__(self) -> Programs:
        self.path.mkdir(parents=True)
        for program in ("fasdata", "fastrain", "python"):
            script = self.path / program
            script.write_text(
                f'#!/bin/sh\nexec "{sys.executable}" -I -S "{_CLIENT}" "{self._address}" {program} "$@"\n'
            )
            script.chmod(0o755)
        environment = {**os.environ, "PYTHONPATH": str(TOP), "OMP_NUM_THREADS": "1", "MPLBACKEND": "Agg"}
        command = [sys.executable, str(Path(__file__).with_name("preloaded.py")), str(self._address), *self._preloaded]
        # It ends when its standard input does: with this process too, however that ends.
        self._process = subprocess.Popen(
            command, env=environment, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        assert self._process.stdout is not None
        if self._process.stdout.readline() != "ready\n":
            raise Failed("the process that runs the commands did not start")
        return self

    def __exit__(self, *_: object) -> None:
        self._process.communicate()

    def run(self, block: Block, folder: Path, mnt: Path) -> str:
        """Run a block in `folder`, with the datasets below `mnt` in the place of `/mnt`; return what it printed.

        Raises:
            Failed: it ended with another exit code than the document says.
        """
        if "file" in block.comments:
            file = folder / block.comments["file"]
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(block.text + "\n", encoding="utf-8")
            return ""
        script = shell_of(block, mnt)
        environment = {
            **os.environ, "PATH": f"{self.path}:{Path(sys.executable).parent}:{os.environ['PATH']}", "PYTHONPATH": str(TOP),
            "OMP_NUM_THREADS": "1", "MPLBACKEND": "Agg", "COLUMNS": "120",
        }  # fmt: skip
        environment.pop("FASDATA_DATA", None)
        with subprocess.Popen(
            ["bash", "-euo", "pipefail", "-c", script], cwd=folder, env=environment, text=True, start_new_session=True,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL,
        ) as shell:  # fmt: skip
            try:
                printed, _ = shell.communicate(timeout=self.limit)
            except subprocess.TimeoutExpired as error:
                raise Failed(f"{block.place} took more than {self.limit:g} s\n{script}") from error
            finally:  # nothing of a block outlives it; its commands are stopped when their clients are
                with suppress(ProcessLookupError):
                    os.killpg(shell.pid, signal.SIGKILL)
        expected = int(block.comments.get("exit", 0))
        if shell.returncode != expected:
            raise Failed(
                f"{block.place} ended with {shell.returncode}, not {expected}\n{script}\n---\n{printed[-4000:]}"
            )
        return printed


def shell_of(block: Block, mnt: Path) -> str:
    """Return a block as a script of the shell.

    >>> block = Block("d", 1, "sh", "fastrain run erm # go\\nfasdata extract X --root /mnt/X", {"dry run": "long"})
    >>> print(shell_of(block, Path("/raw")).partition("}\\n}\\n")[2] or shell_of(block, Path("/raw"))[-83:])
    tried fastrain run --dry-run erm # go
    tried fasdata extract --dry-run X --root /raw/X
    """
    text = re.sub(r"(?<![\w.])/mnt/", f"{mnt}/", block.text)
    if block.language in PYTHON:
        return f"python - <<'END OF BLOCK'\n{text}\nEND OF BLOCK"
    if "dry run" in block.comments:
        text = _TRIED + _DRY.sub(r"\1tried \2 --dry-run", text)
    return text


def synthetic(folder: Path, programs: Programs, start: list[Block]) -> None:
    """Make the folder of somebody who has read the start: the blocks of it were run there."""
    folder.mkdir(parents=True)
    shutil.copytree(TOP / "examples", folder / "examples")
    for block in start:
        if block.runs or "file" in block.comments:
            programs.run(block, folder, folder / "raw")
