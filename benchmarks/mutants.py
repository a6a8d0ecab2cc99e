"""Whether the tests of `fastrain/evaluation` notice when a line of it is wrong: small faults are put in, one at a time.

Run: python benchmarks/mutants.py [--mutants 200] [--seed 0] [--seconds 3600] [--log mutants.jsonl]
A mutant is the package with one comparison, sign, constant or `and` changed; all places are listed, so many are drawn.
The tests of the evaluation that run its line (`mutants_lines.py`) run on a copy of the tree in a child process, quick
ones first, until one fails: the mutant is killed. A run of more than `--patience` seconds counts as killed. Each
outcome is written to `--log` as it is known, and the same command goes on where it was stopped; what is printed is what
the log holds. Survivors that change nothing that a test could see are named, with the reason, in
`benchmarks/mutants_equivalent.json`; the others are gaps.
"""

from __future__ import annotations

import argparse
import ast
import copy
import json
import os
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from mutants_lines import known_lines, tests_of

TOP = Path(__file__).resolve().parent.parent
ROOM = "fastrain/evaluation"
EQUIVALENT = TOP / "benchmarks" / "mutants_equivalent.json"
_E = "tests/fastrain/evaluation/test_evaluation_"
BESIDE = ("tests/golden/test_metrics.py", "tests/golden/test_mmdg_rules.py")  # of the room too, from published numbers
SLOW = (  # left out: a survivor of the others may be tried with them by hand
    "metrics.py::test_roc_auc_and_eer_agree_with_torchmetrics",
    "outside.py::test_a_renaming_of_ids_and_people_changes_no_number",
    "statistics.py::test_equal_systems_are_told_apart_as_often_as_the_level_says",
    "statistics.py::test_an_interval_covers_as_often_as_it_says",
)
OPTIONS = ["-q", "-p", "no:cacheprovider", "-p", "no:xdist", "--no-header", "-W", "ignore"]
OPTIONS += [f"--deselect={_E}{slow}" for slow in SLOW]
COMPARISONS = {
    ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt, ast.Eq: ast.NotEq, ast.NotEq: ast.Eq,
    ast.In: ast.NotIn, ast.NotIn: ast.In, ast.Is: ast.IsNot, ast.IsNot: ast.Is,
}  # fmt: skip
SIGNS = {ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Div, ast.Div: ast.Mult, ast.BitAnd: ast.BitOr,
         ast.BitOr: ast.BitAnd}  # fmt: skip


def main() -> None:
    """Try the mutants that the log lacks, then say how many are killed and which are not."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--mutants", type=int, default=10)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--seconds", type=float, default=3600, help="begin no further mutant after so long")
    parser.add_argument("--patience", type=float, default=300, help="of one run of tests")
    parser.add_argument("--share", default="1/1", help="as 2/4: every fourth, for processes side by side")
    parser.add_argument("--log", type=Path, default=Path("mutants.jsonl"))
    given = parser.parse_args()
    every = list(places())
    drawn = [every[at] for at in np.random.default_rng(given.seed).permutation(len(every))[: given.mutants]]
    logged = given.log.read_text().splitlines() if given.log.is_file() else []
    outcomes = {entry["mutant"]: entry["killed_by"] for entry in map(json.loads, logged)}
    begun = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="mutants-") as folder:
        tree = copied(Path(folder))
        known = known_lines(tree, ROOM, tests_of_room(), OPTIONS, given.log.with_suffix(".lines"))
        own, of = map(int, given.share.split("/"))
        for path, at in drawn[own - 1 :: of]:
            name, text = mutant(path, at)
            if name in outcomes or time.monotonic() - begun > given.seconds:
                continue
            outcomes[name] = tried(tree, path, text, covering(known, path, at), given.patience)
            with given.log.open("a") as log:
                log.write(json.dumps({"mutant": name, "killed_by": outcomes[name]}) + "\n")
    report([mutant(path, at)[0] for path, at in drawn], outcomes, len(every))


def report(names: list[str], outcomes: dict[str, str], places_of_all: int) -> None:
    """Print the share of killed mutants, and each survivor with what is known of it."""
    equivalent = json.loads(EQUIVALENT.read_text()) if EQUIVALENT.is_file() else {}
    tried_names = [name for name in dict.fromkeys(names) if name in outcomes]
    alive = [name for name in tried_names if not outcomes[name]]
    killed = len(tried_names) - len(alive)
    print(f"{places_of_all} places; {len(tried_names)} of {len(names)} mutants tried, {killed} killed "
          f"({100 * killed / max(1, len(tried_names)):.1f} %), {len(alive)} alive")  # fmt: skip
    for name in alive:
        print(f"  {name}: {equivalent.get(name, 'A GAP')}")


# -- Mutants -----------------------------------------------------------------------------------------------------------


def places() -> Iterator[tuple[str, int]]:
    """Yield each place that can be changed: the file below the room, and the number of the place in it."""
    for path in sorted((TOP / ROOM).rglob("*.py")):
        name = path.relative_to(TOP / ROOM).as_posix()
        for at in range(len(list(changes(ast.parse(path.read_text(encoding="utf-8")))))):
            yield name, at


def mutant(path: str, at: int) -> tuple[str, str]:
    """Return the name of a mutant, which tells what was changed, and the text of its file."""
    source = (TOP / ROOM / path).read_text(encoding="utf-8")
    tree = ast.parse(source)
    node, change = list(changes(tree))[at]
    line, before = node.lineno, ast.unparse(node)  # type: ignore[attr-defined]
    change()
    return f"{path}:{line}.{at} {before[:80]!r} -> {ast.unparse(node)[:80]!r}", ast.unparse(tree)


def changes(tree: ast.AST) -> Iterator[tuple[ast.AST, object]]:
    """Yield each node that can be changed with a function that changes it; annotations and messages stay."""
    for node in _counted(tree):
        if isinstance(node, ast.Compare):
            for number, operator in enumerate(node.ops):
                if type(operator) in COMPARISONS:
                    yield node, _setter(node.ops, number, COMPARISONS[type(operator)]())
        elif isinstance(node, ast.BinOp) and type(node.op) in SIGNS and not _is_text(node):
            yield node, lambda node=node: setattr(node, "op", SIGNS[type(node.op)]())
        elif isinstance(node, ast.BoolOp):
            other = ast.Or() if isinstance(node.op, ast.And) else ast.And()
            yield node, lambda node=node, other=other: setattr(node, "op", other)
        elif isinstance(node, ast.UnaryOp) and isinstance(node.op, (ast.Not, ast.USub)):
            plain = ast.UAdd() if isinstance(node.op, ast.USub) else ast.Not()
            yield node, lambda node=node, plain=plain: _without(node, plain)
        elif isinstance(node, ast.Constant) and type(node.value) in (int, float, bool):
            value = (not node.value) if isinstance(node.value, bool) else node.value + 1
            yield node, lambda node=node, value=value: setattr(node, "value", value)


def _without(node: ast.UnaryOp, plain: ast.unaryop) -> None:
    if isinstance(plain, ast.UAdd):
        node.op = plain
    else:
        node.operand = ast.UnaryOp(ast.Not(), copy.deepcopy(node.operand))


def _setter(items: list, at: int, value: object) -> object:
    return lambda: items.__setitem__(at, value)


def _is_text(node: ast.BinOp) -> bool:
    """Tell whether a sum or a product is one of texts or lists, as far as it shows."""
    sides = (node.left, node.right)
    return any(
        isinstance(side, (ast.JoinedStr, ast.List)) or (isinstance(side, ast.Constant) and isinstance(side.value, str))
        for side in sides
    )


def _counted(node: ast.AST) -> Iterator[ast.AST]:
    """Yield the nodes of a tree in order, but nothing of annotations, f-strings, raised errors and type aliases."""
    yield node
    for name, value in ast.iter_fields(node):
        value_of = isinstance(node, ast.AnnAssign) and name == "value" and "TypeAlias" not in ast.unparse(node)
        kept_out = isinstance(node, (ast.Raise, ast.JoinedStr, ast.AnnAssign)) and not value_of
        if name in ("annotation", "returns") or kept_out:
            continue
        for child in value if isinstance(value, list) else [value]:
            if isinstance(child, ast.AST):
                yield from _counted(child)


# -- Trying one --------------------------------------------------------------------------------------------------------


def copied(folder: Path) -> Path:
    """Copy what the tests need into `folder`."""
    for name in ("fasdata", "fastrain", "manifests", "configs", "docs", "tests", "pyproject.toml"):
        source = TOP / name
        ignored = shutil.ignore_patterns("__pycache__")
        (shutil.copytree(source, folder / name, ignore=ignored) if source.is_dir() else shutil.copy(source, folder))
    return folder


def tests_of_room() -> list[str]:
    """Return the files of tests that the room answers to."""
    own = sorted((TOP / _E).parent.glob(f"{Path(_E).name}*.py"))
    return [*(file.relative_to(TOP).as_posix() for file in own), *BESIDE]


def covering(known: dict[str, Any], path: str, at: int) -> list[str]:
    """Return the tests to try a mutant with: those that run its line, all where it is run at the import."""
    source = (TOP / ROOM / path).read_text(encoding="utf-8")
    running = tests_of(known, path, source, list(changes(ast.parse(source)))[at][0])
    return tests_of_room() if running is None else running


def tried(tree: Path, path: str, text: str, tests: list[str], patience: float) -> str:
    """Return which test killed a mutant, "" where all passed or none runs it; the file is as before afterwards."""
    if not tests:
        return ""
    target = tree / ROOM / path
    whole = target.read_text(encoding="utf-8")
    target.write_text(text, encoding="utf-8")
    try:
        return _run(tree, tests, path, patience)
    finally:
        target.write_text(whole, encoding="utf-8")


def _run(tree: Path, tests: list[str], path: str, patience: float) -> str:
    preload()
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        os.close(reading)
        os.setsid()
        os._exit(_child(tree, tests, path, writing))
    os.close(writing)
    words = _heard(reading, time.monotonic() + patience)
    if words is None:
        os.killpg(child, signal.SIGKILL)
        words = "patience"
    status = os.waitpid(child, 0)[1]
    return words or ("" if os.waitstatus_to_exitcode(status) == 0 else "the process died")


def _heard(reading: int, until: float) -> str | None:
    """Return what the child wrote before it closed the pipe; None where it took too long."""
    import select

    parts = []
    while (left := until - time.monotonic()) > 0:
        if not select.select([reading], [], [], left)[0]:
            break
        part = os.read(reading, 65536)
        if not part:
            os.close(reading)
            return b"".join(parts).decode()
        parts.append(part)
    os.close(reading)
    return None


def preload() -> None:
    """Import what every child would import anew; nothing of the packages themselves."""
    import hypothesis  # noqa: F401
    import pandas  # noqa: F401
    import pydantic  # noqa: F401
    import pytest  # noqa: F401
    import sklearn.metrics  # noqa: F401


def _child(tree: Path, tests: list[str], path: str, writing: int) -> int:
    import pytest

    quiet = os.open(os.devnull, os.O_WRONLY)
    os.dup2(quiet, 1)
    os.dup2(quiet, 2)
    os.chdir(tree)
    own = (TOP, TOP / "benchmarks")
    sys.path[:] = [str(tree), *(place for place in sys.path if Path(place or ".").resolve() not in own)]
    os.environ["PYTHONPATH"] = str(tree)
    sys.dont_write_bytecode = True

    class Failed:
        def pytest_runtest_logreport(self, report: object) -> None:
            if report.failed:  # type: ignore[attr-defined]
                os.write(writing, (report.nodeid.partition("::")[2] or "setup").encode())  # type: ignore[attr-defined]

        def pytest_collectreport(self, report: object) -> None:
            if report.failed:  # type: ignore[attr-defined]
                os.write(writing, b"not importable")

    module = f"{ROOM}/{path}".removesuffix(".py").replace("/", ".")
    examples = [f"tests/test_docstring_examples.py::test_examples_give_what_they_show[{module}]"]
    has_examples = ">>>" in (TOP / ROOM / path).read_text(encoding="utf-8")
    code = pytest.main(["-x", *OPTIONS, *(examples if has_examples else []), *tests], plugins=[Failed()])
    if int(code) not in (0, 1):
        os.write(writing, f"pytest ended with {int(code)}".encode())
    return int(code)


if __name__ == "__main__":
    main()
