"""Read `metrics.jsonl` back, one JSON object a line."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from fasdata.errors import UserError
from fasdata.foreign import json_of, read_bytes, validated
from fastrain.rundir.facts import Count, Facts, Number

HELP = "take that line out of the file: it holds curves alone"


class LogLine(Facts):
    """The means of a window of iterations (`train`), or the metrics of a validation (`val`), each by its name."""

    __pydantic_extra__: dict[str, Number]

    kind: Literal["train", "val"]
    iteration: Count
    epoch: Count

    @property
    def values(self) -> dict[str, Any]:
        """Return losses or metrics by name; None where a number was not finite."""
        return dict(self.__pydantic_extra__)


def read_log(path: Path, until: int | None = None) -> list[LogLine]:
    """Return the lines of a log up to the iteration `until`, all of them where that is None.

    A process that ends while it writes leaves a damaged end behind: what stands after the last good line that is wanted
    is left out.

    Raises:
        UserError: a damaged line stands before a good one; names its number.
    """
    lines: list[LogLine] = []
    damage: UserError | None = None
    for number, text in enumerate(read_bytes(path).split(b"\n"), 1):
        if not text.strip():
            continue
        where = f"{path}: line {number}"
        try:
            line = validated(LogLine, json_of(text, where, do=HELP), where, do=HELP)
        except UserError as error:
            damage = damage or error
            continue
        if until is not None and line.iteration > until:
            continue
        if damage:
            raise damage
        lines.append(line)
    return lines
