"""The leakage gate: what stands in two parts of a manifest."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Literal

from fasdata.errors import UserError
from fasdata.manifest.meta import Crossing

_SHOWN = 3
Kind = Literal["clip", "person", "content"]


def crossings(keys: Iterable[str], parts: Iterable[str]) -> dict[str, tuple[str, ...]]:
    """Return the keys that occur in more than one part, with those parts; the empty key never counts."""
    first: dict[str, str] = {}
    crossing: dict[str, set[str]] = {}
    for key, part in zip(keys, parts, strict=True):
        if key and first.setdefault(key, part) != part:
            crossing.setdefault(key, {first[key]}).add(part)
    return {key: tuple(sorted(found)) for key, found in crossing.items()}


def find_crossing(
    kind: Kind, keys: Sequence[str], parts: Sequence[str], names: Sequence[str] | None = None
) -> Crossing | None:
    """Return what crosses parts, or None; `names` are what to call the items (default: the keys)."""
    crossing = crossings(keys, parts)
    if not crossing:
        return None
    shown = sorted(crossing)[:_SHOWN]
    called: dict[str, dict[str, None]] = {key: {} for key in shown}
    for key, name in zip(keys, names or keys, strict=True):
        if key in called:
            called[key][name] = None
    examples = [f"{' = '.join(list(called[key])[:_SHOWN])} in {' and '.join(crossing[key])}" for key in shown]
    return Crossing(kind=kind, number=len(crossing), examples=examples)


def require_none(found: Crossing | None) -> None:
    """Stop where something crosses parts.

    Raises:
        UserError: names the first crossings and their parts.
    """
    if found is None:
        return
    raise UserError(
        f"leakage: the same {found.kind} stands in two parts of the manifest",
        expected="every clip, person and content in one part",
        found=f"{found.number}, such as {', '.join(found.examples)}",
        do="remove the copies from the dataset, choose another protocol or recipe, "
        "or let it through with --allow-leakage 'reason'",
    )
