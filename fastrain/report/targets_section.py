"""Show each of several targets on its own, and their mean: the table of a one-to-many protocol."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fasdata.page.page import Section
from fasdata.page.parts import Column, Paragraph, Row, Table
from fasdata.page.spelling import Absent, count, on_two_lines
from fastrain.evaluation.results_lookup import HONEST, ORACLE, TEST, Results
from fastrain.evaluation.statistics.proportions import AVERAGED, EXACT, JOINED, RESAMPLED, rules_note
from fastrain.report.error_tables import species_cell
from fastrain.report.run_folder import RunFolder

# Title, metric, threshold policy: as a deployment would see it, then with the target's labels.
RATES = (
    ("AUC", "auc", ""),
    (f"HTER at {HONEST}", "hter", HONEST),
    ("APCER, worst species", "apcer", HONEST),
    ("BPCER", "bpcer", HONEST),
    (f"HTER at {ORACLE}", "hter", ORACLE),
    ("EER (oracle)", "eer", ""),
)


def targets_section(run: RunFolder) -> Section | None:
    """Return a row a target and the mean of all; None of a run with one target."""
    targets = {name: alone.results for name, alone in run.targets.items()}
    if not targets:
        return None
    rows = [Row((name, *_presented(of), *_rates(of))) for name, of in targets.items()]
    rows.append(Row((f"Mean of {len(targets)}", *_presented(run.results), *_rates(run.results)), "strong"))
    columns = [Column("Target, clips"), *(Column(title, True) for title in ("People", "Bona fide", "Attacks"))]
    note = (
        f"One network, and one threshold of the sources ({HONEST}) for all targets; (oracle): each target's own, found "
        "with its labels. The mean counts every target once, whatever its size. In brackets: 95 % interval over "
        f"people, those of the mean over the people of all targets ({rules_note(EXACT, JOINED, RESAMPLED, AVERAGED)})."
    )
    table = Table(
        "Each target, and their mean", [*columns, *(Column(title, True) for title, _, _ in RATES)], rows, note
    )
    lead = "Each target is judged as if it were the only one."
    return Section("targets", "Each target", [table, _species(targets)], lead)


def _presented(results: Results) -> list[Any]:
    counts = list(results.rows("counts", part=TEST))
    about = (results.data.get("uncertainty") or {}).get(TEST) or {}
    clips = [sum(row.get("clips") or 0 for row in counts if row.get("label") == of) for of in ("bonafide", "attack")]
    return [count(about["subjects"]) if about.get("subjects") else Absent("not named"), *map(count, clips)]


def _rates(results: Results) -> list[Any]:
    return [on_two_lines(results.shown(TEST, "clip", name, policy, interval=True)) for _, name, policy in RATES]


def _species(targets: Mapping[str, Results]) -> Table | Paragraph:
    """Return the attacks accepted by species, of each target, at the threshold of the sources."""
    where = {"part": TEST, "level": "clip", "threshold_policy": HONEST}
    lines = {
        name: {str(row.get("species")): row for row in of.rows("species", **where)} for name, of in targets.items()
    }
    names = list(dict.fromkeys(name for by_species in lines.values() for name in by_species))
    if not names:
        return Paragraph(f"There are no attacks by species: no threshold {HONEST}.")
    rows = [Row((target, *(species_cell(of.get(name)) for name in names))) for target, of in lines.items()]
    columns = [Column("Target"), *(Column(f"APCER {name}", numeric=True) for name in names)]
    return Table(f"Attacks accepted at {HONEST}, by attack species", columns, rows)
