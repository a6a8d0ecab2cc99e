"""A parsed protocol name, and the variants that names end in."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from fasdata.errors import UserError, unknown_name
from fasdata.protocols.dataset_names import FILE, OWN, Member
from fasdata.protocols.vocabulary import cross

if TYPE_CHECKING:
    from fasdata.protocols.protocol_file import ProtocolFile

_SHOT = re.compile(r"^shot([1-9]\d{0,3})$")
EACH = "each_"  # before the datasets that a name in `own` tests one by one; letters of a pool are joined by `+` instead


@dataclass(frozen=True)
class ProtocolName:
    """A parsed protocol name. `alias` is the spelling that was given.

    Across datasets: `pool` (`own` for datasets of any pool or none), `sources` and `targets` (canonical letters, in
    pool order; "" in `own`), `source_sets` and `target_sets` (the datasets themselves) and `variant`. Without sources
    it names what is only tested on. `each`: there are several targets, and each is judged on its own; else the clips of
    all target datasets are judged together, as one target.
    Inside one dataset: `dataset` (the prefix of the name), `protocol` and `fold`, and the dataset itself in
    `target_sets`. From a file: `file`, None where the canonical name was given and not the file.
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
    source_sets: tuple[Member, ...] = ()
    target_sets: tuple[Member, ...] = ()
    each: bool = False
    file: ProtocolFile | None = None

    @property
    def intra(self) -> bool:
        """Whether the protocol stays inside one dataset."""
        return bool(self.dataset)

    def __str__(self) -> str:
        return self.canonical


def judges_each(canonical: str) -> bool:
    """Tell from its canonical name whether a protocol has several targets that are judged one by one.

    >>> [judges_each(name) for name in ("mcio:B2C+I", "mcio:B2CI", "own:a_to_each_c+d", "own:a_to_c+d")]
    [True, False, True, False]
    """
    pool, _, rest = canonical.partition(":")
    body = rest.partition("@")[0]
    if pool == OWN:
        return f"to_{EACH}" in body
    return pool != FILE and "+" in body


def variant_of(alias: str, text: str) -> str:
    """Return a variant in its canonical spelling.

    Raises:
        UserError: there is none of this name.
    """
    by_lower = {variant.lower(): variant for variant in cross().variants} | {"miss-id": "miss-DI"}
    plain = text.lower().replace("_", "-")
    if plain in by_lower:
        return by_lower[plain]
    if _SHOT.match(plain):
        return plain
    raise unknown_name(f"variant of the protocol name {alias!r}:", text, [*cross().variants, "shot5"])


def require_apart(alias: str, sources: list[Member], targets: list[Member]) -> None:
    """Stop where a name repeats a dataset, has one on both sides, or no target.

    Raises:
        UserError: names the datasets.
    """
    if not targets:
        raise UserError(f"the protocol name {alias!r} has no target", expected="e.g. CIO2M")
    for side in (sources, targets):
        slugs = [member.dataset for member in side]
        twice = [member.name for member in side if slugs.count(member.dataset) > 1]
        if twice:
            raise UserError(
                f"the protocol name {alias!r} repeats a dataset", found=", ".join(sorted(dict.fromkeys(twice)))
            )
    tested = {member.dataset for member in targets}
    in_both = [member.name for member in sources if member.dataset in tested]
    if in_both:
        raise UserError(
            f"the protocol name {alias!r} has {', '.join(in_both)} as source and as target",
            expected="different datasets",
            do="protocols inside one dataset are written oulu:P1, mylab:split",
        )
