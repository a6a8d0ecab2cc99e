"""Hold the result of one check, and spell a list of them for people and for programs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

State = Literal["ok", "note", "problem"]


@dataclass(frozen=True)
class Check:
    """The result of one check: `note` means that it works but deserves attention, `problem` that something will fail.

    `found` is what is there; `do` says what to do about it, "" where nothing is to be done.
    """

    area: str
    name: str
    state: State
    found: str
    do: str = ""


def as_text(checks: Sequence[Check]) -> str:
    """Return the checks as text, by area, with the number of problems and notes."""
    lines: list[str] = []
    area = ""
    for check in checks:
        if check.area != area:
            area = check.area
            lines += ["", area] if lines else [area]
        lines.append(f"  {check.state:<8} {check.name:<18} {check.found}")
        if check.do:
            lines.append(f"{'':<30}-> {check.do}")
    problems, notes = _number(checks, "problem"), _number(checks, "note")
    lines += ["", f"{problems} {_plural('problem', problems)}, {notes} {_plural('note', notes)}"]
    return "\n".join(lines)


def as_data(checks: Sequence[Check], version: str) -> dict[str, Any]:
    """Return the checks as JSON data; `ok` is false where there is a problem."""
    problems = _number(checks, "problem")
    return {
        "fasdata": version,
        "ok": not problems,
        "problems": problems,
        "notes": _number(checks, "note"),
        "checks": [asdict(check) for check in checks],
    }


def _number(checks: Sequence[Check], state: State) -> int:
    return sum(check.state == state for check in checks)


def _plural(noun: str, number: int) -> str:
    return noun if number == 1 else f"{noun}s"
