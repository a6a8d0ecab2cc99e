"""Show what a network loses with depth or infrared: one row for each target that lacks some."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from fasdata.errors import UserError
from fasdata.page.page import Section
from fasdata.page.parts import Column, Notice, Row, Table
from fasdata.page.spelling import Absent, on_two_lines, points, score, text_table
from fastrain.evaluation.results_lookup import HONEST, TEST
from fastrain.evaluation.statistics.proportions import rules_note
from fastrain.report.masked_targets import MaskedTargets, TargetResults
from fastrain.report.run_folder import RunFolder

# Title: metric, threshold policy.
_METRICS = {
    "AUC": ("auc", ""),
    "EER": ("eer", ""),
    "HTER": ("hter", HONEST),
    "APCER, worst species": ("apcer", HONEST),
    "BPCER": ("bpcer", HONEST),
}
_CAPTION = "The target without modalities, clips"


def missing_modalities_section(run: RunFolder) -> Section | None:
    """Return the table of what each missing modality costs, or how to get it; None for a run that can lose none."""
    try:
        masked = MaskedTargets.of(run.path)
    except UserError:  # a file of the run is missing, which the page says in its place
        return None
    if masked is None:
        return None
    parts: list[Any] = [_table(masked)] if len(masked.targets) > 1 else [_how_to_get(run)]
    if masked.unfit:
        parts.append(Notice("Evaluations that are not comparable with this run", masked.unfit, "mixed"))
    lead = "The same network and threshold on the same clips, some modalities of which are taken away at test."
    return Section("modalities", "Missing modalities", parts, lead)


def missing_modalities_text(folder: Path) -> str:
    """Return the table for a terminal.

    Raises:
        UserError: the run cannot lose a modality, or a file of it is missing or damaged.
    """
    masked = MaskedTargets.of(folder)
    if masked is None:
        raise UserError(f"{folder} has no modality to lose", expected="a run with several modalities")
    rows = []
    for target in masked.targets:
        shown = [
            f"{_value(target, title)} ({_change(masked, target, title)})" if target.lost else _value(target, title)
            for title in _METRICS
        ]
        rows.append([_name(target), *shown])
    lines = text_table(["target", *_METRICS], rows, indent="")
    more = "Intervals stand in the report."
    return "\n".join([*lines, f"{_note(masked)} {more}", *(f"left out  {reason}" for reason in masked.unfit)])


def _table(masked: MaskedTargets) -> Table:
    columns = [Column("Target")]
    for title in _METRICS:
        columns += [Column(title, True), Column(f"{title}: change", True)]
    rows = []
    for target in masked.targets:
        cells: list[Any] = [_name(target)]
        for title in _METRICS:
            cells += [
                on_two_lines(_value(target, title, interval=True)),
                _change(masked, target, title) if target.lost else "–",
            ]
        rows.append(Row(cells, "" if target.lost else "strong"))
    rules = f"In brackets: 95 % interval over people, with its rule ({rules_note()})."
    return Table(_CAPTION, columns, rows, f"{_note(masked)} {rules}")


def _how_to_get(run: RunFolder) -> Notice:
    return Notice(
        "The target was not yet scored without a modality",
        [f"To score it, with the path of this run: fastrain eval {run.name} --missing"],
    )


def _note(masked: MaskedTargets) -> str:
    threshold = score(masked.complete.threshold, "absent")
    held = (
        f"no threshold, since the run has no {HONEST} threshold"
        if isinstance(threshold, Absent)
        else f"the {HONEST} threshold of the complete run ({threshold}), from held-out source clips that lack nothing; "
        f"each evaluation found the same one (largest difference {masked.largest_shift():.1e})"
    )
    return (
        "Changes are in points (hundredths) against the complete target. The images of a missing modality are "
        f"zero-filled. HTER, APCER and BPCER hold at {held}. AUC and EER depend on no threshold."
    )


def _name(target: TargetResults) -> str:
    return f"without {' and '.join(target.lost)}" if target.lost else "complete"


def _value(target: TargetResults, title: str, *, interval: bool = False) -> str | Absent:
    metric, policy = _METRICS[title]
    return target.results.shown(TEST, "clip", metric, policy, interval=interval)


def _change(masked: MaskedTargets, target: TargetResults, title: str) -> str | Absent:
    metric, policy = _METRICS[title]
    before, now = (each.results.metric(TEST, "clip", metric, policy) for each in (masked.complete, target))
    return points(before, now)
