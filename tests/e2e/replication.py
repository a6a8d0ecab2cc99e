"""The commands of the part "Replication" in a method's README: the published ones, and ours."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

METHODS = Path(__file__).parents[2] / "fastrain" / "methods"


def commands(method: str) -> tuple[list[list[str]], list[list[str]]]:
    """Return the published commands and ours, each in words."""
    text = (METHODS / method / "README.md").read_text("utf-8")
    part = re.search(r"^## Replication$(.*?)^## ", text, re.MULTILINE | re.DOTALL)
    assert part, f"{method}: no part Replication"
    published, ours = part[1].split("\nOurs:\n")
    return _commands(published), _commands(ours)


def _commands(text: str) -> list[list[str]]:
    lines = "\n".join(line for line in text.splitlines() if line.startswith("    ")).replace("\\\n", " ")
    return [shlex.split(line) for line in lines.splitlines()]


def toy(words: list[str], changes: dict[str, str]) -> list[str]:
    """Return a `run` of ours at toy length: the same command with settings that make it small."""
    return [*words[1:], *(word for change in changes.items() for word in ("--set", "=".join(change)))]
