"""Take the usable clips of a manifest and their frames, in its order."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby
from operator import itemgetter
from typing import TYPE_CHECKING, Any

from fasdata.packs.renderer import Frame
from fasdata.records import BONAFIDE, MODALITIES

if TYPE_CHECKING:
    from fasdata.manifests import Manifest

_CLIP = (
    "part", "dataset", "domain", "domain_id", "clip_id", "split_official", "label", "attack_type", "pai", "subject",
    "n_frames",
)  # fmt: skip
_FRAME = ("sample_id", "frame_index", "region", "scale", "box", "landmarks", "det_score", "face_status", "frame_shift")
_KEYS = tuple(f"key_{name}" for name in MODALITIES)


@dataclass(frozen=True)
class ExportFrame:
    """A frame: its place in the store, the modalities that the protocol gives, and how its face was found."""

    sample_id: str
    place: Frame
    modalities: tuple[str, ...]
    score: float | None
    status: str
    shift: int

    @property
    def index(self) -> int:
        """The frame's number in its clip, from 0."""
        return self.place.frame_index

    @property
    def has_landmarks(self) -> bool:
        """Whether all five landmarks are known."""
        points = self.place.landmarks
        return points is not None and all(x == x and y == y for x, y in points)


@dataclass(frozen=True)
class ExportClip:
    """A clip in its part of the protocol; `split_official` is the split of the release, "" where it has none."""

    part: str
    dataset: str
    domain: str
    domain_id: int
    clip_id: str
    split_official: str
    label: str
    attack_type: str
    pai: str
    subject: str
    n_frames: int
    frames: tuple[ExportFrame, ...]

    @property
    def is_bonafide(self) -> bool:
        """Whether the clip is a bona fide presentation."""
        return self.label == BONAFIDE

    @property
    def is_shot(self) -> bool:
        """Whether the clip is one of the few of a target that train as a source of their own."""
        return self.domain != self.dataset


def clips_of(manifest: Manifest) -> list[ExportClip]:
    """Return the clips that have usable frames, in the order of the rows."""
    clips = []
    for key, rows in groupby(_rows(manifest), itemgetter(*_CLIP)):
        clips.append(ExportClip(**dict(zip(_CLIP, key, strict=True)), frames=tuple(map(_frame, rows))))
    return clips


def _rows(manifest: Manifest) -> Iterator[dict[str, Any]]:
    import pyarrow.compute as pc

    table = manifest.table.filter(pc.equal(manifest.table["status"], "ok"))
    for batch in table.select([*_CLIP, *_FRAME, *_KEYS]).to_batches(max_chunksize=4096):
        yield from batch.to_pylist()


def _frame(row: dict[str, Any]) -> ExportFrame:
    points = row["landmarks"]
    landmarks = list(zip(points[::2], points[1::2], strict=True)) if points else None
    place = Frame(
        row["dataset"], row["clip_id"], row["frame_index"], row["region"], row["scale"], row["box"], landmarks
    )
    shown = tuple(name for name, key in zip(MODALITIES, _KEYS, strict=True) if row[key])
    return ExportFrame(row["sample_id"], place, shown, row["det_score"], row["face_status"], row["frame_shift"])
