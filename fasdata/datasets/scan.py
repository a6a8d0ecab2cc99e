"""A raw dataset's tree to clips."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from fasdata.datasets.card import Card, Layout
from fasdata.datasets.naming import natural_key
from fasdata.datasets.path_parser import Rejected, path_parser
from fasdata.datasets.registry import load_cards
from fasdata.datasets.subject_split import subject_lists
from fasdata.errors import UserError
from fasdata.records import Clip

_SHOWN = 3  # example paths in an error


@dataclass(frozen=True)
class ScanResult:
    """What the paths of a dataset mean. `notes` tells where values came from that no path holds."""

    clips: list[Clip]
    rejected: list[Rejected]
    layout: str
    notes: tuple[str, ...] = ()

    @property
    def junk(self) -> list[str]:
        """Paths that are no samples and need no warning: junk, sidecars, protocol files, enrolment."""
        return [reject.relpath for reject in self.rejected if reject.kind != "unmatched-media"]

    @property
    def unmatched(self) -> list[str]:
        """Media that no rule matches; to be warned about."""
        return [reject.relpath for reject in self.rejected if reject.kind == "unmatched-media"]


def scan(card: Card, root: Path, *, lists: Path | None = None) -> ScanResult:
    """Return the clips below `root` in natural order; `lists` is a folder with the release's list files.

    `root` may be the dataset's own folder or any folder above it: clip ids are the same.

    Raises:
        UserError: `root` is missing, no folder, empty, or holds nothing of this dataset; two paths are the same clip;
            list files are incomplete.
    """
    if not root.is_dir():
        what = "is a file" if root.exists() else "does not exist"
        raise UserError(
            f"the root {root} of {card.name} {what}", expected="the folder of the raw dataset", do="pass it with --root"
        )
    relpaths = sorted(_walk(root))
    if not relpaths:
        raise UserError(
            f"the root {root} of {card.name} is empty",
            expected=_examples(card),
            do="pass the folder of the raw dataset with --root",
        )
    result = parse_paths(card, relpaths, root=root, lists=lists)
    if not result.clips:
        raise _nothing_matches(card, root, relpaths)
    return result


def parse_paths(
    card: Card, relpaths: Sequence[str], *, root: Path | None = None, lists: Path | None = None
) -> ScanResult:
    """Return what paths below a dataset root mean, without touching the files (list files excepted).

    The layout that explains most paths is used.

    Raises:
        UserError: two paths are the same clip; list files are incomplete.
    """
    candidates = [(layout, *_apply(card, layout, relpaths)) for layout in card.layouts]
    layout, clips, rejected = max(candidates, key=lambda candidate: len(candidate[1]))
    notes: tuple[str, ...] = ()
    if card.subject_split:
        found = subject_lists(card, card.subject_split, relpaths, root, lists)
        clips = [found.apply(clip) for clip in clips]
        notes = (f"split from {found.source}",)
    _require_unique(card, clips)
    clips.sort(key=lambda clip: natural_key(clip.clip_id))
    return ScanResult(clips, rejected, layout.name, notes)


def _apply(card: Card, layout: Layout, relpaths: Sequence[str]) -> tuple[list[Clip], list[Rejected]]:
    parse = path_parser(card, layout)
    clips: list[Clip] = []
    rejected: list[Rejected] = []
    for relpath in relpaths:
        meaning = parse(relpath)
        if isinstance(meaning, Clip):
            clips.append(meaning)
        else:
            rejected.append(meaning)
    return clips, rejected


def _walk(root: Path) -> Iterator[str]:
    """Yield the files below `root` with `/` between folders; linked folders are followed once."""
    seen: set[str] = set()
    for folder, subfolders, files in os.walk(root, followlinks=True):
        real = os.path.realpath(folder)
        if real in seen:
            subfolders.clear()
            continue
        seen.add(real)
        subfolders.sort()
        relative = Path(folder).relative_to(root).as_posix()
        prefix = "" if relative == "." else f"{relative}/"
        yield from (prefix + name for name in files)


def _require_unique(card: Card, clips: list[Clip]) -> None:
    first: dict[str, Clip] = {}
    for clip in clips:
        other = first.setdefault(clip.clip_id, clip)
        if other is not clip:
            both = " and ".join(next(iter(same.relpaths.values())) for same in (other, clip))
            raise UserError(
                f"two paths are the same clip of {card.name}", found=both, do="point --root at one copy of the dataset"
            )


def _nothing_matches(card: Card, root: Path, relpaths: list[str]) -> UserError:
    others = [other for other in load_cards().values() if other.slug != card.slug]
    fitting = [other.name for other in others if any(_apply(other, layout, relpaths)[0] for layout in other.layouts)]
    hint = f"this looks like {fitting[0]}" if len(fitting) == 1 else "pass the folder of the raw dataset with --root"
    seen = ", ".join(repr(path) for path in relpaths[:_SHOWN])
    return UserError(
        f"nothing below {root} is a clip of {card.name}",
        expected=_examples(card),
        found=f"{len(relpaths)} files such as {seen}",
        do=hint,
    )


def _examples(card: Card) -> str:
    return "paths such as " + ", ".join(repr(path) for layout in card.layouts for path in layout.examples[:_SHOWN])
