"""Every error rate in a table, each row naming its selection and its threshold policy."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from fasdata.records import LABELS
from fasdata.report.page import Section
from fasdata.report.prose import Paragraph
from fasdata.report.table import Column, Row, Table
from fasdata.report.value import Absent, count, percent, ratio, score, text
from fastrain.report.results import HONEST, PARTS, TEST, Results
from fastrain.report.run_folder import RunFolder

_LEADING = (
    Column("Scores of"),
    Column("Level"),
    Column("Checkpoint selected by"),
    Column("Threshold policy"),
    Column("Threshold", numeric=True),
)
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
    lead = _FTA.get(str(results.data.get("fta")), "How clips without a usable face were counted is not recorded.")
    return Section("metrics", "Error rates", [_rates(results), _species(results), _non_response(results)], lead)


def _rates(results: Results) -> Table:
    columns = [*_LEADING, *(Column(title, True) for title in _RATES.values()), Column("EER", True), Column("AUC", True)]
    rows = []
    for part, level, policy in results.lines():
        rates = [results.shown(percent, part, level, name, policy) for name in _RATES]
        free = (results.shown(percent, part, level, "eer"), results.shown(ratio, part, level, "auc"))
        rows.append(Row((*_leading(results, part, level, policy), *rates, *free), _kind(part, policy)))
    note = (
        "A clip's score is the mean of its frames' scores. EER and AUC do not depend on the threshold and repeat from "
        "row to row; an EER is by definition an oracle on its own scores. The pooled ACER is the HTER. Shaded: "
        "what a deployment would see. Grey: thresholds that need the target's labels."
    )
    return Table("Error rates at clip and frame level", columns, rows, note)


def _species(results: Results) -> Table:
    lines = {}
    for part, level, policy in results.lines():
        found = results.rows("species", part=part, level=level, threshold_policy=policy)
        lines[part, level, policy] = {str(row.get("species")): row for row in found}
    names = list(dict.fromkeys(name for found in lines.values() for name in found))
    columns = [*_LEADING, *(Column(f"APCER {name}", numeric=True) for name in names)]
    rows = [
        Row((*_leading(results, *line), *(_species_cell(found.get(name)) for name in names)), _kind(line[0], line[2]))
        for line, found in lines.items()
        if found
    ]
    note = "“of n”: how many attacks of that species; “few”: fewer than 20 clips, too few to rely on."
    return Table("Attacks accepted, by attack species", columns, rows, note if rows else "No attack was scored.")


def _species_cell(row: Mapping[str, Any] | None) -> str | Absent:
    if row is None:
        return Absent("none here")
    rate = percent(row.get("apcer"), str(row.get("reason") or "undefined"))
    few = ", few" if row.get("few") else ""
    return rate if isinstance(rate, Absent) else f"{rate} of {count(row.get('n'))}{few}"


def _non_response(results: Results) -> Table:
    columns = [Column("Clips of"), Column("Bona fide without a face", True), Column("Attacks without a face", True)]
    rows = [
        Row((PARTS[part], *(results.shown(percent, part, "clip", f"non_response_{label}") for label in LABELS)))
        for part in PARTS
    ]
    return Table("Non-response: clips in which no face was found (failure to acquire)", columns, rows)


def _leading(results: Results, part: str, level: str, policy: str) -> tuple[str | Absent, ...]:
    threshold = results.threshold_row(level, policy)
    value = score(threshold.get("value"), str(threshold.get("reason") or "not recorded"))
    return (PARTS[part], level, text(results.data.get("selection")), policy, value)


def _kind(part: str, policy: str) -> Literal["", "strong", "muted"]:
    if part == TEST and "oracle" in policy:
        return "muted"
    return "strong" if part == TEST and policy == HONEST else ""
