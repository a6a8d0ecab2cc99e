"""Pictures of stored faces: by attack type and split, and those to look at first. Only where faces were asked for."""

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

EACH = 6  # pictures of an attack type in a split
TILE = 96  # pixels of height where modalities stand side by side
_SEED = 0


def gallery(survey: Survey, anchor: str, *, faces: bool) -> Subsection:
    """Return some faces of every attack type and split, different people first; without `faces` no pixel is read."""
    title = "Gallery"
    if not faces:
        told = "This report was written without pictures of people; --faces puts them in."
        return Subsection(anchor, title, [Notice("Pictures left out", [told])])
    clips = survey.clips[survey.clips["stored"] > 0]
    galleries = []
    for (label, kind), of_kind in sorted(groups_of(clips, ["label", "attack_type"]), key=lambda one: _order(*one[0])):
        by_split = sorted(groups_of(of_kind, "split"), key=lambda one: list(SPLIT_NAMES).index(one[0]))
        pictures = [_of_clip(survey, place) for _, group in by_split for place in different_people(group)[:EACH]]
        told = ", ".join(f"{len(group)} in {SPLIT_NAMES[split]}" for split, group in by_split)
        called = LABEL_NAMES[label].capitalize() + ("" if label == kind else f", {kind}")
        galleries.append(Gallery(pictures, f"{called}: clips {told}"))
    lead = "Stored regions as they are, with their surroundings; one frame from the middle of each clip."
    return Subsection(anchor, title, galleries or [Paragraph("No frame is stored.")], lead)


def look_first(survey: Survey, sample: PixelSample, anchor: str, *, faces: bool) -> Subsection:
    """Return the frames at the far ends of the measures, as pictures or as a table."""
    found = extremes(survey, sample)
    lead = "The frames at the far ends of the measures: where a detector errs, it is seen here first."
    if not found:
        return Subsection(anchor, "Look at these first", [Paragraph("There is nothing to measure.")], lead)
    names = survey.clips["clip_id"]
    if faces:
        pictures = [_picture(survey, row, what, [("value", value)]) for what, value, row in found]
        return Subsection(anchor, "Look at these first", [Gallery(pictures)], lead)
    rows = [Row((what, value, names[row.clip], str(row.frame_index), row.status)) for what, value, row in found]
    columns = [Column("What"), Column("Value", True), Column("Clip"), Column("Frame", True), Column("Status")]
    return Subsection(anchor, "Look at these first", [Table("Frames at the far ends", columns, rows)], lead)


_ENDS = (
    ("Smallest face", "side", True, "{:.0f} px"),
    ("Least sure", "score", True, "{:.3f}"),
    ("Most blurred", "blur", True, "{:.1f}"),
    ("Darkest", "brightness", True, "{:.0f} of 255"),
    ("Brightest", "brightness", False, "{:.0f} of 255"),
    ("Most tilted", "roll", False, "{:.0f}°"),
    ("Most turned", "yaw", False, "{:.2f}"),
)
_A_KIND = 3


def extremes(survey: Survey, sample: PixelSample) -> list[tuple[str, str, Any]]:
    """Return what, its value in words, and the frame's row, of at most three clips for each far end."""
    scored = has_own_scores(str(survey.store.info.config.get("detector")))
    found = []
    for what, key, low, form in _ENDS:
        table = sample.frames if key in ("blur", "brightness") else survey.frames[survey.frames["own"]]
        if key == "score" and not scored:
            continue
        known = table[np.isfinite(table[key].to_numpy(float))]
        values = known[key].abs() if key in ("roll", "yaw") else known[key]
        ranked = known.assign(_rank=values if low else -values).sort_values(["_rank", "clip", "frame_index"])
        for row in rows_of(ranked.drop_duplicates("clip").head(_A_KIND)):
            found.append((what, form.format(getattr(row, key)), row))
    return found


def different_people(clips: pd.DataFrame) -> list[int]:
    """Return the rows of `clips` in an order that shows every person once before any of them twice."""
    shuffled = clips.sample(frac=1, random_state=_SEED)
    # Where people are not known every clip counts as another one.
    person = shuffled["subject"].where(shuffled["subject"].ne(""), shuffled["clip_id"])
    turn = shuffled.groupby(person).cumcount()
    return [int(place) for place in turn.sort_values(kind="stable").index]


def pairs(survey: Survey, rows: Sequence[tuple[int, int]]) -> Gallery:
    """Return two clips side by side for every pair of rows of the clips, with the first stored frame of each."""
    pictures = []
    for a, b in rows:
        ids = [str(survey.clips["clip_id"][place]) for place in (a, b)]
        alt = f"First stored frames of {ids[0]} and {ids[1]}"
        facts = [("and", ids[1])]
        try:
            first = [int(survey.frames.loc[survey.frames["clip"] == place, "frame_index"].iloc[0]) for place in (a, b)]
            images = [shown(survey.store.crop(clip_id, index)) for clip_id, index in zip(ids, first, strict=True)]
            pictures.append(Picture(ids[0], facts, beside(images), alt))
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
        held = [name for name in MODALITIES if name in row.modalities]
        images = [shown(survey.store.crop(clip_id, row.frame_index, name)) for name in held]
        return Picture(title, facts, data_uri(images[0]) if len(images) == 1 else beside(images), alt)
    except (UserError, ValueError) as error:
        return Picture(title, [*facts, ("problem", str(error))], alt=alt, absent="cannot be read")


def shown(image: np.ndarray) -> np.ndarray:
    """Return an image of any kind as RGB uint8: depth is stretched over its own range, 0 (nothing measured) is black.

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


def beside(images: Sequence[np.ndarray]) -> str:
    """Return the modalities of a frame side by side, as one data URI."""
    import cv2

    tiles = [
        cv2.resize(one, (max(1, round(one.shape[1] * TILE / one.shape[0])), TILE), interpolation=cv2.INTER_AREA)
        for one in images
    ]
    return data_uri(np.hstack(tiles), longest=TILE * 4)


def _order(label: str, kind: str) -> tuple[int, str]:
    return list(LABEL_NAMES).index(label), kind
