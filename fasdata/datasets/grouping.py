"""Files to clips: frames join their folder, modalities their recording."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from fasdata.datasets.card import Card, Layout
from fasdata.datasets.naming import natural_key
from fasdata.datasets.path_parser import Rejected, path_parser
from fasdata.errors import UserError
from fasdata.records import Clip

_DIGITS = str.maketrans("123456789", "000000000")


@dataclass
class Grouped:
    """The clips of a tree in natural order, what is none, and how many files hold colour, by clip."""

    clips: list[Clip]
    rejected: list[Rejected]
    frames: dict[str, int]


@dataclass
class _Growing:
    clip: Clip
    relpaths: dict[str, str]
    frames: int = 0


def group(card: Card, layout: Layout, relpaths: Iterable[str]) -> Grouped:
    """Return the clips that paths make in one layout.

    Raises:
        UserError: two files or folders are the same modality of the same clip.
    """
    parse = path_parser(card, layout)
    growing: dict[str, _Growing] = {}
    rejected: list[Rejected] = []
    # Frames of a folder differ in their digits only: one is parsed, the others follow.
    alike: dict[tuple[str, str], tuple[_Growing, bool]] = {}
    for relpath in relpaths:
        folder, _, name = relpath.rpartition("/")
        shape = (folder, name.translate(_DIGITS))
        if known := alike.get(shape):
            known[0].frames += known[1]
            continue
        meaning = parse(relpath)
        if isinstance(meaning, Rejected):
            rejected.append(meaning)
            continue
        one = growing.setdefault(meaning.clip_id, _Growing(meaning, {}))
        for modality, path in meaning.relpaths.items():
            if one.relpaths.setdefault(modality, path) != path:
                raise _twice(card, one.relpaths[modality], path)
        coloured = "rgb" in meaning.relpaths
        one.frames += coloured
        if folder in meaning.relpaths.values():
            alike[shape] = (one, coloured)
    clips = [
        one.clip if one.relpaths == one.clip.relpaths else replace(one.clip, relpaths=one.relpaths)
        for one in growing.values()
    ]
    clips.sort(key=lambda clip: natural_key(clip.clip_id))
    return Grouped(clips, rejected, {clip_id: one.frames for clip_id, one in growing.items()})


def _twice(card: Card, first: str, second: str) -> UserError:
    return UserError(
        f"two paths are the same clip of {card.name}",
        found=f"{first} and {second}",
        do="point --root at one copy of the dataset",
    )
