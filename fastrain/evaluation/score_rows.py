"""Make the rows of a score table of the cells of a file of others: labels, attack names, and what a row is.

An id from outside is opaque: only columns that are declared for it say which recording a row is of.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from fasdata.errors import UserError
from fasdata.foreign import whole_number
from fasdata.records import ATTACK, BONAFIDE
from fasdata.species import is_attack_type, read_attack_name
from fastrain.evaluation.score_columns import Layout, Reading
from fastrain.evaluation.score_rules import COLUMNS

if TYPE_CHECKING:
    import pandas as pd

NOT_STATED = "unknown"  # the dataset of a file that names none
LONGEST = 4096  # characters of a cell that is a name
_LIVE = frozenset(["bonafide", "bona-fide", "live", "real", "genuine"])
_SPOOF = frozenset(["attack", "spoof", "fake", "presentation-attack", "imposter", "impostor"])
_NO_SCORE = frozenset(("", "nan", "none", "null", "na", "n/a"))
_NO_NAME = frozenset(("", "nan", "none", "null"))
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


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
    _check_texts(cells, where)
    live, words = _labels(cells, layout, reading, where)
    kind, instrument = _attacks(cells, live, words, reading, where)
    score = _scores(cells, where)
    subject = _named(cells["subject"]) if "subject" in cells else _constant(cells, "")
    frame = cells[[]].assign(
        dataset=_named(cells["dataset"]).replace("", NOT_STATED) if "dataset" in cells else NOT_STATED,
        domain="", part=_parts(cells, part, where), subject=subject,
        label=np.where(live, BONAFIDE, ATTACK), attack_type=kind, pai=instrument, score=score,
        status=np.where(np.isnan(score), "fta", "ok"),
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
    return Rows(rows.frame[list(COLUMNS)], rows.are, notes, rows.has_ids)


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
        index, are = _constant(cells, 0), f"recordings, by {names}"
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


# -- Cells ------------------------------------------------------------------------------------------------------------


def _labels(cells: pd.DataFrame, layout: Layout, reading: Reading, where: str) -> tuple[np.ndarray, pd.Series | None]:
    """Return which rows are bona fide, and the words that name attacks where the labels do."""
    if "label" not in cells:
        if not {"real_id", "subject"} <= set(cells.columns):
            raise UserError(f"{where} has no column label", do="name it with --columns")
        return (cells["real_id"] == cells["subject"]).to_numpy(), cells["real_id"]
    column, texts = layout.roles.get("label", "label"), cells["label"]
    values = list(texts.unique())
    if reading.bonafide_is:
        if reading.bonafide_is not in values:
            raise UserError(f"{where}: no {column} is {reading.bonafide_is!r}", found=_listed(values))
        live = (texts == reading.bonafide_is).to_numpy()
        return live, None if len(values) <= 2 else texts
    words = {value: _word(value) for value in values}
    if column == "is_bonafide":
        meant = {value: {"true": True, "false": False}.get(word) for value, word in words.items()}
        expected = "True or False"
    else:
        meant = {value: True if word in _LIVE else (False if word in _SPOOF else None) for value, word in words.items()}
        expected = "bonafide or attack (live, real, spoof, fake too)"
    odd = [value for value, is_live in meant.items() if is_live is None]
    if odd:
        what = "is neither True nor False" if column == "is_bonafide" else "is neither bonafide nor attack"
        raise UserError(
            f"{where}: {column} {what}", expected=expected, found=_listed(odd),
            do="say which value is the bona fide one: --bonafide-is VALUE",
        )  # fmt: skip
    return texts.map(meant).to_numpy(bool), None


def _attacks(
    cells: pd.DataFrame, live: np.ndarray, words: pd.Series | None, reading: Reading, where: str
) -> tuple[np.ndarray, np.ndarray]:
    """Return attack type and instrument of every row."""
    names = _named(cells["species"]) if "species" in cells else (words if words is not None else _constant(cells, ""))
    named = np.asarray(live) & (names != "").to_numpy() & (words is None)
    strange = [name for name in names[named].unique() if _word(name) not in _LIVE]
    if strange:
        raise UserError(f"{where}: a bona fide row names an attack", expected="no attack there", found=_listed(strange))
    present = list(names[~live].unique())
    meant = dict(reading.attacks)
    if unused := [name for name in meant if name not in present]:
        raise UserError(f"--map {unused[0]}: no attack has that name", found=_listed(present))
    pairs = {name: read_attack_name(meant.get(name, name)) for name in present}
    kind = np.where(live, BONAFIDE, names.map({name: pair[0] for name, pair in pairs.items()}))
    instrument = np.where(live, "", names.map({name: pair[1] for name, pair in pairs.items()}))
    if "instrument" in cells:
        given = _named(cells["instrument"]).to_numpy(object)
        instrument = np.where(live | (given == ""), instrument, given)
    return kind, instrument


def renamed_attacks(frame: pd.DataFrame, attacks: Sequence[tuple[str, str]], where: str) -> pd.DataFrame:
    """Return a table of our own columns in which attacks of a name, by type or instrument, have another.

    Raises:
        UserError: no attack has that name.
    """
    for name, meant in attacks:
        there = (frame["label"] == ATTACK) & ((frame["attack_type"] == name) | (frame["pai"] == name))
        if not there.any():
            spoof = frame[frame["label"] == ATTACK]
            present = [*spoof["attack_type"].unique(), *spoof["pai"].unique()]
            raise UserError(f"{where}: --map {name}: no attack has that name", found=_listed([n for n in present if n]))
        kind, instrument = read_attack_name(meant)
        columns = {"attack_type": kind, "pai": instrument}
        frame = frame.assign(**{column: frame[column].mask(there, value) for column, value in columns.items()})
    return frame


def with_species(frame: pd.DataFrame) -> pd.DataFrame:
    """Return a table of our own columns in which attack types outside the vocabulary have become species."""
    if not {"label", "attack_type", "pai"} <= set(frame.columns):
        return frame
    spoof = frame["label"] == ATTACK
    present = frame["attack_type"][spoof].dropna().unique()
    pairs = {
        str(name): read_attack_name(str(name)) for name in present
        if str(name) not in ("", BONAFIDE) and not is_attack_type(str(name))
    }  # fmt: skip
    odd = spoof & frame["attack_type"].isin(list(pairs))
    if not odd.any():
        return frame
    kinds = frame["attack_type"].map({name: pair[0] for name, pair in pairs.items()})
    kinds = kinds.where(odd, frame["attack_type"])
    species = frame["attack_type"].map({name: pair[1] for name, pair in pairs.items()})
    instrument = frame["pai"].fillna("").astype(object)
    return frame.assign(attack_type=kinds, pai=instrument.where(~odd | (instrument != ""), species.fillna("")))


def _scores(cells: pd.DataFrame, where: str) -> np.ndarray:
    text = cells["score"].str.lower()
    absent = text.isin(list(_NO_SCORE)).to_numpy()
    try:
        values = np.where(absent, "nan", text).astype(np.float64)
    except ValueError:
        row = next(place for place, cell in enumerate(text) if not absent[place] and not _is_number(cell))
        raise UserError(
            f"{where}: the score of row {row + 1} is not a number", found=repr(cells["score"].iloc[row][:60])
        ) from None
    if np.isinf(values).any():
        raise UserError(f"{where}: the score of row {int(np.isinf(values).argmax()) + 1} is not finite", found="inf")
    return values


def _parts(cells: pd.DataFrame, part: str, where: str) -> pd.Series | str:
    if "part" not in cells:
        return part
    words = {"test": "test", "eval": "test", "val": "val", "dev": "val", "devel": "val", "train": "train"}
    known = cells["part"].str.lower().map(words)
    if known.isna().any():
        odd = cells["part"][known.isna()].unique()
        raise UserError(f"{where}: unknown part", expected="test or val (eval, dev)", found=_listed(list(odd)))
    return known


def _check_texts(cells: pd.DataFrame, where: str) -> None:
    for name in cells.columns:
        for text in cells[name].unique():
            if len(text) > LONGEST:
                raise UserError(f"{where}: a cell of {len(text):,} characters ({name})", expected=f"at most {LONGEST}")
            if _CONTROL.search(text):
                raise UserError(f"{where}: a control character in {name}", expected="printable text", found=repr(text))


def _require_names(names: pd.Series, column: str, where: str) -> None:
    if (names == "").any():
        raise UserError(f"{where}: row {int((names == '').to_numpy().argmax()) + 1} has no {column}")


def _named(texts: pd.Series) -> pd.Series:
    return texts.where(~texts.str.lower().isin(list(_NO_NAME)), "")


def _constant(cells: pd.DataFrame, value: str | int) -> pd.Series:
    import pandas as pd

    return pd.Series(value, index=cells.index, dtype=object if isinstance(value, str) else "int64")


def _word(text: str) -> str:
    return re.sub(r"[\s_]+", "-", text.strip().lower())


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _listed(values: Sequence[str], shown: int = 4) -> str:
    names = [repr(str(value)[:40]) for value in values[:shown]]
    return ", ".join(names) + (f" and {len(values) - shown} more" if len(values) > shown else "")
