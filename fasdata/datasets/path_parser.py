"""What one path means: a pure function of the path and a card."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from fasdata.datasets.card import Card, Layout, Mapped, PathRule, Value, fill
from fasdata.datasets.naming import clip_id
from fasdata.records import Clip

VIDEO = ("avi", "mov", "mp4", "m4v", "mkv", "webm", "mpg", "mpeg", "wmv", "flv", "3gp", "mts", "ts")
IMAGE = ("jpg", "jpeg", "png", "bmp", "tif", "tiff", "webp", "pgm", "ppm")
ARRAY = ("hdf5", "h5", "npz", "npy", "mat", "bag")
_MEDIA = re.compile(rf"\.(?:{'|'.join((*VIDEO, *IMAGE, *ARRAY))})$", re.IGNORECASE)
# What macOS and Windows leave behind; `._x.avi` looks like a video and is none.
_LEFT_BEHIND = re.compile(r"(?:^|/)(?:\._[^/]*|\.[^/]+|thumbs\.db|desktop\.ini)$|(?:^|/)__MACOSX/", re.IGNORECASE)


@dataclass(frozen=True)
class Rejected:
    """A path that is no sample: `junk`, `sidecar`, `protocol-file`, `excluded-enroll` or `unmatched-media`."""

    relpath: str
    kind: str


PathParser = Callable[[str], Clip | Rejected]


def path_parser(card: Card, layout: Layout) -> PathParser:
    """Return the function that reads paths below the dataset root, `/` between folders, in one layout of a card.

    A path counts by its tail: any folders may stand before the official ones.
    """
    rules = [(_tail_pattern(rule.pattern), rule) for rule in layout.rules]
    rejects = [
        (kind, re.compile(pattern, re.IGNORECASE)) for kind, patterns in card.rejects.items() for pattern in patterns
    ]

    def parse(relpath: str) -> Clip | Rejected:
        if _LEFT_BEHIND.search(relpath):
            return Rejected(relpath, "junk")
        if not _readable(relpath):
            return Rejected(relpath.encode("utf-8", "backslashreplace").decode(), "unmatched-media")
        for kind, reject in rejects:
            if reject.search(relpath):
                return Rejected(relpath, kind)
        for pattern, rule in rules:
            match = pattern.search(relpath)
            clip = _clip(card, layout, rule, relpath, match.groupdict("")) if match else None
            if clip:
                return clip
        return Rejected(relpath, "unmatched-media" if _MEDIA.search(relpath) else "junk")

    return parse


def _tail_pattern(pattern: str) -> re.Pattern[str]:
    return re.compile(rf"(?:^|/)(?:{pattern})$", re.IGNORECASE)


def _clip(card: Card, layout: Layout, rule: PathRule, relpath: str, groups: dict[str, str]) -> Clip | None:
    if not layout.keep_case:
        groups = {name: value.lower() for name, value in groups.items()}
    named = {name: getattr(rule, name) for name in ("split", "label", "attack_type", "pai", "subject")}
    values = {name: _value(value, groups) for name, value in (*named.items(), *rule.fields.items())}
    if None in values.values():
        return None  # a table lacks what the path says: better unmatched, and seen, than half understood
    known = {name: value for name, value in values.items() if value is not None}
    fields = {name: known[name] for name in rule.fields if known[name]}
    return Clip(
        dataset=card.slug,
        clip_id=clip_id(fill(rule.tail, groups)),
        relpaths={layout.modality: relpath},
        fields=fields,
        layout=layout.name,
        **{name: known[name] for name in named},
    )


def _value(value: Value, groups: dict[str, str]) -> str | None:
    return value.fill(groups) if isinstance(value, Mapped) else fill(value, groups)


def _readable(relpath: str) -> bool:
    """Tell whether the name is text: a record of it must fit into JSON."""
    try:
        relpath.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True
