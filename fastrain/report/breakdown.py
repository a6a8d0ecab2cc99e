"""Where the errors are: by device, session and whatever else the target's paths tell, and by domain of the sources."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from fasdata.records import ATTACK, BONAFIDE
from fasdata.report.page import Section
from fasdata.report.prose import Paragraph
from fasdata.report.table import Column, Row, Table
from fasdata.report.value import Absent, count, percent
from fastrain.evaluation.score_rules import FIELD_PREFIX
from fastrain.report.results import HONEST, TEST, VAL
from fastrain.report.run_folder import RunFolder
from fastrain.report.shown_threshold import shown_threshold

if TYPE_CHECKING:
    import pandas as pd

FEW = 20
SOURCES = "domain of the held-out sources"
MOST = 15  # values; a field with more (a serial number) is no way to group


def breakdown_section(run: RunFolder) -> Section:
    """Return one table a grouping, at the threshold of the sources."""
    title = "Breakdown"
    threshold, whose = shown_threshold(run)
    whole = run.scores.clips() if run.scores else None
    clips = whole.part(TEST) if whole else None
    if whole is None or clips is None or threshold is None:
        return Section("breakdown", title, [Paragraph("Nothing to show: no scores, or no threshold from the sources.")])
    tables = [_table(name, clips.frame, column, threshold) for name, column in groupings(clips.frame)]
    parts: list[Any] = tables or [Paragraph("The target is one dataset, and its paths tell nothing to group by.")]
    held_out = whole.part(VAL)
    if held_out and held_out.frame["domain"].nunique() > 1:
        parts.append(_table(SOURCES, held_out.frame, "domain", threshold))
    lead = f"{whose}Clips at {HONEST}; without a face: rejected. Those of the target, but for the table of sources."
    return Section("breakdown", title, parts, lead)


def groupings(frame: pd.DataFrame) -> Iterator[tuple[str, str]]:
    """Yield name and column of what the clips can be grouped by: more than one value, and not one for each clip."""
    fields = [(name.removeprefix(FIELD_PREFIX), name) for name in frame.columns if name.startswith(FIELD_PREFIX)]
    for name, column in (("dataset", "dataset"), ("instrument", "pai"), *fields):
        values = frame[column][frame[column] != ""].nunique()
        if 1 < values <= MOST:
            yield name, column


def _table(name: str, frame: pd.DataFrame, column: str, threshold: float) -> Table:
    columns = [Column(name.capitalize()), Column("Bona fide clips", True), Column("BPCER", True),
               Column("Attack clips", True), Column("APCER, all species", True)]  # fmt: skip
    rows = []
    for value, those in frame.groupby(column):
        accepted = those["score"].fillna(float("-inf")) >= threshold
        live, spoof = those["label"] == BONAFIDE, those["label"] == ATTACK
        rows.append(
            Row(
                (
                    str(value) or "not known",
                    count(int(live.sum())),
                    _rate(~accepted[live]),
                    count(int(spoof.sum())),
                    _rate(accepted[spoof]),
                )
            )
        )
    return Table(f"By {name}", columns, rows, "“few”: fewer than 20 clips, too few to rely on.")


def _rate(wrong: pd.Series) -> str | Absent:
    shown = percent(float(wrong.mean()) if len(wrong) else None, "no such clip")
    return shown if isinstance(shown, Absent) or len(wrong) >= FEW else f"{shown}, few"
