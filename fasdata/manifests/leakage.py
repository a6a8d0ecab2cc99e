"""Find leakage: clips, people and contents that are in more than one part of a manifest."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import Literal

from fasdata.errors import UserError
from fasdata.manifests.meta import Crossing
from fasdata.records import ClipRecord
from fasdata.store.hashes import frame_content

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


# -- Whether two clips show the same, under whatever names and in whichever stores ------------------------------------


def contents_of(record: ClipRecord) -> frozenset[str]:
    """Return what a clip is known by without its name: the hash of its crops, and of each frame with a found face.

    The hash of all crops changes with the choice of frames, with region and codec. That a face as sharp and as bright
    was found at the same place of the same frame, to the last digit, does not: copies that two stores hold differently
    share such frames. Stores that were made before faces were measured have the first alone.
    """
    whole = {record.pixel_hash} - {""}
    return frozenset(whole).union(content.hex() for frame in record.frames if (content := frame_content(frame)))


def same_content(contents: Iterable[Collection[str]]) -> list[str]:
    """Return a key for each clip, equal where clips share a content; "" for one of which nothing is known.

    >>> same_content([{"a", "b"}, {"c"}, {"b"}, ()])
    ['a', 'c', 'a', '']
    """
    key_of: dict[str, str] = {}
    keys = []
    for known in contents:
        if not known:
            keys.append("")
            continue
        key = next((key_of[content] for content in sorted(known) if content in key_of), min(known))
        key_of.update((content, key) for content in known if content not in key_of)
        keys.append(key)
    return keys
