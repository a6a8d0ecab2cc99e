"""Names across any datasets: `CASIA-FASD + OULU-NPU to mylab` is canonically `own:casia-fasd+oulu-npu_to_mylab`.

Between names of datasets only ` to ` and `->` are arrows, since such names hold hyphens and digits; `+`, `,`, `&` and
`and` join them. Where all of them have a letter in one pool, the name is one of that pool. `own:to_mylab` names what is
only tested on. Several targets are one, judged together; `own:mine_to_each_a+b` (`mine to each of a, b`) judges each.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from fasdata.datasets.card import SLUG
from fasdata.errors import UserError
from fasdata.protocols.dataset_names import OWN, Member, Names
from fasdata.protocols.protocol_name import EACH, ProtocolName, require_apart, variant_of

_ARROW = re.compile(r"\s*->\s*|\s+to\s+", re.IGNORECASE)
_JOINT = re.compile(r"\s*[+,&]\s*|\s+and\s+", re.IGNORECASE)
_CANONICAL = re.compile(r"(?:(?P<left>[^_@]+)_)?to_(?P<right>[^_@]+)")


def read_own(alias: str, rest: str, names: Names, *, each: bool = False) -> ProtocolName:
    """Read what stands after `own:`: slugs, as canonical names write them; `each`: their targets are judged one by one.

    Raises:
        UserError: another form, or a dataset twice.
    """
    body, at, variant = rest.partition("@")
    match = _CANONICAL.fullmatch(body.strip().lower())
    sides = [_slugs(match[side]) for side in ("left", "right")] if match else []
    if not match or not all(SLUG.fullmatch(slug) for side in sides for slug in side):
        raise UserError(
            f"the protocol name {alias!r} cannot be read",
            expected=f"{OWN}:casia-fasd+oulu-npu_to_mylab, or names: 'CASIA-FASD + OULU-NPU to mylab'",
        )
    sources, targets = ([names.member(slug) for slug in side] for side in sides)
    return own_name(alias, sources, targets, variant_of(alias, variant.strip()) if at else "", each=each)


def read_names(alias: str, text: str, names: Names, *, each: bool = False) -> ProtocolName | None:
    """Read names of datasets around an arrow; None where that is no such name, or one of a pool.

    `alias` is the whole spelling, `text` is without the words that say `each`.

    Raises:
        UserError: a dataset is unknown among known ones, or stands twice.
    """
    body, at, variant = text.partition("@")
    sides = _ARROW.split(body.strip())
    if len(sides) != 2 or not all(sides):
        return None
    words = [[word for word in _JOINT.split(side) if word.strip()] for side in sides]
    members = [[names.find(word) if len(word) > 1 else None for word in side] for side in words]
    flat = [member for side in members for member in side]
    if not any(flat) or not all(words):
        return None
    spelled = [word for side in words for word in side]
    in_pools = [_pools(word, member, names) for word, member in zip(spelled, flat, strict=True)]
    if set.intersection(*in_pools):
        return None
    for word, member in zip(spelled, flat, strict=True):
        if member is None:
            raise _unknown(alias, word, names)
    sources, targets = ([member for member in side if member] for side in members)
    return own_name(alias, sources, targets, variant_of(alias, variant.strip()) if at else "", each=each)


def own_name(
    alias: str, sources: Sequence[Member], targets: Sequence[Member], variant: str = "", *, each: bool = False
) -> ProtocolName:
    """Return the name of a protocol from some datasets to others, each side in alphabetical order.

    >>> own_name("", [Member("oulu-npu", "OULU-NPU"), Member("mine", "mine")], [Member("wmca", "WMCA")]).canonical
    'own:mine+oulu-npu_to_wmca'

    Raises:
        UserError: a dataset twice, or none to test on.
    """
    require_apart(alias, list(sources), list(targets))
    before, after = (tuple(sorted(side, key=lambda member: member.dataset)) for side in (sources, targets))
    left = "+".join(member.dataset for member in before)
    each = each and len(after) > 1
    right = (EACH if each else "") + "+".join(member.dataset for member in after)
    canonical = f"{OWN}:{left}{'_' if left else ''}to_{right}" + (f"@{variant}" if variant else "")
    return ProtocolName(
        canonical, alias or canonical, pool=OWN, variant=variant, source_sets=before, target_sets=after, each=each
    )


def _slugs(side: str | None) -> list[str]:
    return side.split("+") if side else []


def _pools(word: str, member: Member | None, names: Names) -> set[str]:
    """Return the pools in which a word means a dataset, or letters do as in `CIO + celeba to M`."""
    if member:
        return names.lexicon.pools_of(word)
    try:
        sides = names.lexicon.split_sides(word)
    except UserError:
        return set()
    if sides.right is not None or not sides.left:
        return set()
    return set.intersection(*(set(symbol.meanings) for symbol in sides.left))


def _unknown(text: str, word: str, names: Names) -> UserError:
    if _pools(word, None, names):
        return UserError(
            f"the protocol name {text!r} mixes letters with datasets of no common pool",
            found=word,
            do="write the names of all datasets: 'CASIA-FASD + OULU-NPU to mylab'",
        )
    return names.unknown(word)
