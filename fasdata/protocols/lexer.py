"""Split a protocol name across datasets into the datasets that it names and the arrow between them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from fasdata.datasets.card import spelling_key
from fasdata.errors import UserError
from fasdata.protocols.vocabulary import Pool, advice, cross

_ARROW = r"[\s_-]*(?:->|=>|→|(?<![A-Za-z])(?:to|To|TO)(?![A-Za-z])|(?<=[A-Z])to(?=[A-Z]))[\s_-]*|\s*2\s*"


@dataclass(frozen=True)
class Symbol:
    """One dataset as written; `meanings` maps each pool in which it means something to the canonical letter."""

    text: str
    meanings: dict[str, str]


@dataclass(frozen=True)
class Sides:
    """The datasets before and after the arrow. Without an arrow all are in `left` and `right` is None.

    `joined` tells whether a separator stood between datasets of the left side; `listed` whether the right side is a
    list, letters with `+` between all of them.
    """

    left: tuple[Symbol, ...]
    right: tuple[Symbol, ...] | None
    joined: bool
    listed: bool = False


@dataclass(frozen=True, eq=False)
class Lexicon:
    """The words and letters of the datasets of all pools."""

    pools: Mapping[str, Pool]

    def split_sides(self, body: str) -> Sides:
        """Split a name without pool and variant at its arrow.

        An arrow is `2`, `->`, `=>`, `→` or `to`; where there is none, a single `-` is one. Datasets may be joined by
        `&`, `+`, `_`, `|`, a comma or blanks.

        Raises:
            UserError: a character that cannot be read, more than one arrow, a dataset without a letter.
        """
        tokens = self._tokens(body)
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
            return Sides(self._symbols(tokens), None, any(kind == "join" for kind, _ in tokens))
        left, right = tokens[: arrows[0]], tokens[arrows[0] + 1 :]
        joined = any(kind in ("join", "dash") for kind, _ in left)
        return Sides(self._symbols(left), self._symbols(right), joined, _is_list(right))

    def pools_of(self, text: str) -> set[str]:
        """Return the pools in which a word means a dataset; empty for a word that means none."""
        return set(self._meanings.get(spelling_key(text), {}))

    def _tokens(self, body: str) -> list[tuple[str, str]]:
        tokens: list[tuple[str, str]] = []
        place = 0
        while place < len(body):
            match = self._grammar.match(body, place)
            if not match or match.end() == place:
                wanted = "letters and one arrow, e.g. CIO2M, CIO-M, C&I&O to M"
                raise UserError(
                    f"the protocol name {body!r} cannot be read at {body[place:]!r}", expected=wanted, do=advice(body)
                )
            tokens.append((str(match.lastgroup), match.group()))
            place = match.end()
        return tokens

    @cached_property
    def _grammar(self) -> re.Pattern[str]:
        names = sorted({*self._words, *(_dashed(name) for name in cross().without_letter)}, key=len, reverse=True)
        words = "|".join("[-_ ]?".join(map(re.escape, name.split("-"))) for name in names)
        return re.compile(
            rf"(?P<word>(?<![A-Za-z])(?i:{words})(?![A-Za-z]))|(?P<arrow>{_ARROW})|(?P<dash>\s*-\s*)|(?P<join>\s+(?i:and)\s+|[\s&+_|,]+)|(?P<letters>[A-Za-z])"
        )

    @cached_property
    def _words(self) -> dict[str, dict[str, str]]:
        """The meanings of spellings of more than one letter, by pool."""
        words: dict[str, dict[str, str]] = {}
        for pool, entries in self.pools.items():
            for entry in entries.letters:
                for spelling in (entry.dataset, *entry.spellings):
                    if len(spelling) > 1:
                        words.setdefault(_dashed(spelling), {})[pool] = entry.letter
        return words

    @cached_property
    def _meanings(self) -> dict[str, dict[str, str]]:
        meanings: dict[str, dict[str, str]] = {}
        for word, by_pool in self._words.items():
            meanings.setdefault(spelling_key(word), {}).update(by_pool)
        return meanings

    def _letter_meanings(self, letter: str) -> dict[str, str]:
        return {
            pool: entry.letter
            for pool, entries in self.pools.items()
            for entry in entries.letters
            if letter in (entry.letter, *(spelling for spelling in entry.spellings if len(spelling) == 1))
        }

    def _symbols(self, tokens: list[tuple[str, str]]) -> tuple[Symbol, ...]:
        return tuple(self._symbol(kind, text) for kind, text in tokens if kind in ("word", "letters"))

    def _symbol(self, kind: str, text: str) -> Symbol:
        if kind == "letters":
            return Symbol(text, self._letter_meanings(text.upper()))
        meanings = self._meanings.get(spelling_key(text))
        if meanings is None:
            raise UserError(
                f"{text} has no letter in protocol names",
                do="write names of datasets on both sides, 'CASIA-FASD to SiW'; its own protocols are written with a "
                "colon: see 'fasdata protocol list'",
            )
        return Symbol(text, meanings)


def _is_list(tokens: list[tuple[str, str]]) -> bool:
    """Tell whether tokens are letters and `+` by turns, two letters or more."""
    turns = [kind if kind == "letters" else text.strip() for kind, text in tokens]
    return len(turns) > 2 and turns == ["letters", "+"] * (len(turns) // 2) + ["letters"]


def _dashed(name: str) -> str:
    return name.lower().replace("_", "-")
