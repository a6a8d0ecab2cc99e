"""The leakage gate: what stands in two parts of a manifest."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from fasdata.errors import UserError

_SHOWN = 3


def crossings(keys: Iterable[str], parts: Iterable[str]) -> dict[str, tuple[str, ...]]:
    """Return the keys that occur in more than one part, with those parts; the empty key never counts."""
    where: dict[str, set[str]] = {}
    for key, part in zip(keys, parts, strict=True):
        if key:
            where.setdefault(key, set()).add(part)
    return {key: tuple(sorted(found)) for key, found in where.items() if len(found) > 1}


def require_no_crossing(
    what: str, keys: Sequence[str], parts: Sequence[str], names: Sequence[str] | None = None
) -> None:
    """Stop where a key stands in two parts; `names` are what to call the items in the message (default: the keys).

    Raises:
        UserError: names the first crossings and their parts.
    """
    crossing = crossings(keys, parts)
    if not crossing:
        return
    shown = []
    for key in sorted(crossing)[:_SHOWN]:
        called = dict.fromkeys(name for other, name in zip(keys, names or keys, strict=True) if other == key)
        shown.append(f"{' = '.join(list(called)[:_SHOWN])} in {' and '.join(crossing[key])}")
    raise UserError(
        f"leakage: the same {what} stands in two parts of the manifest",
        expected="every clip, person and content in one part",
        found=f"{len(crossing)}, such as {', '.join(shown)}",
        do="remove the copies from the dataset, or choose another protocol or recipe",
    )
