"""Match the ids of scores from outside with those of a manifest: they are equal, or they are listed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from fasdata.errors import UserError
from fastrain.evaluation.averaged import AT, BEST
from fastrain.evaluation.score_rules import FIELD_PREFIX, KEY_COLUMNS
from fastrain.evaluation.scores import ScoreTable

if TYPE_CHECKING:
    import pandas as pd

_LISTED = 6  # ids that an error names
_CARRIED = (AT, FIELD_PREFIX)  # beginnings of columns that a table keeps beside its score


def matched(names: Sequence[str], samples: pd.DataFrame, where: str) -> pd.DataFrame:
    """Return the row of `samples` that each name is of: by its sample id, or by its clip as a whole.

    Raises:
        UserError: names that are neither.
    """
    known = samples.set_index("sample_id", drop=False)
    if all(name in known.index for name in names):
        return known.loc[list(names)].reset_index(drop=True)
    by_clip = _clips(samples)
    _require_known(names, {*known.index, *by_clip}, where)
    if not all(name in by_clip for name in names):
        raise UserError(f"{where} mixes ids of clips and of samples", expected="ids of one kind")
    rows = samples.iloc[[by_clip[name] for name in names]].reset_index(drop=True)
    return rows.assign(sample_id=rows["dataset"] + "/" + rows["clip_id"], frame_index=0)


def lined_up(table: ScoreTable, key: ScoreTable, *, own: bool = False) -> ScoreTable:
    """Return the scores with part, label, species and subject of `key`, the samples of a manifest.

    Ids are those of the manifest's samples; or the recordings' ids are its clips' (`dataset/clip_id`, or `clip_id`
    where only one dataset has it), and their frames are the scorer's own affair; not so of an `own` table.

    Raises:
        UserError: ids that `key` does not have, or samples or clips of a part that have no score.
    """
    import pandas as pd

    known = key.frame.set_index("sample_id", drop=False)
    ids = table.frame["sample_id"]
    by_clip = _clips(key.frame)
    clips = _clip_names(table.frame, by_clip)
    if not own and not ids.isin(known.index).all() and clips.isin(list(by_clip)).any():
        return _by_clip(table, key, by_clip)
    _require_known(list(ids), set(known.index), table.source)
    rows = known.loc[ids].reset_index(drop=True)
    parts = rows["part"].unique()
    wanted = key.frame[key.frame["part"].isin(parts) & (key.frame["status"] == "ok")]
    _require_scored(wanted["sample_id"][~wanted["sample_id"].isin(set(ids))], "samples", table.source)
    lost = key.frame[key.frame["part"].isin(parts) & (key.frame["status"] == "fta") & ~key.frame["sample_id"].isin(ids)]
    kept = [name for name in table.frame.columns if name in ("score", "status", BEST) or name.startswith(_CARRIED)]
    scored = rows.assign(**{name: table.frame[name].to_numpy() for name in kept})
    return ScoreTable(pd.concat([scored, lost], ignore_index=True), table.source)


def _by_clip(table: ScoreTable, key: ScoreTable, by_clip: dict[str, int]) -> ScoreTable:
    import pandas as pd

    names = _clip_names(table.frame, by_clip)
    _require_known(list(names.unique()), set(by_clip), table.source)
    rows = key.frame.iloc[[by_clip[name] for name in names]].reset_index(drop=True)
    in_parts = key.frame[key.frame["part"].isin(rows["part"].unique())].drop_duplicates(list(KEY_COLUMNS))
    there = set(zip(rows["dataset"], rows["clip_id"], strict=True))
    absent = in_parts[[pair not in there for pair in zip(in_parts["dataset"], in_parts["clip_id"], strict=True)]]
    lacking = absent[absent["status"] == "ok"]
    _require_scored(lacking["dataset"] + "/" + lacking["clip_id"], "clips", table.source)
    own = table.frame.reset_index(drop=True)
    fields = {name: own[name] for name in own.columns if name.startswith(FIELD_PREFIX)}
    frames = rows.assign(score=own["score"], status=own["status"], frame_index=own["frame_index"], **fields)
    single = not (names.duplicated().any() or (own["frame_index"] > 0).any())
    stem = frames["dataset"] + "/" + frames["clip_id"]
    frames["sample_id"] = stem if single else stem + "/" + frames["frame_index"].astype(str)
    return ScoreTable(pd.concat([frames, absent[absent["status"] == "fta"]], ignore_index=True), table.source)


def _clip_names(frame: pd.DataFrame, known: dict[str, int]) -> pd.Series:
    """Return the clip ids, with the dataset before them where the table states it and the id alone is not enough."""
    full = frame["dataset"] + "/" + frame["clip_id"]
    return frame["clip_id"].where(~full.isin(list(known)), full)


def _clips(samples: pd.DataFrame) -> dict[str, int]:
    """Return the place of the first row of every clip, by `dataset/clip_id` and by a clip id of one dataset alone."""
    pairs = [tuple(map(str, pair)) for pair in samples[list(KEY_COLUMNS)].itertuples(index=False, name=None)]
    first: dict[tuple[str, ...], int] = {}
    for place, pair in enumerate(pairs):
        first.setdefault(pair, place)
    datasets: dict[str, int] = {}
    for _, clip in first:
        datasets[clip] = datasets.get(clip, 0) + 1
    alone = {clip: place for (_, clip), place in first.items() if datasets[clip] == 1}
    return alone | {f"{dataset}/{clip}": place for (dataset, clip), place in first.items()}


def _require_known(names: Sequence[str], known: set[str], where: str) -> None:
    strange = [name for name in dict.fromkeys(names) if name not in known]
    if strange:
        raise UserError(
            f"{where} has ids that the manifest does not have",
            found=_listed(strange),
            do="name the manifest that these scores are of: ids have to be its clip ids or sample ids, to the letter",
        )


def _require_scored(lacking: pd.Series, what: str, where: str) -> None:
    if len(lacking):
        raise UserError(
            f"{where} lacks scores of {what} that the manifest has",
            found=_listed(list(lacking)),
            do="add them, without a score where there is none",
        )


def _listed(names: Sequence[str]) -> str:
    shown = ", ".join(repr(name) for name in names[:_LISTED])
    return shown + (f" and {len(names) - _LISTED} more" if len(names) > _LISTED else "")
