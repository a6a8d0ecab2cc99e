"""Rules of the house that no linter knows: how variables are called, what tests import, and where tests stand."""

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

TOP = Path(__file__).resolve().parent.parent
PACKAGES = ("fasdata", "fastrain")
# They say what happened to a value, not what it is. `UserError(found=…)` is a keyword of the error's own words.
EMPTY_NAMES = {"one", "found", "told", "said"}
ALLOWED = {("fasdata/errors.py", "found")}


def python_files(*folders: str) -> list[Path]:
    return sorted(path for folder in folders for path in (TOP / folder).rglob("*.py"))


@cache
def tree_of(path: Path) -> ast.Module:
    """A file's syntax, read once for all rules."""
    return ast.parse(path.read_text(encoding="utf-8"))


def bound_names(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Yield line and name of whatever is assigned, taken as a parameter, or defined as a function; fields are not."""
    nodes = list(ast.walk(tree))
    fields = {
        id(statement.target)
        for node in nodes
        if isinstance(node, ast.ClassDef)
        for statement in node.body
        if isinstance(statement, ast.AnnAssign)
    }
    for node in nodes:
        if not isinstance(node, ast.Name | ast.arg | ast.FunctionDef) or id(node) in fields:
            continue
        match node:
            case ast.Name(id=name, ctx=ast.Store(), lineno=line):
                yield line, name
            case ast.arg(arg=name, lineno=line) | ast.FunctionDef(name=name, lineno=line):
                yield line, name


def test_variables_are_named_by_what_they_hold():
    breaches = [
        f"{path.relative_to(TOP)}:{line} {name}"
        for path in python_files(*PACKAGES, "tests", "benchmarks")
        for line, name in bound_names(tree_of(path))
        if name in EMPTY_NAMES and (path.relative_to(TOP).as_posix(), name) not in ALLOWED
    ]
    assert not breaches, breaches


def test_the_rule_about_names_sees_every_kind_of_binding():
    text = "def told(one, *, found=0):\n    said = [one for one in found]\n    for found in said: pass\n"
    assert sorted(name for _, name in bound_names(ast.parse(text))) == sorted(
        ["told", "one", "found", "said", "one", "found"]
    )


def test_tests_import_public_names_alone():
    breaches = []
    for path in python_files("tests"):
        for node in ast.walk(tree_of(path)):
            if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] in PACKAGES:
                breaches += [f"{path.relative_to(TOP)}: {a.name}" for a in node.names if a.name.startswith("_")]
    assert not breaches, breaches


@pytest.mark.parametrize("package", PACKAGES)
def test_tests_stand_where_what_they_test_stands(package):
    """`tests/<package>/<room>/test_<room>_….py`, and no name twice."""
    names = [path.name for path in python_files("tests") if path.name.startswith("test_")]
    assert len(names) == len(set(names)), sorted(name for name in names if names.count(name) > 1)
    for path in python_files(f"tests/{package}"):
        room = path.relative_to(TOP / "tests" / package).parts[0]
        if path.name.startswith("test_"):
            assert (TOP / package / room).is_dir() or (TOP / package / f"{room}.py").is_file(), path
            assert path.name.startswith(f"test_{room}_"), path


def test_no_two_files_of_a_package_share_a_name_with_two_meanings():
    """One name, one meaning: what stands in several rooms is the same kind of thing in each."""
    alike = {
        "__init__", "text", "info", "writer",  # a room's own: its words, what made its files, their one writer
        "method", "network", "published", "settings",  # of each method; settings of a run are settings too
        "audit", "calibrate", "compare", "export", "leaderboard", "lock", "pack", "run",  # a verb, and its file
        "wmca",  # a dataset's reader, and its synthetic layout
    }  # fmt: skip
    for package in PACKAGES:
        stems = [path.stem for path in python_files(package)]
        assert {stem for stem in stems if stems.count(stem) > 1} <= alike
