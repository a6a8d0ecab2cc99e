"""Parse protocol names: every spelling in the literature becomes one canonical name."""

from __future__ import annotations

import re
from pathlib import Path

from fasdata.datasets.card import SLUG
from fasdata.errors import UserError, unknown_name
from fasdata.library import Library
from fasdata.protocols.dataset_names import FILE, OWN, Names, prefix_of, shipped_names
from fasdata.protocols.everywhere import LOO, generic_protocol, generic_spellings
from fasdata.protocols.file_grammar import named_by_canonical, read_protocol_file
from fasdata.protocols.lexer import Sides, Symbol
from fasdata.protocols.own_grammar import read_names, read_own
from fasdata.protocols.protocol_name import ProtocolName, require_apart, variant_of
from fasdata.protocols.vocabulary import Pool, advice, intra

__all__ = ["ProtocolName", "parse", "parse_in"]

_EACH = re.compile(r"(?P<arrow>(?:->|=>|→|2|(?<![A-Za-z])to)[\s_]*)each(?:[\s_]+of)?[\s_]+(?=\S)", re.IGNORECASE)


def parse(name: str, pool: str | None = None, names: Names | None = None) -> ProtocolName:
    """Parse a protocol name in any spelling of the literature, or the path of a protocol's file.

    `pool` settles names that are ambiguous without it; a pool inside the name must agree. `names` are the datasets that
    a name may name, by default the shipped ones; canonical names of others can be read without.

    >>> name = parse("O&C&I to M")
    >>> name.canonical, name.sources, name.targets
    ('mcio:CIO2M', 'CIO', 'M')
    >>> parse("C2I", pool="mcio").canonical
    'mcio:C2I'
    >>> parse("CASIA-FASD and WMCA to OULU-NPU").canonical
    'own:casia-fasd+wmca_to_oulu-npu'
    >>> parse("CelebA-Spoof to each of CASIA-FASD, OULU-NPU").canonical, parse("B2CO").each
    ('mcio:B2C+O', False)
    >>> name = parse("oulu:p3.2")
    >>> name.canonical, name.dataset, name.protocol, name.fold, name.intra
    ('oulu:P3.2', 'oulu', 'P3', '2', True)

    Raises:
        UserError: the name cannot be read, mixes pools, is ambiguous, or names an unknown dataset or variant; the file
            cannot be read.
    """
    names = names or shipped_names()
    text = name.strip()
    if pool is not None and pool not in names.pools:
        raise unknown_name("pool of protocol names", pool, names.pools)
    if text.lower().endswith((".yaml", ".yml")):
        return read_protocol_file(Path(text), names)
    plain = _EACH.sub(r"\g<arrow>", text, count=1)
    each = plain != text
    prefix, colon, rest = plain.partition(":")
    if not colon:
        return read_names(text, plain, names, each=each) or _across(text, plain, pool, names, each=each)
    prefix, rest = prefix.strip().lower(), rest.strip()
    if prefix in names.pools:
        if pool not in (None, prefix):
            raise UserError(f"the protocol name {name!r} is of pool {prefix}", expected=f"pool {pool}")
        return _across(text, rest, prefix, names, each=each)
    if prefix == OWN:
        return read_own(text, rest, names, each=each)
    if prefix == FILE:
        return named_by_canonical(text, rest)
    return _inside(text, prefix, rest, names)


def parse_in(library: Library, name: str) -> ProtocolName:
    """Parse a protocol name with the datasets of a library, own ones included.

    Raises:
        UserError: as `parse`, and where two datasets of the library claim one letter.
    """
    return parse(name, names=Names.of(library))


def _across(alias: str, text: str, pool: str | None, names: Names, *, each: bool) -> ProtocolName:
    body, _, variant = text.partition("@")
    body = body.strip()
    if pool and body.lower().startswith("to_"):
        sides = names.lexicon.split_sides(f"to {body[len('to_') :]}")
        sources, targets = "", _letters(alias, pool, sides.right or (), names)
    else:
        sides = names.lexicon.split_sides(body)
        if not sides.left:
            raise UserError(
                f"the protocol name {alias!r} names no source dataset", expected="e.g. CIO2M, CIO-M, mm:CPS2W"
            )
        pool = pool or _pool_of(alias, sides, names)
        sources, targets = _sides_in(alias, pool, sides, names)
    entries = names.pools[pool]
    members = [[names.in_pool(pool, letter) for letter in letters] for letters in (sources, targets)]
    require_apart(alias, *members)
    sources, targets = entries.sort(sources), entries.sort(targets)
    each = (each or sides.listed) and len(targets) > 1
    tested = "+".join(targets) if each else targets
    short = f"{sources}2{tested}" if sources else f"to_{tested}"
    variant = variant_of(alias, variant.strip()) if "@" in text else ("limited" if short in entries.limited else "")
    if variant == "limited" and len(sources) != 2:
        raise UserError(
            f"the protocol name {alias!r} says 'limited'", expected="two source datasets", found=str(len(sources))
        )
    canonical = f"{pool}:{short}" + (f"@{variant}" if variant else "")
    before, after = (tuple(names.in_pool(pool, letter) for letter in letters) for letters in (sources, targets))
    return ProtocolName(
        canonical, alias, pool, sources, targets, variant, source_sets=before, target_sets=after, each=each
    )


def _pool_of(alias: str, sides: Sides, names: Names) -> str:
    """Return the pool that the decisive datasets of a name belong to."""
    symbols = [*sides.left, *(sides.right or ())]
    for symbol in symbols:
        _require_known(alias, symbol, names)
    decisive = {next(iter(symbol.meanings)): symbol.text for symbol in reversed(symbols) if len(symbol.meanings) == 1}
    if len(decisive) > 1:
        mixed = " and ".join(f"{text} of pool {pool}" for pool, text in sorted(decisive.items()))
        raise UserError(f"the protocol name {alias!r} mixes pools", expected="datasets of one pool", found=mixed)
    if not decisive:
        pools = " or ".join(f"{pool}:{alias}" for pool in symbols[0].meanings)
        meant = " or ".join(
            f"{names.pools[pool].entry(letter).name} ({pool})" for pool, letter in symbols[0].meanings.items()
        )
        raise UserError(
            f"the protocol name {alias!r} is ambiguous: {symbols[0].text} is {meant}", do=f"give the pool: {pools}"
        )
    return next(iter(decisive))


def _sides_in(alias: str, pool: str, sides: Sides, names: Names) -> tuple[str, str]:
    """Return source and target letters, reading names without an arrow as FLIP's configs write them."""
    left = _letters(alias, pool, sides.left, names)
    if sides.right is not None:
        return left, _letters(alias, pool, sides.right, names)
    if len(left) == 1:
        return _leave_one_out(alias, pool, names.pools[pool], sides.left[0], left)
    if len(left) == 2 and not sides.joined and all(len(symbol.text) == 1 for symbol in sides.left):
        return left[0], left[1]
    raise UserError(
        f"the protocol name {alias!r} has no target",
        expected="an arrow before it, e.g. CIO2M, CIO-M, C&I&O to M",
        do=advice(alias),
    )


def _leave_one_out(alias: str, name: str, pool: Pool, symbol: Symbol, letter: str) -> tuple[str, str]:
    """Return the sources and target of a name that gives the target alone."""
    rule = pool.left_out
    sources = rule.benchmark.replace(letter, "")
    if letter not in rule.benchmark or (rule.by == "name" and len(symbol.text) == 1):
        everything = pool.order.replace(letter, "")
        raise UserError(
            f"the protocol name {alias!r} names only one dataset",
            do=f"write the sources too, e.g. {name}:{everything}2{letter}",
        )
    return sources, letter


def _letters(alias: str, pool: str, symbols: tuple[Symbol, ...], names: Names) -> str:
    letters = ""
    for symbol in symbols:
        _require_known(alias, symbol, names)
        if pool not in symbol.meanings:
            known = ", ".join(f"{entry.letter} {entry.name}" for entry in names.pools[pool].letters)
            raise UserError(f"{symbol.text!r} in {alias!r} is no dataset of pool {pool}", expected=known)
        letters += symbol.meanings[pool]
    return letters


def _require_known(alias: str, symbol: Symbol, names: Names) -> None:
    if not symbol.meanings:
        known = "; ".join(f"{pool}: {' '.join(entries.order)}" for pool, entries in names.pools.items())
        raise UserError(
            f"unknown letter {symbol.text!r} in the protocol name {alias!r}",
            expected=f"one of {known}",
            do=advice(alias),
        )


def _inside(alias: str, prefix: str, rest: str, names: Names) -> ProtocolName:
    member, generic = names.find(prefix), generic_protocol(rest)
    if member is None and generic and SLUG.fullmatch(prefix):
        member = names.member(prefix)
    if member is None:
        raise unknown_name("start of a protocol name", prefix, [*names.pools, *intra().datasets, *names.datasets])
    start = prefix_of(member.dataset)
    if start in (*names.pools, OWN, FILE):
        raise UserError(
            f"the dataset name {start!r} is a word of protocol names",
            do="extract it under another name to use protocols inside it",
        )
    entry = intra().datasets.get(start)
    named = entry.names() if entry else []
    if generic and generic[0].startswith(LOO) and any(name.startswith(LOO) for name in named):
        generic = None  # its owners say which species are left out
    meant = _own_protocol(alias, start, rest) or generic
    if meant is None:
        raise unknown_name(f"protocol of {start}", rest, [*named, *generic_spellings()])
    protocol, fold = meant
    full = f"{protocol}.{fold}" if fold else protocol
    return ProtocolName(f"{start}:{full}", alias, dataset=start, protocol=protocol, fold=fold, target_sets=(member,))


def _own_protocol(alias: str, start: str, rest: str) -> tuple[str, str] | None:
    """Return a protocol that the dataset's owners defined, and its fold; None where they defined none of this name."""
    entry = intra().datasets.get(start)
    if entry is None:
        return None
    wanted = next((to for name, to in entry.also.items() if name.lower() == rest.lower()), rest).lower()
    full = next((name for name in entry.names() if name.lower() == wanted), None)
    if full is not None:
        protocol = next(name for name in entry.protocols if full == name or full.startswith(f"{name}."))
        return protocol, full[len(protocol) + 1 :]
    if any(name.lower() == wanted for name in entry.protocols):
        folds = [name for name in entry.names() if name.lower().startswith(f"{wanted}.")]
        raise UserError(
            f"the protocol {alias!r} has several folds",
            expected=f"one of {', '.join(f'{start}:{name}' for name in folds)}",
        )
    return None
