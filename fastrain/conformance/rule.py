"""A rule that a method keeps or breaks, and what became of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, TypeAlias

from fastrain.conformance.toys import Toy


class Broken(Exception):
    """Says in a sentence in what a method breaks a rule."""


@dataclass(frozen=True)
class Rule:
    """A sentence that is true of a method, and the function that tries it.

    That function returns a few words about what it saw, and raises `Broken` where the sentence is not true. Rules that
    are not `quick` are left out of a quick check.
    """

    name: str
    says: str
    tries: Callable[[Toy], str]
    quick: bool = True
    of_presets: bool = True


Word: TypeAlias = Literal["holds", "broken", "exempt"]


@dataclass(frozen=True)
class Verdict:
    """What became of a rule: whether it holds, and the details."""

    rule: Rule
    word: Word
    details: str
    seconds: float = 0.0


def require(holds: bool, sentence: str) -> None:
    """Raise `Broken` with the sentence, unless it holds."""
    if not holds:
        raise Broken(sentence)
