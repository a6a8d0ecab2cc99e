"""Show how a threshold of the sources fares on the target, and how well scores are calibrated."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from fasdata.errors import UserError
from fasdata.page.charts import Axis, Line, line_chart
from fasdata.page.figures import Chart
from fasdata.page.page import Section
from fasdata.page.parts import Column, Notice, Row, Table
from fasdata.page.spelling import Absent, on_two_lines, points, ratio
from fastrain.evaluation.results_lookup import HONEST, TEST, VAL
from fastrain.report.run_folder import RunFolder

if TYPE_CHECKING:
    from fastrain.evaluation.scores import Samples


def transfer_section(run: RunFolder) -> Section:
    """Return the rates of one threshold on both sides, the costs of calibration, and the reliability diagram."""
    samples = _samples(run)
    parts: list[Any] = [_rates(run), _calibration(samples), _reliability(samples)]
    lead = "A threshold set on the sources is what a deployment has; this is what it does on faces from elsewhere."
    return Section("transfer", "Threshold transfer and calibration", parts, lead)


def _samples(run: RunFolder) -> dict[str, Samples]:
    from fastrain.evaluation.scores import Samples

    if run.scores is None:
        return {}
    targets = run.targets or {run.results.named(TEST): run}
    tables = {run.results.named(VAL): run.scores.part(VAL)}
    tables |= {name: of.scores.part(TEST) if of.scores else None for name, of in targets.items()}
    return {name: Samples.of(rows.clips(), "exclude") for name, rows in tables.items() if rows}


def _rates(run: RunFolder) -> Table:
    results = run.results
    columns = [
        Column(f"At {HONEST}, clips"),
        *(Column(results.named(part), True) for part in (VAL, TEST)),
        Column("Change", True),
    ]
    rows = []
    for title, name in (("APCER, worst species", "apcer"), ("BPCER", "bpcer"), ("HTER", "hter")):
        values = [results.metric(part, "clip", name, HONEST) for part in (VAL, TEST)]
        shown = [on_two_lines(results.shown(part, "clip", name, HONEST, interval=True)) for part in (VAL, TEST)]
        change = points(values[0], values[1])
        rows.append(Row((title, *shown, change if isinstance(change, Absent) else f"{change} points")))
    note = "A change in APCER and BPCER of opposite signs means that the scores of the target moved as a whole."
    return Table("One threshold, two places", columns, rows, note)


def _calibration(samples: Mapping[str, Samples]) -> Table:
    from fastrain.evaluation.metrics.calibration import cllr, min_cllr

    columns = [Column("Clips of"), Column("Cllr", True), Column("min Cllr", True), Column("Lost by calibration", True)]
    rows = []
    for name, those in samples.items():
        best = min_cllr(those.scores, those.labels)
        try:
            cost = cllr(those.scores, those.labels)
        except UserError:
            cost = float("nan")
        why = "scores are no probabilities"
        rows.append(Row((name, ratio(cost, why), ratio(best, "one label is missing"), ratio(cost - best, why))))
    note = (
        "Cllr: the cost in bits of taking the scores at their word (0 perfect, 1 no information, above 1 misleading); "
        "min Cllr: after the best monotone recalibration. Clips without a face are left out."
    )
    return Table("Calibration", columns, rows, note if rows else "No clip has a score.")


def _reliability(samples: Mapping[str, Samples]) -> Chart | Notice:
    from fastrain.evaluation.metrics.calibration import reliability

    title = "Reliability diagram, clips"
    lines = []
    for place, (name, those) in enumerate(samples.items()):
        try:
            diagram = reliability(those.scores, those.labels)
        except UserError as error:
            return Notice(title, [f"Nothing to draw: {error}."])
        words = f"{name}: error {ratio(diagram.error)}"
        lines.append(Line(words, diagram.predicted.tolist(), diagram.observed.tolist(), colour=place, dots=True))
    if not lines:
        return Notice(title, ["Nothing to draw: no clip has a score."])
    svg = line_chart(
        lines,
        Axis("score, as a probability of bona fide", -0.02, 1.02),
        Axis("share of bona fide among such clips", -0.02, 1.02),
        name="reliability",
        alt="Reliability: " + "; ".join(line.name for line in lines),
        diagonal="calibrated",
    )
    reading = (
        "On the dotted line a score of 0.7 is right in 7 of 10 cases. The share depends on how many attacks a dataset "
        "holds, so a curve off the line need not be a fault of the network."
    )
    return Chart(title, svg, reading)
