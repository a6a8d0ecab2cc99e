"""Show the first screen: did it learn, and the honest line beside the paper-comparable one."""

from __future__ import annotations

from collections.abc import Sequence

from fasdata.page.page import Section
from fasdata.page.parts import Card, Cards, Column, Details, Notice, Paragraph, Row, Table
from fasdata.page.spelling import Absent, on_two_lines, ratio
from fastrain.evaluation.results_lookup import BEST_ORACLE, HONEST, ORACLE, TEST, VAL
from fastrain.evaluation.thresholds import is_oracle
from fastrain.report.learned import RULES, Evidence, verdict
from fastrain.report.ledger import terms_notice
from fastrain.report.run_folder import RunFolder
from fastrain.report.seeds import AUC, EER, HTER, ORACLE_HTER, VAL_AUC
from fastrain.rundir import other_views_learned

_NEEDS_LABELS = Absent("needs the target's labels")


def glance_section(runs: Sequence[RunFolder], controls: Sequence[RunFolder]) -> Section:
    """Return the answer and four cards; both take the median of several runs."""
    answer = verdict(evidence(runs, controls))
    how = Details("How the answer is worked out", [Paragraph(RULES)])
    terms = terms_notice(runs[0])
    return Section("glance", "At a glance", [*_changes(runs), answer, _cards(runs), how, *([terms] if terms else [])])


def lines_section(run: RunFolder, *, several: bool) -> Section:
    """Return the honest and the paper-comparable line of a run side by side; `several`: name the run."""
    lead = f"Numbers of run {run.name} alone." if several else ""
    return Section("lines", "Honest and paper-comparable", [_two_lines(run)], lead)


def evidence(runs: Sequence[RunFolder], controls: Sequence[RunFolder]) -> Evidence:
    """Collect the numbers that decide the answer; people, clips and the colour probe are those of the first run."""
    first = runs[0]
    return Evidence(
        val=VAL_AUC.reached(runs),
        subjects=first.held_out_subjects(),
        clips=sum(row.get("clips") or 0 for row in first.results.rows("counts", part=VAL)),
        target=first.target(),
        unseen=AUC.reached(runs),
        probe_auc=first.probe_auc(VAL),
        control=VAL_AUC.reached(controls),
        control_given=bool(controls),
        shuffled=bool(first.run.shuffle_labels),
    )


def _changes(runs: Sequence[RunFolder]) -> list[Notice]:
    changes = [f"{run.name}: {change}" for run in runs for change in run.run.changed_data]
    notices = [Notice("The data are not those that were locked; this was allowed.", changes, "bad")] if changes else []
    views = [f"{run.name}: {note}" for run in runs if (note := other_views_learned(run.run))]
    return notices + ([Notice("The network did not learn from such pictures.", views, "bad")] if views else [])


def _cards(runs: Sequence[RunFolder]) -> Cards:
    first = runs[0]
    median = f"median of {len(runs)} runs, " if len(runs) > 1 else ""
    who = f"{first.held_out_subjects() or 'unnamed'} people"
    probe = ratio(first.probe_auc(VAL), first.why_no_probe(VAL))
    return Cards(
        [
            Card(VAL_AUC.title, VAL_AUC.shown(runs), f"{median}clips of {who}{VAL_AUC.ends(runs)}"),
            Card(AUC.title, AUC.shown(runs), f"{median}clips of {first.target() or 'the target'}{AUC.ends(runs)}"),
            Card(HTER.title, HTER.shown(runs), f"{median}clips, threshold from the source{HTER.ends(runs)}"),
            Card("AUC of colour statistics alone", probe, "held-out source images; the network should beat it"),
        ]
    )


def _two_lines(run: RunFolder) -> Table:
    val_auc, auc = (number.shown([run], interval=True) for number in (VAL_AUC, AUC))
    lowest = on_two_lines(run.results.shown(TEST, "clip", "min_hter", BEST_ORACLE, interval=True))
    hters = [number.shown([run], interval=True) for number in (HTER, ORACLE_HTER)]
    rows = [
        Row(("Threshold policy", HONEST, ORACLE)),
        Row(("Checkpoint", run.selection_words(), "the same checkpoint")),
        Row((AUC.titled(run), auc, auc), "strong"),
        Row((HTER.titled(run), *hters), "strong"),
        Row((EER.titled(run), _NEEDS_LABELS, EER.shown([run], interval=True)), "strong"),
        Row(("Lowest HTER of any threshold", _NEEDS_LABELS, lowest)),
        Row((VAL_AUC.titled(run), val_auc, val_auc)),
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
    if run.run.contestant is not None:
        note += "How the network was chosen is not known here; both columns use its scores as they are."
    elif is_oracle(run.selection_policy()):
        note += "The checkpoint was chosen on the target too, in both columns."
    else:
        note += "Many papers also choose the checkpoint on the target; here both columns use one chosen without it."
    honest, oracle = HTER.of(run), ORACLE_HTER.of(run)
    if honest is not None and oracle is not None and oracle > honest:
        note += " The oracle's HTER is the higher one here: its point asks for equal errors, not for the fewest."
    return Table("The two lines side by side", columns, rows, note)
