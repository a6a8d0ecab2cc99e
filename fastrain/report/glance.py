"""The first screen: did it learn, and the honest line beside the paper-comparable one."""

from __future__ import annotations

from collections.abc import Sequence

from fasdata.report.card import Card, Cards
from fasdata.report.page import Section
from fasdata.report.prose import Details, Notice, Paragraph
from fasdata.report.table import Column, Row, Table
from fasdata.report.value import Absent, percent, ratio
from fastrain.report.ledger import terms_notice
from fastrain.report.numbers import AUC, EER, HTER, ORACLE_HTER, VAL_AUC
from fastrain.report.results import BEST_ORACLE, HONEST, ORACLE, TEST, VAL
from fastrain.report.run_folder import RunFolder
from fastrain.report.verdict import RULES, Evidence, verdict

_NEEDS_LABELS = Absent("needs the target's labels")


def glance_section(runs: Sequence[RunFolder], controls: Sequence[RunFolder]) -> Section:
    """Return the answer and four cards; both take the median of several runs."""
    answer = verdict(evidence(runs, controls))
    how = Details("How the answer is worked out", [Paragraph(RULES)])
    terms = terms_notice(runs[0])
    return Section(
        "glance", "At a glance", [*_changed_data(runs), answer, _cards(runs), how, *([terms] if terms else [])]
    )


def lines_section(run: RunFolder, *, several: bool) -> Section:
    """Return the honest and the paper-comparable line of a run side by side; `several`: name the run."""
    lead = f"Numbers of run {run.name} alone." if several else ""
    return Section("lines", "Honest and paper-comparable", [_two_lines(run)], lead)


def evidence(runs: Sequence[RunFolder], controls: Sequence[RunFolder]) -> Evidence:
    """Collect what the answer is worked out from; people, clips and the colour probe are those of the first run."""
    first = runs[0]
    return Evidence(
        val_auc=VAL_AUC.values(runs),
        subjects=first.held_out_subjects(),
        clips=sum(row.get("clips") or 0 for row in first.results.rows("counts", part=VAL)),
        target=first.target(),
        target_auc=AUC.values(runs),
        probe_auc=first.probe_auc(VAL),
        control_auc=VAL_AUC.values(controls),
        control_given=bool(controls),
        shuffled=bool(first.run.get("shuffle_labels")),
    )


def _changed_data(runs: Sequence[RunFolder]) -> list[Notice]:
    said = [f"{run.name}: {change}" for run in runs for change in run.run.get("changed_data") or ()]
    return [Notice("The data are not those that were locked; it was allowed.", said, "bad")] if said else []


def _cards(runs: Sequence[RunFolder]) -> Cards:
    first = runs[0]
    median = f"median of {len(runs)} runs, " if len(runs) > 1 else ""
    people = first.held_out_subjects()
    probe = ratio(first.probe_auc(VAL), first.why_no_probe(VAL))
    return Cards(
        [
            Card(VAL_AUC.title, VAL_AUC.shown(runs), f"{median}clips of {people or 'unnamed'} people"),
            Card(AUC.title, AUC.shown(runs), f"{median}clips of {first.target() or 'the target'}"),
            Card(HTER.title, HTER.shown(runs), f"{median}clips, threshold from the source"),
            Card("AUC of colour statistics alone", probe, "held-out source images; the network should beat it"),
        ]
    )


def _two_lines(run: RunFolder) -> Table:
    one, val_auc, auc = [run], VAL_AUC.shown([run]), AUC.shown([run])
    lowest = run.results.shown(percent, TEST, "clip", "min_hter", BEST_ORACLE)
    rows = [
        Row(("Threshold policy", HONEST, ORACLE)),
        Row(("Checkpoint", run.selection_words(), "the same checkpoint")),
        Row((AUC.title, auc, auc), "strong"),
        Row((HTER.title, HTER.shown(one), ORACLE_HTER.shown(one)), "strong"),
        Row((EER.title, _NEEDS_LABELS, EER.shown(one)), "strong"),
        Row(("Lowest HTER of any threshold", _NEEDS_LABELS, lowest)),
        Row((VAL_AUC.title, val_auc, val_auc)),
    ]
    columns = [
        Column("Clip level"),
        Column("Honest: as a deployment would see it"),
        Column("Paper-comparable (oracle)"),
    ]
    note = (
        f"The oracle column takes its thresholds with the labels of the target, as papers do: {ORACLE}, and for the "
        f"lowest HTER {BEST_ORACLE}. "
    )
    if "oracle" in run.selection_policy():
        note += "The checkpoint was chosen on the target too, in both columns."
    else:
        note += "Many papers also choose the checkpoint on the target; here both columns use one chosen without it."
    honest, oracle = HTER.of(run), ORACLE_HTER.of(run)
    if honest is not None and oracle is not None and oracle > honest:
        note += " The oracle's HTER is the higher one here: its point asks for equal errors, not for the fewest."
    return Table("The two lines side by side", columns, rows, note)
