"""What one path means under a layout, and which layout a tree is in."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from fasdata.datasets.card import Card, Layout, spelling_key
from fasdata.datasets.own_table import Table
from fasdata.datasets.rule import PathRule, reader_of, template
from fasdata.datasets.tree import clip_id, is_left_behind, is_media
from fasdata.errors import unknown_name
from fasdata.foreign import Expression, expression
from fasdata.records import ATTACK_TYPES, LABELS, SPLITS, Clip

# -- What one path means ----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Rejected:
    """A path that is not a sample of its own.

    `kind`: `junk`, `sidecar`, `protocol-file`, `excluded-enroll`, `modality-member` or `unmatched-media`.
    """

    relpath: str
    kind: str


PathParser = Callable[[str], Clip | Rejected]


def path_parser(card: Card, layout: Layout) -> PathParser:
    """Return the function that parses paths below the dataset root (`/` between folders) in one layout of a card.

    A path is matched by its end: any folders may precede the official ones. The clip's `relpaths` hold what this path
    alone gives: the modalities of one file, or of the folder that a frame lies in.
    """
    if layout.table is not None:
        return _table_parser(card, layout.table)
    rules = [(_tail_pattern(rule.pattern), _clip_maker(card, layout, rule)) for rule in layout.rules]

    def parse(relpath: str) -> Clip | Rejected:
        if is_left_behind(relpath) or not _readable(relpath):
            return reject(card, relpath)
        for pattern, make in rules:
            if (match := pattern.search(relpath)) and (clip := make(relpath, match.groupdict(""))):
                return clip
        return reject(card, relpath)

    return parse


def _table_parser(card: Card, table: Table) -> PathParser:
    def parse(relpath: str) -> Clip | Rejected:
        clip = None if is_left_behind(relpath) or not _readable(relpath) else table.clip(relpath)
        return clip or reject(card, relpath)

    return parse


def reject(card: Card, relpath: str) -> Rejected:
    """Classify a path that no rule of the card matches."""
    if is_left_behind(relpath):
        return Rejected(relpath, "junk")
    if not _readable(relpath):
        return Rejected(relpath.encode("utf-8", "backslashreplace").decode(), "unmatched-media")
    for kind, patterns in card.rejects.items():
        if any(expression(pattern).search(relpath) for pattern in patterns):
            return Rejected(relpath, kind)
    media = is_media(relpath) or any(expression(pattern).search(relpath) for pattern in card.media)
    return Rejected(relpath, "unmatched-media" if media else "junk")


_WORDS = (SPLITS, LABELS, ATTACK_TYPES)


def _tail_pattern(pattern: str) -> Expression:
    return expression(pattern, "(?:^|/)(?:", ")$")


def _clip_maker(card: Card, layout: Layout, rule: PathRule) -> Callable[[str, dict[str, str]], Clip | None]:
    derive = [(name, reader_of(value)) for name, value in rule.derive.items()]
    standard = [reader_of(getattr(rule, name)) for name in ("split", "label", "attack_type", "pai", "subject")]
    fields = [(name, reader_of(value)) for name, value in rule.fields.items()]
    modality_of, tail_of, slug, name_of_layout = reader_of(layout.modality), template(rule.tail), card.slug, layout.name

    def make(relpath: str, groups: dict[str, str]) -> Clip | None:
        place = relpath.rpartition("/")[0] if groups.get("frame") else relpath
        if not layout.keep_case:
            groups = {name: value.lower() for name, value in groups.items()}
        # A table that lacks what the path says: better unmatched, and warned about, than half understood.
        for name, read in derive:
            if (derived := read(groups)) is None:
                return None
            groups[name] = derived
        modalities = modality_of(groups)
        values = [value for read in standard if (value := read(groups)) is not None]
        extra = {name: value for name, read in fields if (value := read(groups)) is not None}
        if modalities is None or len(values) < len(standard) or len(extra) < len(fields):
            return None
        relpaths = dict.fromkeys(modalities.split(), place)
        extra = {name: value for name, value in extra.items() if value}
        split, label, attack_type, pai, subject = values
        if any(word and word not in known for word, known in zip(values, _WORDS, strict=False)):
            return None  # a template gives whatever the path has in that place
        id_ = clip_id(tail_of(groups))
        return Clip(slug, id_, relpaths, split, label, attack_type, pai, subject, extra, name_of_layout)

    return make


def _readable(relpath: str) -> bool:
    """Tell whether the name is UTF-8 text, so that a record of it fits into JSON."""
    if relpath.isascii():
        return True
    try:
        relpath.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


# -- Which layout a tree is in ----------------------------------------------------------------------------------------


_SAMPLE = 3000


def find_layout(card: Card, name: str) -> Layout:
    """Return the card's layout of this name or alias.

    Raises:
        UserError: no such layout; names the nearest.
    """
    for layout in card.layouts:
        if spelling_key(name) in {spelling_key(spelling) for spelling in (layout.name, *layout.aliases)}:
            return layout
    raise unknown_name(f"layout of {card.name}", name, [layout.name for layout in card.layouts])


def match_rates(card: Card, relpaths: Sequence[str]) -> dict[str, float]:
    """Return for each layout the share (0 to 1) of the media that its rules match.

    Of a large tree only an even sample is parsed, unless nothing in it matches.
    """
    step = max(1, len(relpaths) // _SAMPLE)
    rates = {layout.name: _rate(card, layout, relpaths[::step]) for layout in card.layouts}
    if step > 1 and not any(rates.values()):
        rates = {layout.name: _rate(card, layout, relpaths) for layout in card.layouts}
    return rates


def best_layout(card: Card, rates: dict[str, float]) -> Layout:
    """Return the layout with the highest rate; among equals the first of the card."""
    return max(card.layouts, key=lambda layout: rates[layout.name])


def spell_rates(rates: dict[str, float]) -> str:
    """Return the rates as text, e.g. `challenge 98 %, crop 0 %`."""
    return ", ".join(f"{name} {100 * rate:.3g} %" for name, rate in rates.items())


def _rate(card: Card, layout: Layout, relpaths: Sequence[str]) -> float:
    parse = path_parser(card, layout)
    meanings = [parse(relpath) for relpath in relpaths]
    matched = sum(not isinstance(meaning, Rejected) for meaning in meanings)
    media = matched + sum(isinstance(meaning, Rejected) and meaning.kind == "unmatched-media" for meaning in meanings)
    return matched / media if media else 0.0
