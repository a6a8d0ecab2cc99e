"""Check a table of scores; every breach is one line that names the place."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING

from fasdata.errors import UserError, unknown_name
from fasdata.records import ATTACK, ATTACK_TYPES, BONAFIDE, LABELS

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

COLUMNS = (
    "sample_id", "dataset", "domain", "part", "clip_id", "subject", "label", "attack_type", "pai",
    "frame_index", "status", "score",
)  # fmt: skip
KEY_COLUMNS = ("dataset", "clip_id")
FIELD_PREFIX = "field_"  # further columns: what the release says of a clip (device, session, …), to group by
# The origin of the whole table (see `ScoreOrigin`): absent, or the same in every row.
ORIGIN_COLUMNS = (
    "selection", "checkpoint", "protocol", "recipe", "manifest_fingerprint", "corruption", "higher_is",
)  # fmt: skip
HIGHER_IS = BONAFIDE
PARTS = ("train", "val", "test")
STATUSES = ("ok", "fta")
MOST_SPECIES, MOST_DATASETS = 300, 1000  # a column with more is no species, no dataset
_TEXT = tuple(name for name in COLUMNS if name not in ("frame_index", "score"))
_SAME_IN_A_CLIP = ("domain", "part", "subject", "label", "attack_type", "pai", "status")


def checked(frame: pd.DataFrame, source: str) -> pd.DataFrame:
    """Check a frame and return a copy with the types of a score table, index 0…n-1.

    Raises:
        UserError: see `ScoreTable`; `source` is named as the place.
    """
    missing = [name for name in COLUMNS if name not in frame.columns]
    if missing:
        raise UserError(
            f"{source} lacks the column {', '.join(missing)}",
            expected=", ".join(COLUMNS),
            found=", ".join(map(str, frame.columns)) or "no column",
        )
    if not len(frame):
        raise UserError(f"{source} holds no score", expected="at least one row")
    table = frame.reset_index(drop=True).copy()
    origin = [name for name in ORIGIN_COLUMNS if name in table.columns]
    for name in (*_TEXT, *origin, *(column for column in table.columns if str(column).startswith(FIELD_PREFIX))):
        table[name] = table[name].astype(object).where(table[name].notna(), "").astype(str)
    for name in [c for c in table.columns if c == "score" or c.startswith("score_")]:
        table[name] = _numbers(table, name, source)
    table["frame_index"] = _numbers(table, "frame_index", source).astype("int64")
    _check_origin(table, origin, source)
    _check_names(table, source)
    _check_ids(table, source)
    _check_scores(table, source)
    _check_clips(table, source)
    return table


def _numbers(table: pd.DataFrame, column: str, source: str) -> np.ndarray:
    """Return the column as float64, "" and None as NaN (frame_index: -1)."""
    import numpy as np
    import pandas as pd

    cells = table[column]
    if pd.api.types.is_numeric_dtype(cells):
        values = cells.to_numpy(np.float64)
    else:
        text = (
            cells.astype(object).where(cells.notna(), "").astype(str).str.strip().replace("", "nan").to_numpy(dtype=str)
        )
        try:
            values = text.astype(np.float64)
        except ValueError:
            row = next(i for i, cell in enumerate(text) if not _is_number(cell))
            raise UserError(
                f"{source}: {column} of sample {table['sample_id'][row]!r} is not a number", found=repr(str(text[row]))
            ) from None
    if column == "frame_index":
        values = np.where(np.isnan(values), -1, values)
        if (values != np.rint(values)).any():
            raise UserError(
                f"{source}: a frame_index is not a whole number", found=str(values[values != np.rint(values)][0])
            )
    return values


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _check_origin(table: pd.DataFrame, columns: Collection[str], source: str) -> None:
    for column in columns:
        values = table[column].unique()
        if len(values) > 1:
            raise UserError(
                f"{source} mixes scores of different origin",
                expected=f"one {column} in all rows",
                found=", ".join(value or "none" for value in values[:2]) + (", …" if len(values) > 2 else ""),
            )
    if "higher_is" in columns and table["higher_is"].iloc[0] not in (HIGHER_IS, ""):
        raise UserError(
            f"{source} says that another class scores higher",
            expected=f"higher_is {HIGHER_IS}",
            found=str(table["higher_is"].iloc[0]),
            do="say --higher-is attack, or turn the scores' sign round",
        )


def _check_names(table: pd.DataFrame, source: str) -> None:
    _among(table, "label", LABELS, source)
    _among(table, "part", PARTS, source)
    _among(table, "status", STATUSES, source)
    # Unknown is empty; what is named must be a word of the shared vocabulary.
    _among(table[table["label"] == ATTACK], "attack_type", {*ATTACK_TYPES, ""} - {BONAFIDE}, source)
    _among(table[table["label"] == BONAFIDE], "attack_type", (BONAFIDE, ""), source)
    species = len(table[table["label"] == ATTACK][["attack_type", "pai"]].drop_duplicates())
    for what, number, most in (
        ("attacks", species, MOST_SPECIES),
        ("datasets", table["dataset"].nunique(), MOST_DATASETS),
    ):
        if number > most:
            raise UserError(f"{source} names {number:,} different {what}", expected=f"at most {most}")


def _among(table: pd.DataFrame, column: str, known: Collection[str], source: str) -> None:
    odd = ~table[column].isin(list(known))
    if odd.any():
        row = table[odd].iloc[0]
        where = f"{column} ({source}, {row['label']} sample {row['sample_id']!r})"
        raise unknown_name(where, row[column], [name for name in known if name])


def _check_ids(table: pd.DataFrame, source: str) -> None:
    for column in ("sample_id", *KEY_COLUMNS):
        if (table[column] == "").any():
            raise UserError(f"{source}: row {int((table[column] == '').argmax()) + 1} has no {column}")
    twice = table["sample_id"].duplicated()
    if twice.any():
        name = table["sample_id"][twice].iloc[0]
        raise UserError(
            f"{source}: sample {name!r} occurs {int((table['sample_id'] == name).sum())} times "
            f"({int(twice.sum())} rows too many in all)",
            expected="every sample_id once",
        )


def _check_scores(table: pd.DataFrame, source: str) -> None:
    import numpy as np

    finite, usable = np.isfinite(table["score"]), table["status"] == "ok"
    if (usable & ~finite).any():
        row = table[usable & ~finite].iloc[0]
        raise UserError(
            f"{source}: the score of sample {row['sample_id']!r} is not finite",
            expected="a number, or status fta and no score",
            found=str(row["score"]),
        )
    if (~usable & table["score"].notna()).any():
        row = table[~usable & table["score"].notna()].iloc[0]
        raise UserError(
            f"{source}: sample {row['sample_id']!r} has status fta and a score",
            expected="no score where no face was acquired",
            found=str(row["score"]),
        )


def _check_clips(table: pd.DataFrame, source: str) -> None:
    kinds = table.groupby(list(KEY_COLUMNS), sort=False)[list(_SAME_IN_A_CLIP)].nunique()
    for column in _SAME_IN_A_CLIP:
        mixed = kinds.index[kinds[column] > 1]
        if len(mixed):
            dataset, clip = mixed[0]
            rows = table[(table["dataset"] == dataset) & (table["clip_id"] == clip)]
            raise UserError(
                f"{source}: the rows of clip {dataset}/{clip} contradict each other",
                expected=f"one {column} a clip",
                found=", ".join(rows[column].unique()),
            )
