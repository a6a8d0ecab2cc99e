"""Scan a raw dataset: parse every path, group frames and modalities into clips, add the facts of list files."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from fasdata.datasets.card import Card, Layout
from fasdata.datasets.layouts import CONTAINER, FRAMES, Rejected, best_layout, find_layout, match_rates, path_parser
from fasdata.datasets.list_facts import read_list_facts, subject_lists
from fasdata.datasets.own_table import require_kinds
from fasdata.datasets.roots import examples_of, nothing_matches, place_notes
from fasdata.datasets.tree import natural_key, redact, walk
from fasdata.errors import UserError
from fasdata.records import Clip

# -- Group files into clips: frames by folder, modalities by recording ------------------------------------------------

_DIGITS = str.maketrans("123456789", "000000000")


@dataclass
class Grouped:
    """The clips of a tree in natural order, the paths that are not clips, and each clip's number of colour files."""

    clips: list[Clip]
    rejected: list[Rejected]
    frames: dict[str, int]


@dataclass
class _OpenClip:
    clip: Clip
    relpaths: dict[str, str]
    frames: int = 0

    def clashes(self, meaning: Clip) -> str:
        """Return the path that is already the same modality of this clip, "" where there is none."""
        pairs = ((self.relpaths.get(modality, path), path) for modality, path in meaning.relpaths.items())
        return next((before for before, path in pairs if before != path), "")


def group(card: Card, layout: Layout, relpaths: Iterable[str]) -> Grouped:
    """Group paths into the clips of one layout.

    Of two files or folders that are the same modality of the same clip one is used: the first, or the one in the
    release's own container. The other is rejected as a second file.
    """
    parse = path_parser(card, layout)
    open_clips: dict[str, _OpenClip] = {}
    rejected: list[Rejected] = []
    # Frames of a folder differ in their digits only: the first is parsed, the others are counted.
    alike: dict[tuple[str, str], tuple[_OpenClip | None, bool]] = {}
    second: set[str] = set()
    for relpath in relpaths:
        folder, _, name = relpath.rpartition("/")
        shape = (folder, name.translate(_DIGITS))
        if first := alike.get(shape):
            if first[0]:
                first[0].frames += first[1]
            continue
        meaning = parse(relpath)
        if isinstance(meaning, Rejected):
            rejected.append(meaning)
            continue
        entry = open_clips.setdefault(meaning.clip_id, _OpenClip(meaning, {}))
        coloured = "rgb" in meaning.relpaths
        of_folder = folder in meaning.relpaths.values()
        if clash := entry.clashes(meaning):
            if CONTAINER in entry.clip.fields and CONTAINER not in meaning.fields:
                rejected += [Rejected(path, "second-file", relpath) for path in {*entry.relpaths.values()} - second]
                second.update(entry.relpaths.values())
                entry = open_clips[meaning.clip_id] = _OpenClip(meaning, {})
            else:
                places = {*meaning.relpaths.values()} - second
                rejected += [Rejected(path, "second-file", clash) for path in sorted(places)]
                second |= places
                if of_folder:
                    alike[shape] = (None, coloured)
                continue
        entry.relpaths.update(meaning.relpaths)
        entry.frames += coloured
        if of_folder:
            alike[shape] = (entry, coloured)
    clips = [
        entry.clip if entry.relpaths == entry.clip.relpaths else replace(entry.clip, relpaths=entry.relpaths)
        for entry in open_clips.values()
    ]
    clips.sort(key=lambda clip: natural_key(clip.clip_id))
    return Grouped(clips, rejected, {clip_id: entry.frames for clip_id, entry in open_clips.items()})


# -- Scan a raw dataset -----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class ScanResult:
    """The clips of a dataset, and the paths that are not clips.

    `layout_spec` is the layout of the paths, with the reader that opens them; `rates` the share of the media that each
    layout of the card matches; `frames` the number of colour files by clip id. `notes` says where values came from
    that are in no path, and what contradicts; `skipped` which entries of the tree cannot be looked at, and why.
    `promised` are the clips of a table some of whose files are not there, all its files included, and `absent` these
    files.
    """

    clips: list[Clip]
    rejected: list[Rejected]
    layout_spec: Layout
    rates: Mapping[str, float] = field(default_factory=dict)
    frames: Mapping[str, int] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    skipped: tuple[str, ...] = ()
    promised: tuple[Clip, ...] = ()
    absent: tuple[str, ...] = ()

    @property
    def layout(self) -> str:
        """The name of the layout."""
        return self.layout_spec.name

    @property
    def junk(self) -> list[str]:
        """The paths that are not samples and need no warning: junk, sidecars, protocol files, enrolment."""
        return [reject.relpath for reject in self.rejected if reject.kind not in ("unmatched-media", "second-file")]

    @property
    def unmatched(self) -> list[str]:
        """The media that no rule matches, to be warned about."""
        return [reject.relpath for reject in self.rejected if reject.kind == "unmatched-media"]

    @property
    def second_files(self) -> list[str]:
        """The files and folders of which another one is the clip, each with that one."""
        second = [reject for reject in self.rejected if reject.kind == "second-file"]
        return [f"{reject.relpath} (the clip is {reject.of})" for reject in second]

    @property
    def incomplete(self) -> dict[str, list[str]]:
        """The missing modalities by clip id; complete clips are left out."""
        wanted = self.layout_spec.modality_words
        lacking = {
            clip.clip_id: [word for word in wanted if word not in clip.relpaths]
            for clip in self.clips
            if len(clip.relpaths) < len(wanted)
        }
        return {clip_id: words for clip_id, words in lacking.items() if words}


def scan(card: Card, root: Path, *, lists: Path | None = None, layout: str = "") -> ScanResult:
    """Return the clips below `root` in natural order; `lists` is a folder with the release's list files.

    `root` may be the dataset's own folder or any folder above it: clip ids are the same. The layout is recognised,
    unless `layout` names it.

    Raises:
        UserError: `root` is missing, not a folder, empty, or without a clip of this dataset or layout (says which
            folder to pass where one is near); list files are incomplete or malformed.
    """
    if not root.is_dir():
        what = "is a file" if root.exists() else "does not exist"
        raise UserError(
            f"the root {root} of {card.name} {what}", expected="the folder of the raw dataset", do="pass it with --root"
        )
    # Redact first of all: what must not be passed on is then in no clip, warning or error.
    unreadable: dict[str, str] = {}
    relpaths = redact(sorted(walk(root, unreadable)), card.redact)
    if not relpaths:
        raise UserError(
            f"the root {root} of {card.name} is empty",
            expected=examples_of(card.layouts),
            do="pass the folder of the raw dataset with --root",
        )
    result = parse_paths(card, relpaths, root=root, lists=lists, layout=layout)
    if result.layout_spec.table is not None:
        require_kinds(result.clips, set(relpaths))
    if not result.clips:
        raise nothing_matches(card, root, relpaths, layout, result.rates)
    odd = {_escaped(path) for path in relpaths if not path.isascii() and _escaped(path) != path}
    unreadable |= {path: "its name is not UTF-8" for path in result.unmatched if path in odd}
    skipped = redact([f"{path}: {reason}" for path, reason in sorted(unreadable.items())], card.redact)
    notes = (*result.notes, *place_notes(card, root, result.clips, result.rejected, relpaths))
    return replace(_with_promises(result), skipped=tuple(skipped), notes=notes)


def _with_promises(result: ScanResult) -> ScanResult:
    """Return the scan with the clips of its table some of whose files are not there."""
    if (table := result.layout_spec.table) is None:
        return result
    present = {clip.clip_id: clip for clip in result.clips}
    promised, absent = [], []
    for id_, row in table.clips.items():
        clip = table.promised(present[id_]) if id_ in present else row
        missing = [
            path for name, path in clip.relpaths.items() if id_ not in present or name not in present[id_].relpaths
        ]
        if missing:
            promised.append(clip)
            absent += missing
    return replace(result, promised=tuple(promised), absent=tuple(absent))


def _escaped(path: str) -> str:
    """Return the path with the bytes that are no UTF-8 as text, as rejected paths are spelled."""
    return path.encode("utf-8", "backslashreplace").decode()


def parse_paths(
    card: Card, relpaths: Sequence[str], *, root: Path | None = None, lists: Path | None = None, layout: str = ""
) -> ScanResult:
    """Return the clips of paths below a dataset root, without opening any file but list files.

    The layout whose rules match most media is used, unless `layout` names one.

    Raises:
        UserError: list files are incomplete or malformed.
    """
    relpaths = redact(relpaths, card.redact)
    rates = match_rates(card, relpaths) if len(card.layouts) > 1 else {card.layouts[0].name: 1.0}
    spec = find_layout(card, layout) if layout else best_layout(card, rates)
    grouped = group(card, spec, relpaths)
    clips, notes = _with_lists(card, grouped.clips, relpaths, root, lists)
    notes = (*(spec.table.notes if spec.table else ()), *notes, *_container_notes(clips, spec))
    return ScanResult(clips, grouped.rejected, spec, rates, grouped.frames, notes)


def _container_notes(clips: Sequence[Clip], layout: Layout) -> Iterator[str]:
    """Yield a note for each container that stands for the release's own."""
    release = " or ".join(dict.fromkeys("." + path.rpartition(".")[2] for path in layout.examples))
    for container, number in Counter(clip.fields.get(CONTAINER, "") for clip in clips).items():
        what = "folders of pictures" if container == FRAMES else f".{container} files"
        if container and layout.ids == "tail":
            yield f"{number} clips are {what} where the release has {release}: another container of the same recordings"


def _with_lists(
    card: Card, clips: list[Clip], relpaths: Sequence[str], root: Path | None, lists: Path | None
) -> tuple[list[Clip], tuple[str, ...]]:
    notes = []
    if card.subject_split:
        subjects = subject_lists(card, card.subject_split, relpaths, root, lists)
        clips = [subjects.apply(clip) for clip in clips]
        notes.append(f"split from {subjects.source}")
    if card.hook:
        facts = read_list_facts(card, relpaths, root, lists)
        against = sum(facts.contradicts(clip) for clip in clips)
        clips = [facts.apply(clip) for clip in clips]
        named = sum(clip.clip_id in facts.facts for clip in clips)
        if facts.sources:
            notes.append(f"{named} of {len(clips)} clips are in {', '.join(facts.sources[:8])}")
        elif card.lists and not all(clip.label and clip.split and clip.attack_type for clip in clips):
            notes.append(f"no list files: {card.lists}")
        if against:
            notes.append(f"the lists contradict the label in the path of {against} clips; the lists are used")
    return clips, tuple(notes)
