"""Make the rows of a score table of the cells of a file of others: what a row is, and whose.

An id from outside is opaque: only columns that are declared for it say which recording a row is of.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from fasdata.errors import UserError
from fasdata.foreign import whole_number
from fasdata.records import ATTACK, BONAFIDE
from fastrain.evaluation.score_cells import (
    attacks_of,
    constant,
    labels_of,
    names_in,
    parts_of,
    require_plain,
    scores_of,
)
from fastrain.evaluation.score_columns import Layout, Reading
from fastrain.evaluation.score_rules import COLUMNS

if TYPE_CHECKING:
    import pandas as pd

NOT_STATED = "unknown"  # the dataset of a file that names none


@dataclass(frozen=True)
class Rows:
    """The rows of one part as a score table has them; `are` says what a row is, `notes` what else is to be known."""

    frame: pd.DataFrame
    are: str
    notes: tuple[str, ...] = ()
    has_ids: bool = True


def rows_of(cells: pd.DataFrame, layout: Layout, reading: Reading, part: str, where: str) -> Rows:
    """Return the rows that the cells (text, one column a role) stand for; `part` is that of a file that names none.

    A row is a frame where the columns for recording and frame are there, else a recording.

    Raises:
        UserError: a label, score, part or name that cannot be read, a recording or frame that occurs twice.
    """
    if not len(cells):
        raise UserError(f"{where} holds no score", expected="at least one row")
    cells = cells.assign(**{name: cells[name].str.strip() for name in cells.columns})
    require_plain(cells, where)
    live, words = labels_of(cells, layout, reading, where)
    kind, instrument = attacks_of(cells, live, words, reading, where)
    score = scores_of(cells, where)
    subject = names_in(cells["subject"]) if "subject" in cells else constant(cells, "")
    frame = cells[[]].assign(
        dataset=names_in(cells["dataset"]).replace("", NOT_STATED) if "dataset" in cells else NOT_STATED,
        domain="", part=parts_of(cells, part, where), subject=subject,
        label=np.where(live, BONAFIDE, ATTACK), attack_type=kind, pai=instrument, score=score,
        status=np.where(np.isnan(score), "fta", "ok"), **{name: names_in(cells[name]) for name in layout.fields},
    )  # fmt: skip
    rows = _framed(cells, frame, layout, where) if "clip" in cells else _recordings(cells, frame, where)
    notes = rows.notes
    if "real_id" in cells and (rows.frame["label"] == ATTACK).any():
        notes = (*notes, "bona fide where the first two columns agree, as bob reads its four columns")
    if layout.unread:
        notes = (
            *notes,
            f"columns not read: {', '.join(layout.unread[:8])}" + (", …" if len(layout.unread) > 8 else ""),
        )
    return Rows(rows.frame[[*COLUMNS, *layout.fields]], rows.are, notes, rows.has_ids)


# -- What a row is ----------------------------------------------------------------------------------------------------


def _framed(cells: pd.DataFrame, frame: pd.DataFrame, layout: Layout, where: str) -> Rows:
    """Return rows whose recording is declared: frames of it, or the recording as a whole."""
    clip = cells["clip"]
    _require_names(clip, layout.roles["clip"], where)
    names = layout.roles["clip"] + (f" and {layout.roles['frame']}" if "frame" in cells else "")
    notes: list[str] = []
    ids: Sequence[str] | pd.Series = cells.get("id", clip)
    if "frame" in cells:
        index, notes = _frame_numbers(cells)
        if "id" not in cells or (cells["id"] == clip).all():
            ids = clip + "/" + cells["frame"]
        are = f"frames of recordings, by {names}"
    elif layout.roles["clip"] == "video_key" and clip.duplicated().any():
        index = cells.groupby("clip", sort=False).cumcount()
        are = f"frames of recordings, by {names}; numbered by their order, since no frame_id is there"
    else:
        if clip.duplicated().any():
            raise _twice(clip, f"recordings ({layout.roles['clip']})", where, "a column frame if its rows are frames")
        index, are = constant(cells, 0), f"recordings, by {names}"
    frame = frame.assign(clip_id=clip, frame_index=index, sample_id=ids)
    frame, lost = _without_lost_frames(frame)
    if lost:
        notes.append(f"{lost} frames without a score are left out; the other frames of their recordings count")
    return Rows(frame, are, tuple(notes))


def _frame_numbers(cells: pd.DataFrame) -> tuple[pd.Series, list[str]]:
    """Return the number of every frame; names that are no numbers are numbered in the order of the recording."""
    texts = cells["frame"]
    numbers = {text: whole_number(text.removesuffix(".0").removeprefix("-")) for text in texts.unique()}
    if all(number is not None for number in numbers.values()):
        signed = {text: -(n or 0) if text.startswith("-") else n for text, n in numbers.items()}
        return texts.map(signed).astype("int64"), []
    return cells.groupby("clip", sort=False).cumcount(), [
        "frames whose names are no numbers are numbered by their order"
    ]


def _without_lost_frames(frame: pd.DataFrame) -> tuple[pd.DataFrame, int]:
    """Leave out frames without a score, but one row of a recording that has no other."""
    lost = frame["status"] == "fta"
    if not lost.any():
        return frame, 0
    scored = (~lost).groupby(frame["clip_id"], sort=False).transform("any")
    spare = lost & (scored | frame[lost].duplicated("clip_id").reindex(frame.index, fill_value=False))
    kept = frame[~spare]
    return kept.assign(frame_index=kept["frame_index"].where(kept["status"] == "ok", -1)), int((lost & scored).sum())


def _recordings(cells: pd.DataFrame, frame: pd.DataFrame, where: str) -> Rows:
    """Return rows that are a recording each, since no column says otherwise."""
    import pandas as pd

    notes = []
    if "frame" in cells:
        notes.append("frames are numbered, but no column (clip, video_key) says of which recording they are")
    if "id" not in cells:
        ids = pd.Series([f"row {number}" for number in range(1, len(cells) + 1)], index=cells.index, dtype=object)
        are, has_ids = "recordings, one a row (no column clip or id)", False
    else:
        ids, has_ids = cells["id"], True
        _require_names(ids, "id", where)
        if (frame.groupby(ids, sort=False)["label"].nunique() > 1).any():
            name = frame.groupby(ids, sort=False)["label"].nunique().idxmax()
            raise UserError(f"{where}: {name!r} is labelled bona fide and attack", expected="one label an id")
        ids = _apart(cells, where)
        are = "recordings, one a row (no columns clip and frame, or video_key and frame_id)"
        repeated = int(cells["id"].duplicated(keep=False).sum())
        if repeated:
            notes.append(f"{repeated} rows share their id with another row; each counts as a recording of its own")
    clips = frame.assign(clip_id=ids, sample_id=ids, frame_index=np.where(frame["status"] == "ok", 0, -1))
    return Rows(clips, are, tuple(notes), has_ids)


def _apart(cells: pd.DataFrame, where: str) -> pd.Series:
    """Return ids that occur once: repeated ones with their attack, their sample_n, or their number behind them.

    Raises:
        UserError: two rows are the same in every cell, so that one was written twice.
    """
    ids = cells["id"]
    repeated = ids.duplicated(keep=False)
    if not repeated.any():
        return ids
    if cells[repeated].duplicated().any():
        raise _twice(ids[repeated & cells.duplicated()], "rows that are the same in every cell", where, "each row once")
    for role in ("species", "repeat"):
        if role in cells:
            more = repeated & (cells[role] != "")
            ids = ids.where(~more, ids + " " + cells[role])
    repeated = ids.duplicated(keep=False)
    number = ids.groupby(ids, sort=False).cumcount() + 1
    return ids.where(~repeated, ids + " #" + number.astype(str))


def _twice(names: pd.Series, what: str, where: str, expected: str) -> UserError:
    again = names[names.duplicated()] if names.duplicated().any() else names
    name = again.iloc[0]
    return UserError(
        f"{where}: {name!r} occurs {max(2, int((names == name).sum()))} times among {what}"
        + (f", and {again.nunique() - 1} more do" if again.nunique() > 1 else ""),
        expected=f"each once, or {expected}",
    )


def _require_names(names: pd.Series, column: str, where: str) -> None:
    if (names == "").any():
        raise UserError(f"{where}: row {int((names == '').to_numpy().argmax()) + 1} has no {column}")
