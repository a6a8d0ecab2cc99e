"""Find leakage: clips, people and contents that are in more than one part of a manifest."""

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
    several: dict[str, set[str]] = {}
    for key, part in zip(keys, parts, strict=True):
        if key and first.setdefault(key, part) != part:
            several.setdefault(key, {first[key]}).add(part)
    return {key: tuple(sorted(of_key)) for key, of_key in several.items()}


def find_crossing(
    kind: Kind, keys: Sequence[str], parts: Sequence[str], names: Sequence[str] | None = None
) -> Crossing | None:
    """Return the keys that cross parts, counted and with examples, or None; `names` name them (default: the keys)."""
    parts_of = crossings(keys, parts)
    if not parts_of:
        return None
    first = sorted(parts_of)[:_SHOWN]
    names_of: dict[str, dict[str, None]] = {key: {} for key in first}
    for key, name in zip(keys, names or keys, strict=True):
        if key in names_of:
            names_of[key][name] = None
    examples = [f"{' = '.join(list(names_of[key])[:_SHOWN])} in {' and '.join(parts_of[key])}" for key in first]
    return Crossing(kind=kind, number=len(parts_of), examples=examples)


def require_no_crossing(crossing: Crossing | None) -> None:
    """Stop where something crosses parts.

    Raises:
        UserError: names the first crossings and their parts.
    """
    if crossing is None:
        return
    raise UserError(
        f"leakage: the same {crossing.kind} is in two parts of the manifest",
        expected="every clip, person and content in one part",
        found=f"{crossing.number}, such as {', '.join(crossing.examples)}",
        do="remove the copies from the dataset, choose another protocol or recipe, "
        "or build it with 'fasdata build-protocol … --allow-leakage reason'",
    )
