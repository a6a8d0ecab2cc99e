"""Read a store once into two tables: its clips and its stored frames."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from fasdata.datasets.card import Card
from fasdata.datasets.kept_card import KeptCard
from fasdata.errors import UserError
from fasdata.quality import eye_distance as eye_distance
from fasdata.quality import pitch_ratio
from fasdata.quality import roll as roll
from fasdata.quality import yaw_ratio as yaw_ratio
from fasdata.records import ATTACK, BONAFIDE, Clip, ClipRecord, FrameRecord

if TYPE_CHECKING:
    import pandas as pd

    from fasdata.store.reader import Store

UNKNOWN = "unknown"
LABEL_NAMES = {BONAFIDE: "bona fide", ATTACK: "attack", UNKNOWN: "label unknown"}


@dataclass(frozen=True)
class Survey:
    """The content of a store.

    `clips` has a row per recording, `frames` a row per stored frame: `clip` is the row in `clips`, `own` whether the
    face was detected on this very frame; measures are NaN where unknown (sizes in pixels of the source). `selected`
    counts the frames that a rule selected, by label and face status; of the frames `searched`, `with_face` have a face
    and `with_several` more than one. `hashes` are the perceptual hashes of a clip's frames. `card` is None for data
    without a shipped card; `kept` is what the store itself keeps of the card of own data.
    """

    store: Store
    card: Card | None
    kept: KeptCard | None
    records: list[Clip]
    clips: pd.DataFrame
    frames: pd.DataFrame
    selected: Counter[tuple[str, str]]
    searched: int
    with_face: int
    with_several: int
    rules: tuple[str, ...]
    hashes: list[tuple[int, ...]]

    @property
    def slug(self) -> str:
        """The dataset's name in the library."""
        return self.store.info.dataset

    @property
    def name(self) -> str:
        """The dataset's name for people."""
        return self.terms.name if self.terms else self.slug

    @property
    def terms(self) -> Card | KeptCard | None:
        """Whose the data are and what they may be used for: of the shipped card, else of the store's own."""
        return self.card or self.kept

    @property
    def labels(self) -> list[str]:
        """The labels that occur, bona fide first."""
        return [label for label in LABEL_NAMES if (self.clips["label"] == label).any()]


def rows_of(table: pd.DataFrame) -> Iterator[Any]:
    """Iterate over the rows of a table, with its columns as attributes."""
    return iter(table.itertuples())


def groups_of(table: pd.DataFrame, keys: str | list[str]) -> list[tuple[Any, pd.DataFrame]]:
    """Return the groups of rows with equal values in `keys`, each with its value or tuple of values."""
    return list(table.groupby(keys))


def survey(store: Store) -> Survey:
    """Read every record of a store.

    Raises:
        UserError: the store is damaged.
    """
    import pandas as pd

    from fasdata.audit.near import frame_hashes
    from fasdata.progress import progress

    clips: list[dict[str, Any]] = []
    frames: list[tuple[Any, ...]] = []
    described: list[Clip] = []
    hashes: list[tuple[int, ...]] = []
    selected: Counter[tuple[str, str]] = Counter()
    rules: dict[str, None] = {}
    searched = with_face = with_several = 0
    names = store.clip_ids()
    with progress(f"read {store.info.dataset}", len(names), "clips") as bar:
        for place, record in enumerate(store.records()):
            clips.append(_clip_row(record))
            described.append(record.clip)
            hashes.append(frame_hashes(record, store))
            rules.update(dict.fromkeys(record.selections))
            taken = {index for indices in record.selections.values() for index in indices}
            for frame in record.frames:
                searched += 1
                with_face += frame.face_observed
                with_several += frame.n_faces > 1
                if frame.index in taken:
                    selected[clips[-1]["label"], frame.status] += 1
                if frame.crop is not None:
                    frames.append(_frame_row(place, frame))
            bar.advance(1)
    # Types are set because a store without a single frame must give the same columns.
    table = pd.DataFrame(frames, columns=_FRAME_COLUMNS).astype(
        {"clip": int, "own": bool, "dark": bool, "score": float, "sharpness": float, "brightness": float}
    )
    return Survey(
        store, _card(store.info.dataset), KeptCard.known(store.folder), described,
        pd.DataFrame(clips, columns=_CLIP_COLUMNS), _measured(table),
        selected, searched, with_face, with_several, tuple(sorted(rules)), hashes,
    )  # fmt: skip


_CLIP_COLUMNS = [
    "clip_id", "path", "split", "label", "attack_type", "pai", "subject", "status", "reason", "n_frames",
    "frame_rate", "width", "height", "rotation", "stored", "notes", "pixel_hash",
]  # fmt: skip
_BOX = ["x0", "y0", "x1", "y1"]
_POINTS = [f"{axis}_{number}" for number in range(5) for axis in "xy"]
_FRAME_COLUMNS = [
    "clip", "frame_index", "status", "own", "score", "dark", "sharpness", "brightness", "region", "scale", "modalities",
    *_BOX, *_POINTS,
]  # fmt: skip


def _clip_row(record: ClipRecord) -> dict[str, Any]:
    clip = record.clip
    return {
        "clip_id": clip.clip_id, "path": clip.relpaths.get("rgb", clip.clip_id), "split": clip.split,
        "label": clip.label or UNKNOWN, "attack_type": clip.attack_type or UNKNOWN, "pai": clip.pai,
        "subject": clip.subject, "status": record.status, "reason": record.reason, "n_frames": record.n_frames,
        "frame_rate": record.frame_rate, "width": record.width, "height": record.height, "rotation": record.rotation,
        "stored": sum(frame.crop is not None for frame in record.frames), "notes": record.notes,
        "pixel_hash": record.pixel_hash,
    }  # fmt: skip


def _frame_row(place: int, frame: FrameRecord) -> tuple[Any, ...]:
    assert frame.crop is not None
    box = frame.box or (np.nan,) * 4
    points = ([value for point in frame.landmarks or () for value in point] + [np.nan] * 10)[:10]
    return (
        place, frame.index, frame.status, frame.face_observed, frame.score, frame.dark, frame.sharpness,
        frame.brightness, frame.crop.region, frame.crop.scale, frame.crop.modalities, *box, *points,
    )  # fmt: skip


def _measured(frames: pd.DataFrame) -> pd.DataFrame:
    """Replace the points by the measures of box and points."""
    points = frames[_POINTS].to_numpy(float).reshape(-1, 5, 2)
    box = frames[_BOX].to_numpy(float)
    measures = {
        "side": np.maximum(box[:, 2] - box[:, 0], box[:, 3] - box[:, 1]),
        "eyes": eye_distance(points),
        "roll": roll(points),
        "yaw": yaw_ratio(points),
        "pitch": pitch_ratio(points),
    }
    return frames.drop(columns=_POINTS).assign(**measures)


def _card(slug: str) -> Card | None:
    from fasdata.datasets.registry import find_card

    try:
        return find_card(slug)
    except UserError:
        return None  # own data have no shipped card
