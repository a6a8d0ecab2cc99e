"""Plain aligned columns for terminals."""

from __future__ import annotations

from collections.abc import Sequence


def text_table(header: Sequence[str], rows: Sequence[Sequence[object]], indent: str = "  ") -> list[str]:
    """Return lines with the columns aligned: numbers to the right, words to the left."""
    cells = [[_cell(value) for value in row] for row in rows]
    widths = [max(len(row[place]) for row in [list(header), *cells]) for place in range(len(header))]
    right = [bool(rows) and all(isinstance(row[place], int) for row in rows) for place in range(len(header))]

    def line(values: Sequence[str]) -> str:
        aligned = [
            value.rjust(width) if to_right else value.ljust(width)
            for value, width, to_right in zip(values, widths, right, strict=True)
        ]
        return (indent + "  ".join(aligned)).rstrip()

    return [line(header), *(line(row) for row in cells)]


def _cell(value: object) -> str:
    return f"{value:,}" if isinstance(value, int) else str(value)
