"""Show stored faces: some of each attack type and split, and those with extreme measures; only with `faces`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from fasdata.errors import UserError
from fasdata.faces.detectors import has_own_scores
from fasdata.page.figures import Gallery, Picture, data_uri
from fasdata.page.page import Subsection
from fasdata.page.parts import Column, Notice, Paragraph, Row, Table
from fasdata.records import MODALITIES
from fasdata.report.holdings import SPLIT_NAMES
from fasdata.report.pixels import PixelSample
from fasdata.report.survey import LABEL_NAMES, Survey, groups_of, rows_of

if TYPE_CHECKING:
    import pandas as pd

EACH = 6  # pictures per attack type and split
TILE = 96  # pixels of height where modalities stand side by side
_SEED = 0


def gallery(survey: Survey, anchor: str, *, faces: bool) -> Subsection:
    """Return faces of each attack type and split, different people first; without `faces` no pixel is read."""
    title = "Gallery"
    if not faces:
        note = "This report has no pictures of people; --faces adds them."
        return Subsection(anchor, title, [Notice("Pictures left out", [note])])
    clips = survey.clips[survey.clips["stored"] > 0]
    galleries = []
    for (label, kind), of_kind in sorted(
        groups_of(clips, ["label", "attack_type"]), key=lambda group: _order(*group[0])
    ):
        by_split = sorted(groups_of(of_kind, "split"), key=lambda group: list(SPLIT_NAMES).index(group[0]))
        pictures = [_of_clip(survey, place) for _, group in by_split for place in different_people(group)[:EACH]]
        counts = ", ".join(f"{len(group)} in {SPLIT_NAMES[split]}" for split, group in by_split)
        name = LABEL_NAMES[label].capitalize() + ("" if label == kind else f", {kind}")
        galleries.append(Gallery(pictures, f"{name}: clips {counts}"))
    lead = "Stored regions, unchanged; of each clip the stored frame in the middle."
    return Subsection(anchor, title, galleries or [Paragraph("No frame is stored.")], lead)


def look_first(survey: Survey, sample: PixelSample, anchor: str, *, faces: bool) -> Subsection:
    """Return the frames with extreme measures, as pictures or as a table."""
    frames = extremes(survey, sample)
    lead = "Frames with extreme measures: errors of the detector show up here first."
    if not frames:
        return Subsection(anchor, "Look at these first", [Paragraph("There is nothing to measure.")], lead)
    names = survey.clips["clip_id"]
    if faces:
        pictures = [_picture(survey, row, what, [("value", value)]) for what, value, row in frames]
        return Subsection(anchor, "Look at these first", [Gallery(pictures)], lead)
    rows = [Row((what, value, names[row.clip], str(row.frame_index), row.status)) for what, value, row in frames]
    columns = [Column("What"), Column("Value", True), Column("Clip"), Column("Frame", True), Column("Status")]
    return Subsection(anchor, "Look at these first", [Table("Frames with extreme measures", columns, rows)], lead)


_ENDS = (
    ("Smallest face", "side", True, "{:.0f} px"),
    ("Lowest score", "score", True, "{:.3f}"),
    ("Most blurred", "blur", True, "{:.1f}"),
    ("Darkest", "brightness", True, "{:.0f} of 255"),
    ("Brightest", "brightness", False, "{:.0f} of 255"),
    ("Most tilted", "roll", False, "{:.0f}°"),
    ("Most turned", "yaw", False, "{:.2f}"),
)
_PER_END = 3


def extremes(survey: Survey, sample: PixelSample) -> list[tuple[str, str, Any]]:
    """Return the name of an extreme, its value as text, and the row of the frame, for at most three clips each."""
    scored = has_own_scores(str(survey.store.info.config.get("detector")))
    frames = []
    for what, key, low, form in _ENDS:
        table = sample.frames if key in ("blur", "brightness") else survey.frames[survey.frames["own"]]
        if key == "score" and not scored:
            continue
        known = table[np.isfinite(table[key].to_numpy(float))]
        values = known[key].abs() if key in ("roll", "yaw") else known[key]
        ranked = known.assign(_rank=values if low else -values).sort_values(["_rank", "clip", "frame_index"])
        for row in rows_of(ranked.drop_duplicates("clip").head(_PER_END)):
            frames.append((what, form.format(getattr(row, key)), row))
    return frames


def different_people(clips: pd.DataFrame) -> list[int]:
    """Return the rows of `clips` in an order with every person once before any of them twice."""
    shuffled = clips.sample(frac=1, random_state=_SEED)
    # Where the person is unknown, every clip counts as another person.
    person = shuffled["subject"].where(shuffled["subject"].ne(""), shuffled["clip_id"])
    turn = shuffled.groupby(person).cumcount()
    return [int(place) for place in turn.sort_values(kind="stable").index]


def pairs(survey: Survey, rows: Sequence[tuple[int, int]]) -> Gallery:
    """Return the first stored frames of two clips side by side, for every pair of rows of the clips."""
    pictures = []
    for a, b in rows:
        ids = [str(survey.clips["clip_id"][place]) for place in (a, b)]
        alt = f"First stored frames of {ids[0]} and {ids[1]}"
        facts = [("and", ids[1])]
        try:
            first = [int(survey.frames.loc[survey.frames["clip"] == place, "frame_index"].iloc[0]) for place in (a, b)]
            images = [as_rgb(survey.store.crop(clip_id, index)) for clip_id, index in zip(ids, first, strict=True)]
            pictures.append(Picture(ids[0], facts, side_by_side(images), alt))
        except (UserError, ValueError) as error:
            pictures.append(Picture(ids[0], [*facts, ("problem", str(error))], alt=alt, absent="cannot be read"))
    return Gallery(pictures)


def _of_clip(survey: Survey, place: int) -> Picture:
    frames = survey.frames[survey.frames["clip"] == place]
    row = next(rows_of(frames.iloc[[len(frames) // 2]]))
    clip = survey.clips.loc[place]
    species = [("species", clip["pai"])] if clip["pai"] else []
    return _picture(survey, row, str(clip["clip_id"]), [("split", SPLIT_NAMES[str(clip["split"])]), *species])


def _picture(survey: Survey, row: Any, title: str, facts: Sequence[tuple[str, Any]]) -> Picture:
    clip_id = str(survey.clips["clip_id"][row.clip])
    named = [] if title == clip_id else [("clip", clip_id), ("label", LABEL_NAMES[survey.clips["label"][row.clip]])]
    facts = [*facts, *named, ("frame", f"{row.frame_index} ({row.status})")]
    alt = f"Frame {row.frame_index} of {clip_id}"
    try:
        names = [name for name in MODALITIES if name in row.modalities]
        images = [as_rgb(survey.store.crop(clip_id, row.frame_index, name)) for name in names]
        return Picture(title, facts, data_uri(images[0]) if len(images) == 1 else side_by_side(images), alt)
    except (UserError, ValueError) as error:
        return Picture(title, [*facts, ("problem", str(error))], alt=alt, absent="cannot be read")


def as_rgb(image: np.ndarray) -> np.ndarray:
    """Return an image of any modality as RGB uint8; depth is stretched over its range, 0 (nothing measured) is black.

    Raises:
        ValueError: neither colour nor one channel.
    """
    if image.ndim == 3:
        return image
    if image.ndim != 2:
        raise ValueError(f"an image of shape {image.shape} cannot be shown")
    if image.dtype != np.uint8:
        measured = image[image > 0]
        low, high = np.percentile(measured, [1, 99]) if measured.size else (0.0, 1.0)
        stretched = np.clip((image.astype(np.float64) - low) / max(high - low, 1), 0, 1) * 235 + 20
        image = np.where(image > 0, stretched, 0).astype(np.uint8)
    return np.repeat(image[:, :, None], 3, axis=2)


def side_by_side(images: Sequence[np.ndarray]) -> str:
    """Return images side by side as one data URI."""
    import cv2

    tiles = [
        cv2.resize(image, (max(1, round(image.shape[1] * TILE / image.shape[0])), TILE), interpolation=cv2.INTER_AREA)
        for image in images
    ]
    return data_uri(np.hstack(tiles), longest=TILE * 4)


def _order(label: str, kind: str) -> tuple[int, str]:
    return list(LABEL_NAMES).index(label), kind
