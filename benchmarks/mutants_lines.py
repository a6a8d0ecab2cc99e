"""Which lines of the evaluation each of its tests runs, and how long it takes: what a mutant has to be tried with.

A mutant in a line is tried with the tests that run the line, quick ones first; one outside of functions, which is run
at the import, with all. What a cache or a shared fixture has made before counts for the test that made it.
"""

from __future__ import annotations

import ast
import hashlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from types import FrameType
from typing import Any

import pytest


class Traced:
    """A plugin of pytest that notes, for each test, the lines of `room` that it runs, as `file:line`, and its time."""

    def __init__(self, room: Path) -> None:
        self._room = f"{room}{os.sep}"
        self._now: set[str] = set()
        self.lines: dict[str, list[str]] = {}
        self.seconds: dict[str, float] = {}

    @pytest.hookimpl(hookwrapper=True)
    def pytest_runtest_protocol(self, item: Any) -> Any:
        """Trace a test with its fixtures."""
        self._now, begun = set(), time.process_time()
        sys.settrace(self._called)
        yield
        sys.settrace(None)
        self.lines[item.nodeid], self.seconds[item.nodeid] = sorted(self._now), time.process_time() - begun

    def _called(self, frame: FrameType, event: str, _: Any) -> Any:
        return self._ran if frame.f_code.co_filename.startswith(self._room) else None

    def _ran(self, frame: FrameType, event: str, _: Any) -> Any:
        if event == "line":
            self._now.add(f"{frame.f_code.co_filename.removeprefix(self._room)}:{frame.f_lineno}")
        return self._ran


def known_lines(tree: Path, room: str, tests: Sequence[str], options: Sequence[str], kept: Path) -> dict[str, Any]:
    """Return what each test runs, from the file `kept` if it is of these very files, else by running all of them."""
    files = sorted([*(tree / room).rglob("*.py"), *(tree / test for test in tests)])
    digest = hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()
    known = json.loads(kept.read_text()) if kept.is_file() else {}
    if known.get("digest") != digest:
        command = [sys.executable, __file__, str(tree / room), str(kept.resolve()), digest, *options, *tests]
        subprocess.run(command, cwd=tree, env={**os.environ, "PYTHONPATH": str(tree)}, check=True)
        known = json.loads(kept.read_text())
    return dict(known)


def tests_of(known: dict[str, Any], path: str, source: str, node: ast.AST) -> list[str] | None:
    """Return the tests that run a node of a file of the room, quick ones first; None: it is run at the import."""
    lines = _lines(ast.parse(source), node)
    if lines is None:
        return None
    places = {f"{path}:{line}" for line in lines}
    running = [test for test, ran in known["lines"].items() if not places.isdisjoint(ran)]
    return sorted(running, key=lambda test: known["seconds"][test])


def _lines(tree: ast.AST, node: Any) -> range | None:
    """Return the lines of the statement that a node is in, of a compound one those of the node alone."""
    inside, lines = False, range(node.lineno, node.end_lineno + 1)
    for other in ast.walk(tree):
        if isinstance(other, (ast.FunctionDef, ast.Lambda)):
            body = other.body if isinstance(other.body, list) else [other.body]
            inside |= body[0].lineno <= node.lineno and node.end_lineno <= (body[-1].end_lineno or 0)
        elif isinstance(other, ast.stmt) and not hasattr(other, "body") and _within(node, other):
            lines = range(other.lineno, (other.end_lineno or 0) + 1)
    return lines if inside else None


def _within(node: Any, other: Any) -> bool:
    return bool(other.lineno <= node.lineno and node.end_lineno <= other.end_lineno)


if __name__ == "__main__":
    room, kept, digest, *rest = sys.argv[1:]
    traced = Traced(Path(room))
    if pytest.main(rest, plugins=[traced]):
        sys.exit("the tests fail as they are")
    Path(kept).write_text(json.dumps({"digest": digest, "lines": traced.lines, "seconds": traced.seconds}))
