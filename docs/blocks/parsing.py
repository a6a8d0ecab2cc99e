"""Hold every command of ours in the documents to the programs: commands, options and numbers of arguments, without running."""

from __future__ import annotations

import contextlib
import io
import shlex
from collections.abc import Iterator
from functools import cache
from importlib import import_module
from typing import Any

from docs.blocks.reading import PYTHON, Block

_ENDS = {";", "&&", "||", "|", ">", "<", ">>", "&", ")"}
_OURS = ("fasdata", "fastrain")


def commands_of(block: Block) -> Iterator[list[str]]:
    """Yield the commands of ours in a block of the shell, in words.

    >>> text = "for s in 0 1; do\\n  fastrain run erm --seed $s \\\\\\n    --data d  # seeds\\ndone && X=1 fasdata views > v.txt"
    >>> list(commands_of(Block("d", 1, "sh", text, {})))
    [['fastrain', 'run', 'erm', '--seed', '0', '--data', 'd'], ['fasdata', 'views']]
    """
    if block.language in PYTHON or not block.is_code:
        return
    for line in block.text.replace("\\\n", " ").splitlines():
        lexer = shlex.shlex(line, posix=True, punctuation_chars=";&|<>()")
        lexer.whitespace_split, lexer.commenters = True, "#"
        words: list[str] = []
        for word in [*lexer, ";"]:
            if words and word in _ENDS:
                yield [("0" if each.startswith("$") else each) for each in words]
                words = []
            elif words or word in _OURS:
                words.append(word)


def fault_of(words: list[str]) -> str:
    """Return what the program has against a command, "" where it would take it.

    >>> fault_of(["fasdata", "datasets", "WMCA"]), fault_of(["fasdata", "datasets", "--nothing"])
    ('', 'No such option: --nothing')
    """
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            _parse(_program(words[0]), words[0], words[1:], None)
    except SystemExit as ended:
        return "" if not ended.code else f"exit {ended.code}"
    except Exception as error:
        text = str(error)
        # Code of one's own is looked for while options are read; the document writes it before.
        if type(error).__name__ == "Exit" or (text.startswith("there is no file") and "FILE.py" in text):
            return ""
        return str(getattr(error, "message", error))
    return ""


@cache
def _program(name: str) -> Any:
    from typer.main import get_command

    return get_command(import_module(f"{name}.cli").app)


def _parse(command: Any, name: str, words: list[str], parent: Any) -> None:
    context = command.make_context(name, list(words), parent=parent)
    rest = [*getattr(context, "_protected_args", []), *context.args]
    if hasattr(command, "commands") and rest:
        inner_name, inner, left = command.resolve_command(context, rest)
        _parse(inner, str(inner_name), left, context)
