"""Own data without a card of patterns: a plain CSV that states what every path is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Literal

from fasdata.datasets.list_files import read_rows, split_of
from fasdata.datasets.tree import IMAGE, VIDEO, clip_id
from fasdata.errors import UserError, unknown_name
from fasdata.records import ATTACK_TYPES, LABELS, Clip

_OWN = ("path", "depth", "ir", "label", "split", "attack_type", "pai", "subject")


@dataclass(frozen=True)
class Table:
    """The rows of a table: `clips` by clip id, and in `holds` the clip id and the modalities of every path."""

    clips: Mapping[str, Clip]
    holds: Mapping[str, tuple[str, tuple[str, ...]]]

    @property
    def reader(self) -> Literal["video", "image", "frames"]:
        """The reader that opens the paths, by their extensions."""
        endings = {path.rpartition(".")[2].lower() for path in self.holds}
        if endings <= set(VIDEO):
            return "video"
        return "image" if endings <= set(IMAGE) else "frames"

    def clip(self, relpath: str) -> Clip | None:
        """Return the clip of a file, or of a frame's folder; any folders may precede the path in the table."""
        tail = relpath
        while True:
            for path in (tail, tail.rpartition("/")[0]):
                if entry := self.holds.get(path):
                    id_, modalities = entry
                    place = relpath[: len(relpath) - len(tail)] + path
                    return replace(self.clips[id_], relpaths=dict.fromkeys(modalities, place))
            _, slash, tail = tail.partition("/")
            if not slash:
                return None


def read_table(path: Path, slug: str) -> Table:
    """Read a CSV with the columns path and label, and where known split, subject, attack_type, pai, depth and ir.

    Paths are below the dataset root: a video, an image or a folder of frames each; `depth` and `ir` are further paths
    of the same recording. Any other column is kept as a field.

    Raises:
        UserError: a column is missing, a value is not allowed, a path leaves the root or is in the table twice.
    """
    clips: dict[str, Clip] = {}
    holds: dict[str, tuple[str, tuple[str, ...]]] = {}
    for number, row in read_rows(path, "path", "label"):
        where = f"{path} line {number}"
        clip = _clip(row, slug, where)
        if clip.clip_id in clips:
            raise UserError(f"{where}: the path {row['path']!r} is in the table twice")
        clips[clip.clip_id] = clip
        for place in set(clip.relpaths.values()):
            modalities = tuple(modality for modality, relpath in clip.relpaths.items() if relpath == place)
            if holds.setdefault(place, (clip.clip_id, modalities))[0] != clip.clip_id:
                raise UserError(f"{where}: the path {place!r} belongs to another row too")
    if not clips:
        raise UserError(f"{path} has no rows", expected="one row for each recording")
    return Table(clips, holds)


def _clip(row: dict[str, str], slug: str, where: str) -> Clip:
    label, attack_type = row["label"], row.get("attack_type", "")
    if label not in LABELS:
        raise UserError(
            f"{where}: a label", expected=" or ".join(LABELS), found=repr(label[:40]),
            do="write the word: lists disagree on what 0 and 1 mean",
        )  # fmt: skip
    if attack_type and attack_type not in ATTACK_TYPES:
        raise unknown_name(f"attack_type of {where}", attack_type[:40], ATTACK_TYPES)
    if attack_type and (attack_type == "bonafide") != (label == "bonafide"):
        raise UserError(f"{where}: label and attack_type contradict each other", found=f"{label} and {attack_type}")
    split = split_of(row.get("split", ""))
    if row.get("split") and not split:
        raise UserError(f"{where}: a split", expected="train, dev, test or nothing", found=repr(row["split"][:40]))
    relpaths = {"rgb": row["path"], "depth": row.get("depth", ""), "ir": row.get("ir", "")}
    relpaths = {modality: _inside(text, where) for modality, text in relpaths.items() if text or modality == "rgb"}
    return Clip(
        dataset=slug,
        clip_id=clip_id(str(PurePosixPath(relpaths["rgb"]).with_suffix(""))),
        relpaths=relpaths,
        split=split,
        label=label,
        attack_type=attack_type or ("bonafide" if label == "bonafide" else "unknown"),
        pai=row.get("pai", ""),
        subject=row.get("subject", ""),
        fields={name: cell for name, cell in row.items() if name and name not in _OWN and cell},
        layout="table",
    )


def _inside(text: str, where: str) -> str:
    path = text.replace("\\", "/").removeprefix("./").rstrip("/")
    if not path or path.startswith("/") or ".." in path.split("/") or ":" in path.split("/")[0]:
        raise UserError(f"{where}: a path", expected="a path below the dataset root", found=repr(text[:80]))
    return path
