"""Own data without a card of patterns: a plain table that states what every path is."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Literal

from fasdata.datasets.list_files import LARGEST, split_of
from fasdata.datasets.own_labels import LabelWords, attack_of, label_words
from fasdata.datasets.tree import ARRAY, IMAGE, UNREAD_IMAGE, VIDEO, clip_id, ending, own_id
from fasdata.errors import UserError, nearest
from fasdata.foreign import read_sheet
from fasdata.records import ATTACK_TYPES, Clip

_OWN = ("path", "depth", "ir", "label", "split", "attack_type", "pai", "subject")
_SHEETS = ("xlsx", "xls", "xlsm", "ods", "numbers")
TABLES = ("csv", "tsv", "txt", *_SHEETS)  # endings of a file that is taken for a table, be it to refuse it


@dataclass(frozen=True)
class Table:
    """The rows of a table: `clips` by clip id, and in `holds` the clip id and the modalities of every path.

    `notes` says which of its words were taken for what.
    """

    clips: Mapping[str, Clip]
    holds: Mapping[str, tuple[str, tuple[str, ...]]]
    notes: tuple[str, ...] = ()

    @classmethod
    def of_clips(cls, clips: Mapping[str, Clip]) -> Table:
        """Return the table that has these clips as its rows."""
        holds = {}
        for id_, clip in clips.items():
            for place in clip.relpaths.values():
                holds[place] = (id_, tuple(name for name, path in clip.relpaths.items() if path == place))
        return cls(clips, holds)

    @property
    def reader(self) -> Literal["video", "image", "frames"]:
        """The reader that opens the paths, by their extensions."""
        endings = {path.rpartition(".")[2].lower() for path in self.holds}
        if endings <= set(VIDEO):
            return "video"
        return "image" if endings <= set(IMAGE) else "frames"

    def clip(self, relpath: str) -> Clip | None:
        """Return the clip of a file, or of a frame's folder; any folders may precede the path in the table.

        Letters with accents may be composed in one of the two spellings and not in the other.
        """
        tail = relpath
        while True:
            # A folder is a recording by its pictures: notes, or pictures that nothing reads, do not make it one.
            for path in (tail, tail.rpartition("/")[0] if ending(tail) in IMAGE else ""):
                if entry := self.holds.get(path) or self._composed(path):
                    id_, modalities = entry
                    place = relpath[: len(relpath) - len(tail)] + path
                    return replace(self.clips[id_], relpaths=dict.fromkeys(modalities, place))
            _, slash, tail = tail.partition("/")
            if not slash:
                return None

    def promised(self, clip: Clip) -> Clip:
        """Return a found clip with all files of its row: those that were not found are where the others lie."""
        row, (modality, place) = self.clips[clip.clip_id], next(iter(clip.relpaths.items()))
        folders = place.split("/")[: -len(row.relpaths[modality].split("/"))]
        above = "".join(f"{folder}/" for folder in folders)
        return replace(clip, relpaths={name: clip.relpaths.get(name, above + row.relpaths[name])
                                        for name in row.relpaths})  # fmt: skip

    def earlier_id(self, id_: str) -> str:
        """Return the id that a clip had before ids kept the ending of the file."""
        return clip_id(str(PurePosixPath(self.clips[id_].relpaths["rgb"]).with_suffix("")))

    def _composed(self, path: str) -> tuple[str, tuple[str, ...]] | None:
        if path.isascii():
            return None
        return next(
            (entry for form in ("NFC", "NFD") if (entry := self.holds.get(unicodedata.normalize(form, path)))), None
        )


def read_table(path: Path, slug: str, bonafide_is: str = "") -> Table:
    """Read a table with the columns path and label, and where known split, subject, attack_type, pai, depth and ir.

    Paths are below the dataset root: a video, an image or a folder of frames each; `depth` and `ir` are further paths
    of the same recording. Any other column is kept as a field. `bonafide_is` is the word for bona fide in the column
    label where it is not `bonafide`.

    Raises:
        UserError: it is no table, a column is missing, a value is not allowed, a path leaves the root, is in the table
            twice with different facts, or is of a kind that nothing here reads.
    """
    if ending(path.name) in _SHEETS:
        raise UserError(f"{path} is a spreadsheet", expected="a text", do="save it as CSV UTF-8 and pass that file")
    rows = [(number, _named(row)) for number, row in read_sheet(path, "path", "label", largest=LARGEST)]
    if not rows:
        raise UserError(f"{path} has no rows", expected="one row for each recording")
    words = label_words(((f"{path} line {number}", row["label"]) for number, row in rows), bonafide_is)
    clips: dict[str, Clip] = {}
    holds: dict[str, tuple[str, tuple[str, ...]]] = {}
    repeated = 0
    for number, row in rows:
        where = f"{path} line {number}"
        clip = _clip(row, slug, where, words)
        if clips.get(clip.clip_id) == clip:
            repeated += 1
            continue
        if clip.clip_id in clips:
            raise UserError(f"{where}: the path {row['path']!r} is in the table twice")
        clips[clip.clip_id] = clip
        for place in set(clip.relpaths.values()):
            modalities = tuple(modality for modality, relpath in clip.relpaths.items() if relpath == place)
            if holds.setdefault(place, (clip.clip_id, modalities))[0] != clip.clip_id:
                raise UserError(f"{where}: the path {place!r} belongs to another row too")
    _require_readable(holds, path)
    again = [f"{repeated} rows of {path.name} repeat an earlier one"] if repeated else []
    return Table(clips, holds, (*words.notes, *again, *_strange_attacks(clips.values())))


def _named(row: dict[str, str]) -> dict[str, str]:
    """Return the row with its own columns spelled as here: `Attack type` is `attack_type`."""
    spelled = {name: re.sub(r"[\s-]+", "_", name) for name in row}
    return {spelled[name] if spelled[name] in _OWN and spelled[name] not in row else name: row[name] for name in row}


def _clip(row: dict[str, str], slug: str, where: str, words: LabelWords) -> Clip:
    label = words.label(row["label"])
    attack_type, pai = attack_of(label, row.get("attack_type", ""), words.attack(row["label"]), where)
    split = split_of(row.get("split", ""))
    if row.get("split") and not split:
        raise UserError(f"{where}: a split", expected="train, dev, test or nothing", found=repr(row["split"][:40]))
    relpaths = {"rgb": row["path"], "depth": row.get("depth", ""), "ir": row.get("ir", "")}
    relpaths = {modality: _inside(text, where) for modality, text in relpaths.items() if text or modality == "rgb"}
    return Clip(
        dataset=slug,
        clip_id=own_id(relpaths["rgb"]),
        relpaths=relpaths,
        split=split,
        label=label,
        attack_type=attack_type,
        pai=row.get("pai", "") or pai,
        subject=row.get("subject", ""),
        fields={name: cell for name, cell in row.items() if name and name not in _OWN and cell},
        layout="table",
    )


def _inside(text: str, where: str) -> str:
    path = text.replace("\\", "/")
    parts = [part for part in path.split("/") if part not in ("", ".")]
    if not parts or path.startswith("/") or ".." in parts or ":" in parts[0]:
        raise UserError(f"{where}: a path", expected="a path below the dataset root", found=repr(text[:80]))
    return "/".join(parts)


def require_kinds(clips: Iterable[Clip], files: Collection[str]) -> None:
    """Check that the files of a table's clips are videos or pictures; `files` are those of the tree.

    Raises:
        UserError: some are neither; names examples.
    """
    strange = [path for clip in clips for path in clip.relpaths.values()
               if path in files and ending(path) not in (*VIDEO, *IMAGE)]  # fmt: skip
    if strange:
        raise UserError(
            "not every file that the table names is a video or a picture", found=f"{len(strange)}, e.g. {strange[0]}",
            expected=f"endings such as {', '.join((*VIDEO[:4], *IMAGE[:3]))}", do="rename or convert them",
        )  # fmt: skip


def _require_readable(paths: Mapping[str, object], table: Path) -> None:
    """Check that every path is of a kind that is read, before any work.

    Raises:
        UserError: some are not; names the formats and examples.
    """
    unread = [path for path in paths if ending(path) in (*UNREAD_IMAGE, *ARRAY)]
    if unread:
        formats = ", ".join(dict.fromkeys(ending(path).upper() for path in unread))
        arrays = any(ending(path) in ARRAY for path in unread)
        raise UserError(
            f"{table}: not supported in a table: {formats}", found=f"{len(unread)} such files, e.g. {unread[0]}",
            expected=f"videos, or pictures ({', '.join(IMAGE)}), or folders of pictures",
            do="write a card with their reader" if arrays else "convert them to PNG, or take the rows out",
        )  # fmt: skip


def _strange_attacks(clips: Iterable[Clip]) -> Iterator[str]:
    """Yield a note on the names of attacks that are no words of the field."""
    named = Counter(clip.pai for clip in clips if clip.attack_type == "unknown" and clip.pai)
    listed = []
    for name, times in named.most_common(8):
        close = nearest(name, ATTACK_TYPES[1:-1])
        listed.append(f"{name!r} ({times}{f', meant for {close!r}?' if close else ''})")
    if listed:
        yield f"attacks outside the words of the field, each a species of its own: {', '.join(listed)}"
