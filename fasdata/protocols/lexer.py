"""Split a protocol name across datasets into the datasets that it names and the arrow between them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache

from fasdata.datasets.card import spelling_key
from fasdata.errors import UserError
from fasdata.protocols.vocabulary import advice, cross

_ARROW = r"[\s_-]*(?:->|=>|→|(?<![A-Za-z])(?:to|To|TO)(?![A-Za-z])|(?<=[A-Z])to(?=[A-Z]))[\s_-]*|\s*2\s*"


@dataclass(frozen=True)
class Symbol:
    """One dataset as written; `meanings` maps each pool in which it means something to the canonical letter."""

    text: str
    meanings: dict[str, str]


@dataclass(frozen=True)
class Sides:
    """The datasets before and after the arrow. Without an arrow all are in `left` and `right` is None.

    `joined` tells whether a separator stood between datasets of the left side.
    """

    left: tuple[Symbol, ...]
    right: tuple[Symbol, ...] | None
    joined: bool


def split_sides(body: str) -> Sides:
    """Split a name without pool and variant at its arrow.

    An arrow is `2`, `->`, `=>`, `→` or `to`; where there is none, a single `-` is one. Datasets may be joined by
    `&`, `+`, `_`, `|`, a comma or blanks.

    Raises:
        UserError: a character that cannot be read, more than one arrow, a dataset without a letter.
    """
    tokens = _tokens(body)
    arrows = [place for place, (kind, _) in enumerate(tokens) if kind == "arrow"]
    dashes = [place for place, (kind, _) in enumerate(tokens) if kind == "dash"]
    arrows = arrows or dashes
    if len(arrows) > 1:
        raise UserError(
            f"the protocol name {body!r} has several arrows",
            expected="sources, one arrow, target, e.g. CIO2M or CIO-M",
            do=advice(body),
        )
    if not arrows:
        return Sides(_symbols(tokens), None, any(kind == "join" for kind, _ in tokens))
    left, right = tokens[: arrows[0]], tokens[arrows[0] + 1 :]
    return Sides(_symbols(left), _symbols(right), any(kind in ("join", "dash") for kind, _ in left))


def _tokens(body: str) -> list[tuple[str, str]]:
    tokens: list[tuple[str, str]] = []
    place = 0
    while place < len(body):
        match = _grammar().match(body, place)
        if not match or match.end() == place:
            wanted = "letters and one arrow, e.g. CIO2M, CIO-M, C&I&O to M"
            raise UserError(
                f"the protocol name {body!r} cannot be read at {body[place:]!r}", expected=wanted, do=advice(body)
            )
        tokens.append((str(match.lastgroup), match.group()))
        place = match.end()
    return tokens


@cache
def _grammar() -> re.Pattern[str]:
    names = sorted({*_words(), *(_dashed(name) for name in cross().without_letter)}, key=len, reverse=True)
    words = "|".join("[-_ ]?".join(map(re.escape, name.split("-"))) for name in names)
    return re.compile(
        rf"(?P<word>(?<![A-Za-z])(?i:{words})(?![A-Za-z]))|(?P<arrow>{_ARROW})|(?P<dash>\s*-\s*)|(?P<join>[\s&+_|,]+)|(?P<letters>[A-Za-z])"
    )


@cache
def _words() -> dict[str, dict[str, str]]:
    """Return the meanings of spellings of more than one letter, by pool."""
    words: dict[str, dict[str, str]] = {}
    for pool, entries in cross().pools.items():
        for entry in entries.letters:
            for spelling in (entry.dataset, *entry.spellings):
                if len(spelling) > 1:
                    words.setdefault(_dashed(spelling), {})[pool] = entry.letter
    return words


def _letter_meanings(letter: str) -> dict[str, str]:
    return {
        pool: entry.letter
        for pool, entries in cross().pools.items()
        for entry in entries.letters
        if letter in (entry.letter, *(spelling for spelling in entry.spellings if len(spelling) == 1))
    }


def _symbols(tokens: list[tuple[str, str]]) -> tuple[Symbol, ...]:
    return tuple(_symbol(kind, text) for kind, text in tokens if kind in ("word", "letters"))


def _symbol(kind: str, text: str) -> Symbol:
    if kind == "letters":
        return Symbol(text, _letter_meanings(text.upper()))
    meanings = {spelling_key(word): meaning for word, meaning in _words().items()}.get(spelling_key(text))
    if meanings is None:
        raise UserError(
            f"{text} has no letter in protocol names",
            do="its own protocols are written with a colon: see 'fasdata protocol list'",
        )
    return Symbol(text, meanings)


def _dashed(name: str) -> str:
    return name.lower().replace("_", "-")
