"""What list files say of clips, and how it joins what their paths say."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from importlib import import_module
from pathlib import Path
from typing import Any

from fasdata.datasets.card import Card
from fasdata.datasets.list_files import ListFiles
from fasdata.datasets.path_parser import path_parser
from fasdata.errors import UserError
from fasdata.records import Clip

_NAMES = ("split", "label", "attack_type", "pai", "subject")


@dataclass(frozen=True)
class Facts:
    """Facts of one clip; empty: the list does not tell."""

    split: str = ""
    label: str = ""
    attack_type: str = ""
    pai: str = ""
    subject: str = ""
    fields: Mapping[str, str] = field(default_factory=dict)

    def told(self) -> dict[str, Any]:
        """Return what is known, `fields` apart."""
        return {name: value for name in _NAMES if (value := getattr(self, name))}

    def joined(self, later: Facts) -> Facts:
        """Return these facts with those of a later list laid over them."""
        return replace(self, fields={**self.fields, **later.fields}, **later.told())


ClipOf = Callable[[str], str]  # a path, as a list spells it, to a clip id; "" where it is no clip


@dataclass
class Listed:
    """Facts by clip id, and the names of the files that told them."""

    facts: dict[str, Facts] = field(default_factory=dict)
    sources: list[str] = field(default_factory=list)

    def tell(self, clip_id: str, facts: Facts) -> None:
        """Add facts of a clip: what is told later wins."""
        known = self.facts.get(clip_id)
        self.facts[clip_id] = facts if known is None else known.joined(facts)

    def apply(self, clip: Clip) -> Clip:
        """Return the clip with what the lists say of it; they win over the path."""
        known = self.facts.get(clip.clip_id)
        if known is None:
            return clip
        return replace(clip, fields={**clip.fields, **known.fields}, **known.told())

    def contradicts(self, clip: Clip) -> bool:
        """Tell whether a list and the path give the clip different labels."""
        known = self.facts.get(clip.clip_id)
        return bool(known and known.label and clip.label and known.label != clip.label)


def listed_facts(card: Card, relpaths: Iterable[str], root: Path | None, lists: Path | None) -> Listed:
    """Return what the list files of the card's release tell; nothing where it has no hook or no file is there.

    Files in `lists` are read, or else those among the paths of the dataset root.

    Raises:
        UserError: `lists` does not exist; a list file does not have the form of the release's.
    """
    found = Listed()
    if lists is not None and not lists.is_dir():
        raise UserError(f"--lists {lists} is not there", expected="a folder with the release's list files")
    if not card.hook:
        return found
    module = import_module(f"fasdata.datasets.hooks.{card.hook}")
    if lists is not None:
        found = module.read(ListFiles.below(lists), _clip_of(card))
    if not found.sources and root is not None:
        found = module.read(ListFiles.among(relpaths, root), _clip_of(card))
    return found


def bonafide_label(text: str, *, where: str, bonafide: str = "1") -> str:
    """Return bonafide or attack for the 0 or 1 of a list in which `bonafide` is the number of bona fide.

    Raises:
        UserError: neither 0 nor 1.
    """
    if text not in ("0", "1"):
        raise UserError(f"{where}: a label", expected="0 or 1", found=repr(text[:40]))
    return "bonafide" if text == bonafide else "attack"


def _clip_of(card: Card) -> ClipOf:
    parsers = [path_parser(card, layout) for layout in card.layouts]

    def clip_of(path: str) -> str:
        plain = path.replace("\\", "/").rstrip("/")
        for place, parse in enumerate(parsers):
            if isinstance(meaning := parse(plain), Clip):
                parsers.insert(0, parsers.pop(place))  # the next line is of the same kind
                return meaning.clip_id
        return ""

    return clip_of
