"""Spell tables and words for Markdown."""

from __future__ import annotations

from collections.abc import Iterable, Sequence


def cell(text: object) -> str:
    """Return text as it may stand in a cell of a table.

    >>> cell("a | b\\n*c* <d>")
    'a \\\\| b \\\\*c\\\\* &lt;d>'
    """
    return _escaped(" ".join(str(text).split()))


def _escaped(words: str) -> str:
    for sign in ("|", "*", "_", "[", "]"):
        words = words.replace(sign, "\\" + sign)
    return words.replace("<", "&lt;")


def code(text: object) -> str:
    """Return text as code in a cell, "" for nothing.

    >>> code("a|b"), code("")
    ('`a\\\\|b`', '')
    """
    words = " ".join(str(text).split())
    return f"`{words}`".replace("|", "\\|") if words else ""


def prose(text: object, *, in_table: bool = True) -> str:
    """Return prose that has code in backticks as it may stand in a cell, or outside of tables.

    >>> prose("as `x|y` <z>"), prose("`a`: b")
    ('as `x\\\\|y` &lt;z>', '`a`: b')
    """
    pieces = " ".join(str(text).split()).split("`")
    bar = "\\|" if in_table else "|"
    return "`".join(piece.replace("|", bar) if place % 2 else _escaped(piece) for place, piece in enumerate(pieces))


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a Markdown table; cells are spelled by the caller."""
    lines = [f"| {' | '.join(head)} |", f"|{'---|' * len(head)}"]
    lines += [f"| {' | '.join(row)} |" for row in rows]
    return "\n".join(lines) + "\n"
