"""Which datasets protocol names may name: the shipped ones, and those of one's own that a library holds."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache, cached_property

from fasdata.datasets.card import Card, spelling_key
from fasdata.datasets.kept_card import KeptCard
from fasdata.datasets.registry import load_cards
from fasdata.errors import UserError, unknown_name
from fasdata.library import Library
from fasdata.protocols.lexer import Lexicon
from fasdata.protocols.vocabulary import Letter, Pool, cross, intra
from fasdata.records import MODALITIES

OWN, FILE = "own", "file"  # what names of any datasets, and of protocols from a file, begin with


@dataclass(frozen=True)
class Member:
    """A dataset as a protocol names it: its slug and name, and its letter in the protocol's pool ("" outside one).

    `modalities` are those it has, empty where nobody knows; `own`: no shipped card describes it.
    """

    dataset: str
    name: str
    letter: str = ""
    modalities: tuple[str, ...] = ()
    own: bool = False


@dataclass(frozen=True, eq=False)
class Names:
    """The words of protocol names: the pools, letters that own data claim among them, and all datasets by slug.

    `clashes` tells of the spellings that mean two datasets which they are.
    """

    pools: Mapping[str, Pool]
    datasets: Mapping[str, Member]
    spelled: Mapping[str, str]
    clashes: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, library: Library | None) -> Names:
        """Return the names that a library understands; without one, the shipped ones.

        Raises:
            UserError: two datasets claim one letter.
        """
        cards = {slug: KeptCard.known(library.store_dir(slug)) for slug in library.stores()} if library else {}
        return _with_own({slug: card for slug, card in cards.items() if slug not in load_cards()})

    @classmethod
    def among(cls, named: Mapping[str, str]) -> Names:
        """Return the names that are understood where these datasets are known: slug to name, as a manifest has them."""
        own = {slug: KeptCard(name=name) for slug, name in named.items() if slug not in load_cards()}
        return _with_own(own)

    @cached_property
    def lexicon(self) -> Lexicon:
        """What reads names across the datasets of a pool."""
        return Lexicon(self.pools)

    def find(self, text: str) -> Member | None:
        """Return the dataset that a word means, in any spelling; None where it means none.

        Raises:
            UserError: it means two.
        """
        key = spelling_key(text)
        if key in self.clashes:
            raise UserError(
                f"the dataset name {text!r} means {self.clashes[key]}",
                do=f"write {OWN}:… with the names of their folders in the library, or extract it under another name",
            )
        return self.datasets.get(self.spelled.get(key, ""))

    def member(self, slug: str) -> Member:
        """Return the dataset with this slug; one that is not known here is taken to be somebody's own."""
        return self.datasets.get(slug) or Member(slug, slug, own=True)

    def in_pool(self, pool: str, letter: str) -> Member:
        """Return the dataset of a letter."""
        entry = self.pools[pool].entry(letter)
        known = self.datasets.get(entry.dataset)
        modalities, own = (known.modalities, known.own) if known else ((), False)
        return Member(entry.dataset, entry.name, letter, modalities, own)

    def unknown(self, text: str) -> UserError:
        """Return the error for a word that means no dataset."""
        return unknown_name("dataset", text, [member.name for member in self.datasets.values()])


@cache
def shipped_names() -> Names:
    """Return the names that need no library."""
    return _with_own({})


def prefix_of(slug: str) -> str:
    """Return what names of protocols inside a dataset begin with."""
    return next((prefix for prefix, entry in intra().datasets.items() if entry.dataset == slug), slug)


def own_card(library: Library, card: Card) -> KeptCard | None:
    """Return what the store of own data keeps of its card; None where a shipped card describes the dataset.

    Raises:
        UserError: the letter that the card claims is another dataset's, or its pool is unknown.
    """
    if card.slug in load_cards():
        return None
    kept = KeptCard.of(card)
    others = {slug: KeptCard.known(library.store_dir(slug)) for slug in library.stores() if slug not in load_cards()}
    _with_own({**others, card.slug: kept})
    return kept


def _with_own(kept: Mapping[str, KeptCard | None]) -> Names:
    datasets, spelled = _shipped()
    own = {slug: _member(slug, card) for slug, card in kept.items()}
    clashes: dict[str, str] = {}
    spelled = dict(spelled)
    for slug, member in own.items():
        card = kept[slug]
        for key in {spelling_key(text) for text in (slug, member.name, *(card.aliases if card else ()))}:
            other = spelled.setdefault(key, slug)
            if other != slug:
                clashes[key] = f"{(own.get(other) or datasets[other]).name} and {member.name} ({slug}) of this library"
    return Names(_with_claims(kept, own), {**datasets, **own}, spelled, clashes)


@cache
def _shipped() -> tuple[dict[str, Member], dict[str, str]]:
    cards = load_cards()
    datasets = {slug: Member(slug, card.name, modalities=tuple(card.modalities)) for slug, card in cards.items()}
    spelled: dict[str, str] = {}
    for slug, card in cards.items():
        spelled.update(dict.fromkeys(map(spelling_key, (slug, card.name, *card.aliases)), slug))
    letters = [letter for pool in cross().pools.values() for letter in pool.letters]
    words = [(text, letter.dataset) for letter in letters for text in letter.spellings if len(text) > 1]
    for prefix, inside in intra().datasets.items():
        words += [(text, inside.dataset) for text in (prefix, *inside.spellings)]
    for text, slug in words:
        spelled.setdefault(spelling_key(text), slug)
    return datasets, spelled


def _member(slug: str, card: KeptCard | None) -> Member:
    if card is None:
        return Member(slug, slug, own=True)
    return Member(slug, card.name, modalities=tuple(name for name in MODALITIES if name in card.modalities), own=True)


def _with_claims(kept: Mapping[str, KeptCard | None], own: Mapping[str, Member]) -> dict[str, Pool]:
    """Return the pools with the letters that own data claim, after those that are there."""
    pools = dict(cross().pools)
    for slug, card in kept.items():
        claim = card.protocol if card else None
        if claim is None or card is None:
            continue
        if claim.pool not in pools:
            raise unknown_name(f"pool that the card of {own[slug].name} claims a letter of:", claim.pool, pools)
        taken = next((entry for entry in pools[claim.pool].letters if claim.letter in _letters(entry)), None)
        if taken:
            raise UserError(
                f"the card of {own[slug].name} claims the letter {claim.letter} of pool {claim.pool}, which is "
                f"{taken.name}'s",
                expected=f"a letter other than {', '.join(sorted(_all_letters(pools[claim.pool].letters)))}",
                do="change protocol.letter in the card and extract again",
            )
        entry = Letter(letter=claim.letter, dataset=slug, name=own[slug].name, spellings=[slug, *card.aliases])
        pools[claim.pool] = pools[claim.pool].model_copy(update={"letters": [*pools[claim.pool].letters, entry]})
    return pools


def _letters(entry: Letter) -> set[str]:
    return {entry.letter, *(text for text in entry.spellings if len(text) == 1)}


def _all_letters(entries: Iterable[Letter]) -> set[str]:
    return set().union(*map(_letters, entries))
