"""Parse protocol names: every spelling in the literature becomes one canonical name."""

from __future__ import annotations

import re
from dataclasses import dataclass

from fasdata.errors import UserError, unknown_name
from fasdata.protocols.lexer import Sides, Symbol, split_sides
from fasdata.protocols.vocabulary import IntraDataset, Pool, advice, cross, intra

_SHOT = re.compile(r"^shot([1-9]\d{0,3})$")


@dataclass(frozen=True)
class ProtocolName:
    """A parsed protocol name. `alias` is the spelling that was given.

    Across datasets: `pool`, `sources` and `targets` (canonical letters, in pool order) and `variant`.
    Inside one dataset: `dataset` (the prefix of the name), `protocol` and `fold`; the others are empty.

    >>> name = parse("oulu:p3.2")
    >>> name.canonical, name.dataset, name.protocol, name.fold, name.intra
    ('oulu:P3.2', 'oulu', 'P3', '2', True)
    """

    canonical: str
    alias: str
    pool: str = ""
    sources: str = ""
    targets: str = ""
    variant: str = ""
    dataset: str = ""
    protocol: str = ""
    fold: str = ""

    @property
    def intra(self) -> bool:
        """Whether the protocol stays inside one dataset."""
        return bool(self.dataset)

    def __str__(self) -> str:
        return self.canonical


def parse(name: str, pool: str | None = None) -> ProtocolName:
    """Parse a protocol name in any spelling of the literature.

    `pool` settles names that are ambiguous without it; a pool inside the name must agree.

    >>> name = parse("O&C&I to M")
    >>> name.canonical, name.sources, name.targets
    ('mcio:CIO2M', 'CIO', 'M')
    >>> parse("C2I", pool="mcio").canonical
    'mcio:C2I'

    Raises:
        UserError: the name cannot be read, mixes pools, is ambiguous, or names an unknown dataset or variant.
    """
    text = name.strip()
    if pool is not None and pool not in cross().pools:
        raise unknown_name("pool of protocol names", pool, cross().pools)
    prefix, colon, rest = text.partition(":")
    if not colon:
        return _across(text, text, pool)
    prefix = prefix.strip().lower()
    if prefix in cross().pools:
        if pool not in (None, prefix):
            raise UserError(f"the protocol name {name!r} is of pool {prefix}", expected=f"pool {pool}")
        return _across(text, rest.strip(), prefix)
    for dataset, entry in intra().datasets.items():
        if prefix.replace("_", "-") in (dataset, *entry.spellings):
            return _inside(text, dataset, entry, rest.strip())
    raise unknown_name("start of a protocol name", prefix, [*cross().pools, *intra().datasets])


def _across(alias: str, text: str, pool: str | None) -> ProtocolName:
    body, _, variant = text.partition("@")
    sides = split_sides(body.strip())
    if not sides.left:
        raise UserError(f"the protocol name {alias!r} names no source dataset", expected="e.g. CIO2M, CIO-M, mm:CPS2W")
    pool = pool or _pool_of(alias, sides)
    sources, targets = _sides_in(alias, pool, sides)
    entries = cross().pools[pool]
    _require_apart(alias, entries, sources, targets)
    short = f"{entries.sort(sources)}2{entries.sort(targets)}"
    variant = _variant(alias, variant.strip()) if "@" in text else ("limited" if short in entries.limited else "")
    if variant == "limited" and len(sources) != 2:
        raise UserError(
            f"the protocol name {alias!r} says 'limited'", expected="two source datasets", found=str(len(sources))
        )
    canonical = f"{pool}:{short}" + (f"@{variant}" if variant else "")
    return ProtocolName(canonical, alias, pool, entries.sort(sources), entries.sort(targets), variant)


def _pool_of(alias: str, sides: Sides) -> str:
    """Return the pool that the decisive datasets of a name belong to."""
    symbols = [*sides.left, *(sides.right or ())]
    for symbol in symbols:
        _require_known(alias, symbol)
    decisive = {next(iter(symbol.meanings)): symbol.text for symbol in reversed(symbols) if len(symbol.meanings) == 1}
    if len(decisive) > 1:
        mixed = " and ".join(f"{text} of pool {pool}" for pool, text in sorted(decisive.items()))
        raise UserError(f"the protocol name {alias!r} mixes pools", expected="datasets of one pool", found=mixed)
    if not decisive:
        pools = " or ".join(f"{pool}:{alias}" for pool in symbols[0].meanings)
        names = " or ".join(
            f"{cross().pools[pool].entry(letter).name} ({pool})" for pool, letter in symbols[0].meanings.items()
        )
        raise UserError(
            f"the protocol name {alias!r} is ambiguous: {symbols[0].text} is {names}", do=f"give the pool: {pools}"
        )
    return next(iter(decisive))


def _sides_in(alias: str, pool: str, sides: Sides) -> tuple[str, str]:
    """Return source and target letters, reading names without an arrow as FLIP's configs write them."""
    left = _letters(alias, pool, sides.left)
    if sides.right is not None:
        return left, _letters(alias, pool, sides.right)
    if len(left) == 1:
        return _leave_one_out(alias, pool, sides.left[0], left)
    if len(left) == 2 and not sides.joined and all(len(symbol.text) == 1 for symbol in sides.left):
        return left[0], left[1]
    raise UserError(
        f"the protocol name {alias!r} has no target",
        expected="an arrow before it, e.g. CIO2M, CIO-M, C&I&O to M",
        do=advice(alias),
    )


def _leave_one_out(alias: str, pool: str, symbol: Symbol, letter: str) -> tuple[str, str]:
    """Return the sources and target of a name that gives the target alone."""
    rule = cross().pools[pool].left_out
    sources = rule.benchmark.replace(letter, "")
    if letter not in rule.benchmark or (rule.by == "name" and len(symbol.text) == 1):
        everything = cross().pools[pool].order.replace(letter, "")
        raise UserError(
            f"the protocol name {alias!r} names only one dataset",
            do=f"write the sources too, e.g. {pool}:{everything}2{letter}",
        )
    return sources, letter


def _letters(alias: str, pool: str, symbols: tuple[Symbol, ...]) -> str:
    letters = ""
    for symbol in symbols:
        _require_known(alias, symbol)
        if pool not in symbol.meanings:
            known = ", ".join(f"{entry.letter} {entry.name}" for entry in cross().pools[pool].letters)
            raise UserError(f"{symbol.text!r} in {alias!r} is no dataset of pool {pool}", expected=known)
        letters += symbol.meanings[pool]
    return letters


def _require_known(alias: str, symbol: Symbol) -> None:
    if not symbol.meanings:
        known = "; ".join(f"{pool}: {' '.join(entries.order)}" for pool, entries in cross().pools.items())
        raise UserError(
            f"unknown letter {symbol.text!r} in the protocol name {alias!r}",
            expected=f"one of {known}",
            do=advice(alias),
        )


def _require_apart(alias: str, pool: Pool, sources: str, targets: str) -> None:
    if not targets:
        raise UserError(f"the protocol name {alias!r} has no target", expected="e.g. CIO2M")
    for letters in (sources, targets):
        twice = {letter for letter in letters if letters.count(letter) > 1}
        if twice:
            raise UserError(
                f"the protocol name {alias!r} repeats a dataset",
                found=", ".join(pool.entry(letter).name for letter in sorted(twice)),
            )
    in_both = sorted(set(sources) & set(targets))
    if in_both:
        names = ", ".join(pool.entry(letter).name for letter in in_both)
        raise UserError(
            f"the protocol name {alias!r} has {names} as source and as target",
            expected="different datasets",
            do="protocols inside one dataset are written oulu:P1",
        )


def _variant(alias: str, text: str) -> str:
    by_lower = {variant.lower(): variant for variant in cross().variants} | {"miss-id": "miss-DI"}
    plain = text.lower().replace("_", "-")
    if plain in by_lower:
        return by_lower[plain]
    if _SHOT.match(plain):
        return plain
    raise unknown_name(f"variant of the protocol name {alias!r}:", text, [*cross().variants, "shot5"])


def _inside(alias: str, dataset: str, entry: IntraDataset, rest: str) -> ProtocolName:
    wanted = next((to for name, to in entry.also.items() if name.lower() == rest.lower()), rest)
    full = next((name for name in entry.names() if name.lower() == wanted.lower()), None)
    if full is None and any(name.lower() == wanted.lower() for name in entry.protocols):
        folds = [name for name in entry.names() if name.lower().startswith(f"{wanted.lower()}.")]
        raise UserError(
            f"the protocol {alias!r} has several folds",
            expected=f"one of {', '.join(f'{dataset}:{name}' for name in folds)}",
        )
    if full is None:
        raise unknown_name(f"protocol of {dataset}", rest, entry.names())
    protocol = next(name for name in entry.protocols if full == name or full.startswith(f"{name}."))
    return ProtocolName(f"{dataset}:{full}", alias, dataset=dataset, protocol=protocol, fold=full[len(protocol) + 1 :])
