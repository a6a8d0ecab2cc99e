"""Tables as Markdown and LaTeX: one place where cells are escaped and set off."""

from __future__ import annotations

from collections.abc import Sequence


class Strong(str):
    """A cell that its form prints in bold."""

    __slots__ = ()


Rows = Sequence[Sequence[str]]

_LATEX = {
    **{letter: f"\\{letter}" for letter in "%_&#${}"},
    **{"▲": r"$\blacktriangle$", "▼": r"$\blacktriangledown$"},
    **{"±": r"$\pm$", "\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}"},
}


def markdown_escaped(text: str) -> str:
    """Return a text as Markdown prints it, inside a table too."""
    return text.replace("|", "\\|").replace("*", "\\*")


def markdown_table(header: Sequence[str], rows: Rows) -> list[str]:
    """Return the lines of a table.

    >>> markdown_table(["method", "AUC"], [["a|b", Strong("0.9")]])
    ['| method | AUC |', '|---|---|', '| a\\\\|b | **0.9** |']
    """

    def line(cells: Sequence[str]) -> str:
        escaped = ((cell, markdown_escaped(cell)) for cell in cells)
        return "| " + " | ".join(f"**{text}**" if isinstance(cell, Strong) else text for cell, text in escaped) + " |"

    return [line(header), "|" + "---|" * len(header), *map(line, rows)]


def latex_escaped(text: str) -> str:
    """Return a text as LaTeX prints it."""
    return "".join(_LATEX.get(letter, letter) for letter in text)


def latex_table(columns: str, header: Sequence[str], *bodies: Rows) -> list[str]:
    """Return the lines of a table with the rules of booktabs, one between two bodies; an empty body is none.

    >>> latex_table("lr", ["method", "AUC"], [["a_b", Strong("0.9")]])[2:5]
    ['method & AUC \\\\\\\\', '\\\\midrule', 'a\\\\_b & \\\\textbf{0.9} \\\\\\\\']
    """

    def line(cells: Sequence[str]) -> str:
        escaped = ((cell, latex_escaped(cell)) for cell in cells)
        return (
            " & ".join(rf"\textbf{{{text}}}" if isinstance(cell, Strong) else text for cell, text in escaped) + r" \\"
        )

    parts = [part for body in bodies if body for part in (r"\midrule", *map(line, body))]
    return [rf"\begin{{tabular}}{{{columns}}}", r"\toprule", line(header), *parts, r"\bottomrule", r"\end{tabular}"]
