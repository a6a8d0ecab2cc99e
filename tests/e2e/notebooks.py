"""Notebooks, executed cell by cell in this process: no kernel, and nothing is imported again for a command."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path
from typing import Any

from tests.commands import Called

TOP = Path(__file__).resolve().parent.parent.parent
_SHELL = re.compile(r"^(\s*)!(.*)$", re.M)


def cells_of(path: Path) -> list[dict[str, Any]]:
    """Return the cells of a notebook."""
    return json.loads(path.read_text(encoding="utf-8"))["cells"]


def execute(path: Path, **parameters: Any) -> dict[str, Any]:
    """Execute a notebook's cells in the current folder; return what they leave behind.

    `parameters` replace what the cell tagged so assigns. A line `!fasdata …` is that command, with {names} put in.
    """
    left: dict[str, Any] = {"shell": shell}
    for cell in cells_of(path):
        if cell["cell_type"] != "code":
            continue
        text = _SHELL.sub(lambda line: f"{line[1]}shell(f{line[2]!r})", "".join(cell["source"]))
        exec(compile(text, f"{path.name}, {cell['id']}", "exec"), left)
        if "parameters" in cell["metadata"].get("tags", ()):
            assert parameters.keys() <= left.keys()
            left.update(parameters)
    return left


def shell(line: str) -> None:
    """Call a command of ours in this process, as a line of the notebook names it."""
    program, *words = shlex.split(line)
    done = Called(program, *words)
    assert done.code == 0, f"{line}\n{done.out}\n{done.error}"
