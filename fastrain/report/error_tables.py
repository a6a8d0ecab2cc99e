"""Show every error rate with its selection and threshold policy."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal

from fasdata.page.page import Section
from fasdata.page.parts import Column, Paragraph, Row, Table
from fasdata.page.spelling import Absent, count, on_two_lines, percent, score, text
from fasdata.records import LABELS
from fasdata.species import DIGITAL, FAMILIES
from fastrain.evaluation.results import FEW
from fastrain.evaluation.results_lookup import HONEST, OUTSIDE_30107, PARTS, TEST, Results, ends_of
from fastrain.evaluation.statistics.proportions import (
    EXACT,
    JOINED,
    RESAMPLED,
    WORST,
    rules_note,
)
from fastrain.evaluation.thresholds import held_out_threshold, is_oracle
from fastrain.report.run_folder import RunFolder

if TYPE_CHECKING:
    pass


LAST_ALONE = "Of the last network alone, at its own threshold: a mean over networks gives no clip a score. "


def shown_threshold(run: RunFolder) -> tuple[float | None, str]:
    """Return the clip-level threshold of the sources for `run.scores`, None where there is none, and a note on it.

    A run that reports the mean over several of its networks has their mean threshold in its results, but its scores are
    those of the last network: the threshold of that network is computed anew.
    """
    if "averaged_over" not in run.results.data:
        return run.results.threshold("clip", HONEST), ""
    value = held_out_threshold(run.scores, fta=run.results.fta) if run.scores else math.nan
    return (value if math.isfinite(value) else None), LAST_ALONE


_INTERVAL = f"In brackets: 95 % interval over people ({rules_note(EXACT)})."
_FEW = f"“few”: fewer than {FEW} clips, too few to rely on."


# -- Error rates ------------------------------------------------------------------------------------------------------

_LEADING = (
    Column("Scores of"),
    Column("Level"),
    Column("Threshold policy"),
    Column("Threshold", numeric=True),
)
SIDE_BY_SIDE = 7  # species in a table that fits a window of 1280 pixels
_RATES = {
    "hter": "HTER",
    "apcer": "APCER, worst species",
    "bpcer": "BPCER",
    "acer_max": "ACER, worst species",
}
_FTA = {
    "count": "A clip without a usable face counts as rejected: an error when it is bona fide.",
    "exclude": "Clips without a usable face are left out, as the papers do.",
}


def metrics_section(run: RunFolder) -> Section:
    """Return the tables of error rates, of attacks accepted by species, and of non-response."""
    results = run.results
    if results.absent:
        return Section("metrics", "Error rates", [Paragraph(f"No error rates: {results.absent}.")])
    lead = _FTA.get(str(results.data.get("fta")), "It is not recorded how clips without a usable face were counted.")
    tables = [_rates(results), *_species(results), *_families(results), _non_response(results)]
    return Section("metrics", "Error rates", tables, lead)


def _rates(results: Results) -> Table:
    columns = [*_LEADING, *(Column(title, True) for title in _RATES.values()), Column("EER", True), Column("AUC", True)]
    rows = []
    for part, level, policy in results.lines():
        rates = [on_two_lines(results.shown(part, level, name, policy, interval=True)) for name in _RATES]
        free = [on_two_lines(results.shown(part, level, name, interval=True)) for name in ("eer", "auc")]
        rows.append(Row((*_leading(results, part, level, policy), *rates, *free), _kind(part, policy)))
    note = (
        "A clip's score is the mean of its frames' scores. EER and AUC do not depend on the threshold and repeat from "
        "row to row; an EER is by definition an oracle on its own scores. The pooled ACER is the HTER. Shaded: "
        "what a deployment would see. Grey: thresholds that need the target's labels. "
        f"{_mean_over(results)}In brackets: 95 % interval over people, whose frames and clips go together, with its "
        f"rule ({rules_note(EXACT, WORST, JOINED, RESAMPLED)})."
    )
    selected = f"checkpoint selected by {results.data.get('selection') or 'a policy that is not recorded'}"
    return Table(f"Error rates at clip and frame level; {selected}", columns, rows, note)


def _mean_over(results: Results) -> str:
    networks = results.data.get("averaged_over")
    words = f"Each number is the mean over {networks} networks (± their deviation), its interval that of this mean. "
    return words if networks else ""


def _species(results: Results) -> list[Table]:
    lines = {}
    for part, level, policy in results.lines():
        rows_of_line = results.rows("species", part=part, level=level, threshold_policy=policy)
        lines[part, level, policy] = {str(row.get("species")): row for row in rows_of_line}
    names = list(dict.fromkeys(name for by_species in lines.values() for name in by_species))
    note = f"“of n”: how many attacks of that species; {_mean_over(results)}{_FEW} {_INTERVAL}"
    caption = "Attacks accepted, by attack species"
    if not names:
        return [Table(caption, _LEADING, [], "No attack was scored.")]
    tables = []
    for first in range(0, len(names), SIDE_BY_SIDE):
        shown = names[first : first + SIDE_BY_SIDE]
        rows = [
            Row(
                (*_leading(results, *line), *(species_cell(by_species.get(name)) for name in shown)),
                _kind(line[0], line[2]),
            )
            for line, by_species in lines.items()
            if by_species
        ]
        columns = [*_LEADING, *(Column(f"APCER {name}", numeric=True) for name in shown)]
        which = f" {first + 1} to {first + len(shown)} of {len(names)}" if len(names) > SIDE_BY_SIDE else ""
        tables.append(Table(caption + which, columns, rows, note))
    return tables


def _families(results: Results) -> list[Table]:
    """Return the table of attacks accepted by family, none where no attack is digital."""
    rows = []
    for part, level, policy in results.lines():
        where = {"part": part, "level": level, "threshold_policy": policy}
        of = {str(row.get("family")): row for row in results.rows("families", **where)}
        if of:
            kinds = text(", ".join(str(name) for name in of.get(DIGITAL, {}).get("species") or ()), "none here")
            cells = (species_cell(of.get(family)) for family in FAMILIES)
            rows.append(Row((*_leading(results, part, level, policy), *cells, kinds), _kind(part, policy)))
    columns = [*_LEADING, *(Column(f"APCER, {family}", numeric=True) for family in FAMILIES), Column("Digital species")]
    note = f"{OUTSIDE_30107}. “of n”: how many attacks of that family; {_FEW} {_INTERVAL}"
    return [Table("Attacks accepted, by family: the worst species of each", columns, rows, note)] if rows else []


def species_cell(row: Mapping[str, Any] | None) -> Any:
    if row is None:
        return Absent("none here")
    ends = ends_of(row)["ends"]
    rate = percent(row.get("apcer"), str(row.get("reason") or "undefined"))
    interval = percent(row.get("apcer"), ends=ends, rule=EXACT).removeprefix(str(rate))  # type: ignore[union-attr]
    few = ", few" if row.get("few") else ""
    return rate if isinstance(rate, Absent) else on_two_lines(f"{rate} of {count(row.get('n'))}{few}{interval}")


def _non_response(results: Results) -> Table:
    columns = [Column("Clips of"), Column("Bona fide without a face", True), Column("Attacks without a face", True)]
    rows = [
        Row(
            (
                results.named(part),
                *(results.shown(part, "clip", f"non_response_{label}", interval=True) for label in LABELS),
            )
        )
        for part in PARTS
    ]
    return Table("Non-response: clips in which no face was found (failure to acquire)", columns, rows)


def _leading(results: Results, part: str, level: str, policy: str) -> tuple[str | Absent, ...]:
    threshold = results.threshold_row(level, policy)
    value = score(threshold.get("value"), str(threshold.get("reason") or "not recorded"))
    return (results.named(part), level, policy, value)


def _kind(part: str, policy: str) -> Literal["", "strong", "muted"]:
    if part == TEST and is_oracle(policy):
        return "muted"
    return "strong" if part == TEST and policy == HONEST else ""
