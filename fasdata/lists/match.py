"""Find the clips that the rows of another project's list mean, and write them as a table."""

from __future__ import annotations

import csv
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

from fasdata.datasets.card import Card
from fasdata.datasets.rule import Form, Pattern
from fasdata.datasets.tree import clip_id
from fasdata.foreign import expression, read_declared
from fasdata.lists.read import ListRow, open_list
from fasdata.records import Clip
from fasdata.resources import manifests_dir
from fasdata.store.atomic import replacing

# -- Find the clip of a row: by the end of its path, or by the name that a paper gave its image -----------------------

_EXTENSION = re.compile(r"(?:\.(?:zip|avi|mov|mp4|png|jpe?g|bmp|hdf5|h5|npz|npy|rar|mkv|rssdk))+$", re.IGNORECASE)
_FRAME = re.compile(r"^(?:frame_?)?(\d+)(?:[_-](?:rgb|color|colour|profile|depth|ir|infrared))?$", re.IGNORECASE)
_IN_NAME = re.compile(r"^(?P<stem>.+)_frame(?P<frame>\d+)$", re.IGNORECASE)
_MODALITY = {"rgb", "color", "colour", "profile", "depth", "ir", "infrared"}
_SHOWN = 3


class Renaming(Form):
    """The image names of a paper: a pattern, the end of the clip's path that it means, and the number of the frame."""

    pattern: Pattern
    clip: str
    frame: str = ""


class Names(Form):
    """All renamings, in the order of trial."""

    renamings: list[Renaming]


@dataclass(frozen=True)
class Matched:
    """The clips that rows mean: `clips` maps a clip id to the frames of its rows ("" where a row names none).

    `unmatched` rows fit no clip or several; `contradicting` rows have another label than their clip; `repeated` counts
    the rows that repeat an earlier one.
    """

    clips: dict[str, list[str]]
    labels: dict[str, str]
    unmatched: tuple[ListRow, ...]
    contradicting: tuple[ListRow, ...]
    repeated: int
    rows: int
    taken: tuple[str, ...] = ()  # in words, which columns of which list were taken for what

    def report(self, name: str) -> list[str]:
        """Return one line for each kind of row that needs attention."""
        lines = []
        if self.unmatched:
            lines.append(f"{name}: {len(self.unmatched)} of {self.rows} rows match no clip{_examples(self.unmatched)}")
        if self.contradicting:
            most = 2 * len(self.contradicting) > self.rows - len(self.unmatched)
            hint = "; is the number for bona fide the other one?" if most else ""
            examples = _examples(self.contradicting)
            lines.append(f"{name}: {len(self.contradicting)} rows have another label than their clip{examples}{hint}")
        if self.repeated:
            lines.append(f"{name}: {self.repeated} rows are repeated")
        return lines


def match_rows(rows: Iterable[ListRow], clips: Sequence[Clip]) -> Matched:
    """Find the clips that rows mean; a row that fits no clip, or several, is reported, never guessed."""
    index = _Index(clips)
    by_id = {clip.clip_id: clip for clip in clips}
    frames: defaultdict[str, list[str]] = defaultdict(list)
    labels: dict[str, str] = {}
    unmatched: list[ListRow] = []
    contradicting: list[ListRow] = []
    earlier: set[tuple[str, str]] = set()
    repeated = number = 0
    for row in rows:
        number += 1
        meant = {index.find(path) for path in row.paths}
        names = {name for name, _ in meant}
        if len(names) != 1 or "" in names:
            unmatched.append(row)
            continue
        name, frame = sorted(meant)[0]
        if (name, frame) in earlier:
            repeated += 1
            continue
        earlier.add((name, frame))
        frames[name].append(frame)
        labels[name] = row.label
        if row.label and by_id[name].label and row.label != by_id[name].label:
            contradicting.append(row)
    return Matched(dict(frames), labels, tuple(unmatched), tuple(contradicting), repeated, number)


class _Index:
    """Clips by every unambiguous end of their path."""

    def __init__(self, clips: Sequence[Clip]) -> None:
        self._ends: dict[str, str] = {}
        for clip in clips:
            parts = clip.clip_id.lower().split("__")
            for end in ("__".join(parts[place:]) for place in range(1, len(parts)) if _may_name_a_clip(parts[place:])):
                # An end that several clips share names none of them.
                self._ends[end] = "" if end in self._ends else clip.clip_id
        times = Counter(clip.clip_id.lower() for clip in clips)  # own names may differ in case alone
        self._ends.update((id_.lower(), id_ if times[id_.lower()] == 1 else "") for id_ in (c.clip_id for c in clips))
        self._paths = {clip.relpaths["rgb"]: clip.clip_id for clip in clips if "rgb" in clip.relpaths}
        self._add_stems(clips)

    def _add_stems(self, clips: Sequence[Clip]) -> None:
        """Add the ends of own clips without the file's ending, which lists may leave out: where that names one clip."""
        stems: dict[str, str] = {}
        for clip in clips:
            stem = _EXTENSION.sub("", clip.clip_id.lower())
            parts = stem.split("__")
            for place in range(len(parts)) if stem != clip.clip_id.lower() else ():
                if place == 0 or _may_name_a_clip(parts[place:]):
                    end = "__".join(parts[place:])
                    stems[end] = "" if end in stems else clip.clip_id
        for end, name in stems.items():
            self._ends.setdefault(end, name)

    def find(self, path: str) -> tuple[str, str]:
        """Return the clip id and the frame that a path names, each "" where there is none."""
        written = path.replace("\\", "/").removeprefix("./")
        whole = written.lower()
        if name := self._paths.get(written) or self._end(whole.split("/")):
            return name, ""
        bare = _EXTENSION.sub("", whole)
        for renaming in renamed_names().renamings:
            match = expression(renaming.pattern, "(?:^|/)", "$").search(bare)
            if match:
                groups = match.groupdict("")
                name = self._end(renaming.clip.format_map(groups).split("/"))
                if name:
                    return name, renaming.frame.format_map(groups)
        parts = [_EXTENSION.sub("", part) for part in bare.split("/") if part not in ("", ".", "..", "+")]
        for kept, frame in _readings(parts):
            name = self._end(kept)
            if name:
                return name, frame
        return "", ""

    def _end(self, parts: Sequence[str]) -> str:
        """Return the clip whose path ends in all of `parts`, or in as many of them as possible."""
        for place in range(len(parts)):
            name = self._ends.get(clip_id("/".join(parts[place:])).lower())
            if name is not None:
                return name
        return ""


def _readings(parts: list[str]) -> list[tuple[list[str], str]]:
    """Return the ways to read a path as clip and frame: clip; clip/frame; clip/modality/frame."""
    readings = [(parts, "")]
    if not parts:
        return []
    named = _IN_NAME.match(parts[-1])
    if named:
        readings.append(([*parts[:-1], named["stem"]], named["frame"]))
    number = _FRAME.match(parts[-1])
    if number and len(parts) > 1:
        if parts[-2] in _MODALITY and len(parts) > 2:
            readings.append((parts[:-2], number[1]))
        readings.append((parts[:-1], number[1]))
    return readings


@cache
def renamed_names() -> Names:
    """Return the image names of papers, declared in `manifests/lists/names.yaml`."""
    return read_declared(manifests_dir() / "lists" / "names.yaml", Names)


def _may_name_a_clip(end: Sequence[str]) -> bool:
    """Tell whether an end of a path may name a clip: a bare `7` or `real.rssdk` may not, even if it is unambiguous."""
    return len(end) > 1 or sum(character.isdigit() for character in end[0]) >= 3


def _examples(rows: Sequence[ListRow]) -> str:
    return ", such as " + ", ".join(f"{row.paths[0]} ({row.where})" for row in rows[:_SHOWN])


# -- Import lists and write what they mean ----------------------------------------------------------------------------

COLUMNS = ("dataset", "clip_id", "label", "frames")


def known_clips(card: Card, root: Path | None, lists: Path | None, data: Path | None) -> list[Clip]:
    """Return the clips that rows may mean: those of the raw dataset at `root`, else those of the library's store.

    Raises:
        UserError: there is no such dataset or store.
    """
    if root is not None:
        from fasdata.datasets.scan import scan

        return scan(card, root, lists=lists).clips
    from fasdata.library import Library
    from fasdata.store.reader import Store

    return [record.clip for record in Store.open(Library.locate(data).require_store(card.slug)).records()]


def import_lists(
    paths: Sequence[Path], form: str, bonafide_is: int | str, clips: Sequence[Clip], columns: str = ""
) -> Matched:
    """Read list files and find the clips of their rows; without a `form` it is recognised, or `columns` says it.

    Raises:
        UserError: a file is not of the format, or it is not clear which column is which.
    """
    files = {path: open_list(path, form, bonafide_is, columns) for path in paths}
    matched = match_rows([row for file in files.values() for row in file.rows], clips)
    return replace(matched, taken=tuple(f"{path.name}: {file.taken}" for path, file in files.items()))


def write_matched(matched: Matched, dataset: str, out: Path) -> None:
    """Write a CSV row for each clip: dataset, clip id, the label of the list, and its frames with blanks between."""
    with replacing(out) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(COLUMNS)
        for name, frames in matched.clips.items():
            writer.writerow((dataset, name, matched.labels[name], " ".join(frame for frame in frames if frame)))
