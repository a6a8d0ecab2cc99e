"""What a network loses with depth or infrared: one row for each target that lacks some."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from fasdata.errors import UserError
from fasdata.page.page import Section
from fasdata.page.parts import Column, Notice, Row, Table
from fasdata.page.spelling import Absent, points, score, text_table
from fastrain.evaluation.results_lookup import HONEST, TEST
from fastrain.report.masked_targets import Degradation, Rung
from fastrain.report.run_folder import RunFolder

# Title, metric, threshold policy.
_NUMBERS = (
    ("AUC", "auc", ""),
    ("EER", "eer", ""),
    ("HTER", "hter", HONEST),
    ("APCER, worst species", "apcer", HONEST),
    ("BPCER", "bpcer", HONEST),
)
_CAPTION = "The target without modalities, clips"


def degradation_section(run: RunFolder) -> Section | None:
    """Return the table of what each missing modality costs, or how to get it; None for a run that can lose none."""
    try:
        found = Degradation.of(run.path)
    except UserError:  # a file of the run is missing, which the page says in its place
        return None
    if found is None:
        return None
    parts: list[Any] = [_table(found)] if len(found.rungs) > 1 else [_ask(run)]
    if found.unfit:
        parts.append(Notice("Evaluations that cannot stand beside this run", found.unfit, "mixed"))
    lead = "The same network and threshold on the same clips, some modalities of which are taken away at test."
    return Section("degradation", "Missing modalities", parts, lead)


def degradation_text(folder: Path) -> str:
    """Return the table for a terminal.

    Raises:
        UserError: the run cannot lose a modality, or a file of it is missing or damaged.
    """
    found = Degradation.of(folder)
    if found is None:
        raise UserError(f"{folder} has no modality to lose", expected="a run with several modalities")
    rows = []
    for rung in found.rungs:
        cells = [str(_value(rung, at)) + (f" ({_change(found, rung, at)})" if rung.lost else "") for at in _each()]
        rows.append([_name(rung), *cells])
    lines = text_table(["target", *(title for title, *_ in _NUMBERS)], rows, indent="")
    return "\n".join([*lines, _note(found), *(f"left out  {one}" for one in found.unfit)])


def _table(found: Degradation) -> Table:
    columns = [Column("Target")]
    for title, *_ in _NUMBERS:
        columns += [Column(title, True), Column(f"{title}: change", True)]
    rows = []
    for rung in found.rungs:
        cells: list[Any] = [_name(rung)]
        for at in _each():
            cells += [_value(rung, at), _change(found, rung, at) if rung.lost else "–"]
        rows.append(Row(cells, "" if rung.lost else "strong"))
    return Table(_CAPTION, columns, rows, _note(found))


def _ask(run: RunFolder) -> Notice:
    return Notice(
        "The target was not scored without a modality yet",
        [f"This does it, with the path of this run: fastrain eval {run.name} --missing"],
    )


def _note(found: Degradation) -> str:
    threshold = score(found.rungs[0].threshold, "absent")
    held = (
        f"the {HONEST} threshold of the complete run ({threshold}), from held-out source clips that lack nothing; each "
        f"evaluation found the same one (largest difference {found.largest_shift():.1e})"
        if isinstance(threshold, str)
        else f"no threshold, since the run has no {HONEST} threshold"
    )
    return (
        "Changes are in points (hundredths) against the complete target. The images of a missing modality are "
        f"zero-filled. HTER, APCER and BPCER hold at {held}. AUC and EER depend on no threshold."
    )


def _name(rung: Rung) -> str:
    return f"without {' and '.join(rung.lost)}" if rung.lost else "complete"


def _each() -> range:
    return range(len(_NUMBERS))


def _value(rung: Rung, at: int) -> str | Absent:
    _, metric, policy = _NUMBERS[at]
    return rung.results.shown(TEST, "clip", metric, policy)


def _change(found: Degradation, rung: Rung, at: int) -> str | Absent:
    _, metric, policy = _NUMBERS[at]
    before, now = (one.results.metric(TEST, "clip", metric, policy) for one in (found.rungs[0], rung))
    return points(before, now)
