"""A page a program: every command with its usage, arguments, options and example, as `--help` has them."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module
from typing import Any

from docs.written.tables import cell

PROGRAMS = {"fasdata": "raw datasets to stores and manifests", "fastrain": "manifests to trained methods and reports"}


def pages() -> Iterator[tuple[str, str]]:
    """Yield a page for each program."""
    from typer.main import get_command

    for program, what in PROGRAMS.items():
        top = get_command(import_module(f"{program}.cli").app)
        lines = [f"# {program}", "", f"{what.capitalize()}. This page is made of the words that `--help` has.", ""]
        lines += ["`--version` says which version is installed, `--install-completion` teaches the shell its words."]
        lines += ["", "Exit codes of both programs: 0 done, 1 a check that says no, 2 stopped with one line that says"]
        lines += ["why (what was finished is kept), 3 finished with something to look at."]
        for name, command in _commands(top, program):
            lines += ["", *_section(name, command)]
        yield f"commands/{program}.md", "\n".join(lines) + "\n"


def _commands(group: Any, words: str) -> Iterator[tuple[str, Any]]:
    for name, command in group.commands.items():
        if getattr(command, "hidden", False):
            continue
        yield f"{words} {name}", command
        if hasattr(command, "commands"):
            yield from _commands(command, f"{words} {name}")


def _section(name: str, command: Any) -> list[str]:
    context = command.context_class(command, info_name=name)
    usage = command.get_usage(context).removeprefix("Usage: ").strip()
    lines = [f"{'##' if name.count(' ') == 1 else '###'} {name}", "", "```text", " ".join(usage.split()), "```", ""]
    lines += [cell(paragraph) + "\n" for paragraph in (command.help or "").split("\n\n")]
    for parameter in command.params:
        record = parameter.get_help_record(context)
        if record and "--help" not in record[0]:
            lines += [f"`{' '.join(record[0].split())}`", f": {cell(record[1]) or 'See above.'}", ""]
    if command.epilog:
        lines += ["```text", " ".join(command.epilog.split()), "```", ""]
    return lines
