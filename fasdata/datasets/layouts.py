"""What one path means under a layout, and which layout a tree is in."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

from fasdata.datasets.attack_words import attack_of_folder, names_attack
from fasdata.datasets.card import Card, Layout, spelling_key
from fasdata.datasets.own_table import Table
from fasdata.datasets.rule import PathRule, reader_of, template
from fasdata.datasets.tree import IMAGE, VIDEO, clip_id, ending, is_left_behind, is_media, own_id
from fasdata.errors import unknown_name
from fasdata.foreign import Expression, expression
from fasdata.records import ATTACK_TYPES, LABELS, SPLITS, Clip

# -- What one path means ----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Rejected:
    """A path that is not a sample of its own.

    `kind`: `junk`, `sidecar`, `protocol-file`, `excluded-enroll`, `modality-member`, `second-file` or
    `unmatched-media`. Of a second file for one clip, `of` is the one that is used.
    """

    relpath: str
    kind: str
    of: str = ""


PathParser = Callable[[str], Clip | Rejected]


def path_parser(card: Card, layout: Layout) -> PathParser:
    """Return the function that parses paths below the dataset root (`/` between folders) in one layout of a card.

    A path is matched by its end: any folders may precede the official ones. The clip's `relpaths` hold what this path
    alone gives: the modalities of one file, or of the folder that a frame lies in. Of a release of videos, a video with
    another ending and a picture in a folder named like a video are that clip too; its field `container` says so.
    """
    if layout.table is not None:
        return _table_parser(card, layout.table)
    rules = [(_tail_pattern(rule.pattern), _clip_maker(card, layout, rule)) for rule in layout.rules]
    endings = _release_endings(layout)

    def by_rules(relpath: str) -> Clip | None:
        for pattern, make in rules:
            if (match := pattern.search(relpath)) and (clip := make(relpath, match.groupdict(""))):
                return clip
        return None

    def parse(relpath: str) -> Clip | Rejected:
        if is_left_behind(relpath) or not _readable(relpath):
            return reject(card, relpath)
        if clip := by_rules(relpath):
            return clip
        rejected = reject(card, relpath)
        if rejected.kind == "unmatched-media" and endings:
            spellings = _release_spellings(relpath, endings)
            if any(reject(card, spelling).kind == "excluded-enroll" for spelling in spellings):
                return Rejected(relpath, "excluded-enroll")
            return _in_other_container(relpath, spellings, by_rules) or rejected
        return rejected

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
    attack_name = reader_of(rule.attack_name)
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
        if attack := attack_name(groups):
            its_type, species = attack_of_folder(attack) or ("unknown", attack)
            attack_type, pai = attack_type or its_type, pai or species
        tail = tail_of(groups)
        id_ = clip_id(tail) if layout.ids == "tail" else own_id(tail + _own_ending(place))
        return Clip(slug, id_, relpaths, split, label, attack_type, pai, subject, extra, name_of_layout)

    return make


def _own_ending(path: str) -> str:
    """Return the ending of a file as it is written, with its dot."""
    name = path.rpartition("/")[2]
    return name[name.rindex(".") :] if "." in name else ""


def earlier_ids(card: Card, layout: Layout, clips: Iterable[Clip]) -> dict[str, str]:
    """Return the ids that clips had before ids kept the ending, by their id of today; none for a release."""
    if layout.ids == "tail":
        return {}
    if layout.table is not None:
        return {clip.clip_id: layout.table.earlier_id(clip.clip_id) for clip in clips}
    parse = path_parser(card, layout.model_copy(update={"ids": "tail"}))
    meanings = ((clip.clip_id, parse(next(iter(clip.relpaths.values())))) for clip in clips)
    return {id_: meaning.clip_id for id_, meaning in meanings if isinstance(meaning, Clip)}


def _readable(relpath: str) -> bool:
    """Tell whether the name is UTF-8 text, so that a record of it fits into JSON."""
    if relpath.isascii():
        return True
    try:
        relpath.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


# -- Copies that differ from the release in the container alone -------------------------------------------------------

CONTAINER, FRAMES = "container", "frames"  # the clip's field that says what stands for the release's file


def _release_endings(layout: Layout) -> tuple[str, ...]:
    """Return the endings of a release's videos; none where endings tell clips apart, or where there are no videos."""
    if layout.reader != "video" or layout.ids == "path":
        return ()
    return tuple(dict.fromkeys(end for path in layout.examples if (end := ending(path)) in VIDEO))


def _release_spellings(relpath: str, endings: Sequence[str]) -> list[str]:
    """Return the paths of the release that a video with another ending, or a picture in a folder, may stand for."""
    own = ending(relpath)
    if own in VIDEO:
        stem = relpath[: -len(own) - 1]
    elif own in IMAGE and "/" in relpath:
        folder = relpath.rpartition("/")[0]
        stem = folder[: -len(ending(folder)) - 1] if ending(folder) in VIDEO else folder
    else:
        return []
    return [f"{stem}.{end}" for end in endings]


def _in_other_container(relpath: str, spellings: Sequence[str], by_rules: Callable[[str], Clip | None]) -> Clip | None:
    """Return the clip that one of the spellings is, with its own file or folder."""
    clip = next((clip for clip in map(by_rules, spellings) if clip), None)
    if clip is None:
        return None
    frames = ending(relpath) in IMAGE
    place, container = (relpath.rpartition("/")[0], FRAMES) if frames else (relpath, ending(relpath))
    return replace(clip, relpaths=dict.fromkeys(clip.relpaths, place), fields={**clip.fields, CONTAINER: container})


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
    layouts = recognisable(card, relpaths)
    rates = {layout.name: _rate(card, layout, relpaths[::step]) for layout in layouts}
    if step > 1 and not any(rates.values()):
        rates = {layout.name: _rate(card, layout, relpaths) for layout in layouts}
    return {layout.name: rates.get(layout.name, 0.0) for layout in card.layouts}


def recognisable(card: Card, relpaths: Sequence[str]) -> list[Layout]:
    """Return the layouts of the card that these paths may be in, those that are recognised by their words first."""
    plain = [layout for layout in card.layouts if not layout.words_in]
    return [*(layout for layout in card.layouts if layout.words_in and not _strange_words(layout, relpaths)), *plain]


def _strange_words(layout: Layout, relpaths: Sequence[str]) -> set[str]:
    """Return the values of the layout's `words_in` that name no attack in a word of the field; {""} without a value."""
    patterns = [_tail_pattern(rule.pattern) for rule in layout.rules if layout.words_in in rule.groups]
    matches = (next(filter(None, (pattern.search(path) for pattern in patterns)), None) for path in relpaths)
    words = {match[layout.words_in] for match in matches if match and match[layout.words_in]}
    return {word for word in words if not names_attack(word)} or (set() if words else {""})


def best_layout(card: Card, rates: dict[str, float]) -> Layout:
    """Return the layout with the highest rate; among equals the one recognised by its words, else the card's first."""
    return max(card.layouts, key=lambda layout: (rates[layout.name], bool(layout.words_in) == (rates[layout.name] > 0)))


def spell_rates(rates: dict[str, float]) -> str:
    """Return the rates as text, e.g. `challenge 98 %, crop 0 %`."""
    return ", ".join(f"{name} {100 * rate:.3g} %" for name, rate in rates.items())


def _rate(card: Card, layout: Layout, relpaths: Sequence[str]) -> float:
    parse = path_parser(card, layout)
    meanings = [parse(relpath) for relpath in relpaths]
    matched = sum(not isinstance(meaning, Rejected) for meaning in meanings)
    media = matched + sum(isinstance(meaning, Rejected) and meaning.kind == "unmatched-media" for meaning in meanings)
    return matched / media if media else 0.0
