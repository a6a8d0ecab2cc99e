"""One thing an audit found."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Finding:
    """A kind of problem, how often it occurs and up to three examples. `stop`: a build must not go on with it."""

    kind: str
    severity: Literal["stop", "warning", "note"]
    number: int
    what: str
    examples: tuple[str, ...] = ()

    def line(self) -> str:
        """Return it in one line."""
        shown = f", such as {'; '.join(self.examples[:3])}" if self.examples else ""
        return f"{self.kind}: {self.number} {self.what}{shown}"
