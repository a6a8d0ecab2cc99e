"""Say what a table of scores from outside holds, and what cannot be told for want of which column."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from fasdata.page.spelling import count, ratio
from fasdata.records import ATTACK, BONAFIDE
from fastrain.evaluation.score_rows import NOT_STATED
from fastrain.evaluation.score_rules import KEY_COLUMNS

if TYPE_CHECKING:
    from fastrain.evaluation.score_files import OutsideScores
    from fastrain.evaluation.scores import ScoreTable

ROUND = "scores may be the other way round (--higher-is attack)"


def holdings(table: ScoreTable) -> dict[str, str]:
    """Return for each part how many clips, people and frames it holds, in words.

    >>> from tests.fastrain.evaluation.tables import twelve
    >>> holdings(twelve())["val"]
    '4 clips (2 bona fide, 2 attack), 4 people, 4 frames'
    """
    words = {}
    for part in table.parts():
        rows = table.part(part)
        if rows is not None:
            frames = int((rows.frame["status"] == "ok").sum())
            clips = rows.frame.drop_duplicates(list(KEY_COLUMNS))
            live, spoof = (int((clips["label"] == label).sum()) for label in (BONAFIDE, ATTACK))
            named = clips[clips["subject"] != ""]
            people = len(named[["dataset", "subject"]].drop_duplicates())
            who = f"{people:,} people" if people else "people not named"
            loose = len(clips) - len(named)
            who += f" ({loose:,} clips of people not named)" if people and loose else ""
            words[part] = f"{len(clips):,} clips ({live:,} bona fide, {spoof:,} attack), {who}, {frames:,} frames"
    return words


def cannot_tell(read: OutsideScores, *, manifest: bool = False) -> list[str]:
    """Return a sentence for each thing that the scores cannot tell, and the column or file that would.

    `manifest`: the scores were lined up with one, which says what they do not.
    """
    return list(_gaps(read.table, read.has_ids, manifest))


def _gaps(table: ScoreTable, has_ids: bool, manifest: bool) -> Iterator[str]:
    frame = table.frame
    clips = frame.drop_duplicates(list(KEY_COLUMNS))
    loose = int((clips["subject"] == "").sum())
    if loose == len(clips):
        yield (
            "people: no column subject (nor --subjects), so intervals resample clips, which are not independent: they "
            "are too narrow"
        )
    elif loose:
        yield f"people: {count(loose)} of {count(len(clips))} clips have no subject; each counts as a person of its own"
    spoof = clips[clips["label"] == ATTACK]
    nameless = spoof[spoof["attack_type"].isin(["", "unknown"]) & (spoof["pai"] == "")]
    if len(spoof) and len(nameless) == len(spoof):
        yield "species: no column species, so all attacks count as one species, and the worst is not known"
    if "val" not in table.parts():
        yield (
            "threshold transfer: no part val (bob: scores-dev.csv), so no threshold comes from elsewhere than the test "
            "clips: error rates at one are oracles"
        )
    if not has_ids:
        yield "clip by clip: no column clip or id, so no test against another system on the same clips"
    if (frame["dataset"] == NOT_STATED).all() and not manifest:
        yield "datasets: no column dataset, so all clips count as of one"
    usable = frame["score"][frame["status"] == "ok"]
    if len(usable) and (usable.min() < 0 or usable.max() > 1):
        yield "calibration: the scores leave 0 to 1, so they are no probabilities; min Cllr alone is shown"
    if not manifest and (frame["status"] == "ok").all():
        yield "non-response: the file lists no presentation without a score, so its rates are not known"
    if not manifest:
        yield "data: no --protocol, so nobody checked that these are the clips of a protocol"


def other_way_round(results: Mapping[str, Any]) -> list[str]:
    """Return a warning for each part whose AUC is below a half."""
    return [
        f"{row['part']}: AUC {ratio(row['value'])} is below 0.5: {ROUND}"
        for row in results["metrics"]
        if row["metric"] == "auc" and row["level"] == "clip" and row["value"] is not None and row["value"] < 0.5
    ]
