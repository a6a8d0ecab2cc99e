"""Show the first screen: did it learn, and the honest line beside the paper-comparable one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median
from typing import Literal

from fasdata.page.page import Section
from fasdata.page.parts import Card, Cards, Column, Details, Notice, Paragraph, Row, Table
from fasdata.page.spelling import Absent, on_two_lines, ratio
from fastrain.evaluation.results_lookup import BEST_ORACLE, HONEST, ORACLE, TEST, VAL
from fastrain.evaluation.thresholds import is_oracle
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
        val_auc=VAL_AUC.values(runs),
        subjects=first.held_out_subjects(),
        clips=sum(row.get("clips") or 0 for row in first.results.rows("counts", part=VAL)),
        target=first.target(),
        target_auc=AUC.values(runs),
        probe_auc=first.probe_auc(VAL),
        control_auc=VAL_AUC.values(controls),
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


# -- Did it learn? The answer from the numbers ------------------------------------------------------------------------

# Rules of thumb; `RULES` names them to the reader.
LEARNED = 0.80  # clip-level AUC on held-out source subjects
SOMETHING = 0.65
ENOUGH_SUBJECTS = 8
PROBE_LIMIT = 0.75  # colour statistics alone must stay below
CONTROL_SLACK = 0.15  # around 0.5, for shuffled labels

RULES = (
    f"“Yes” asks for an AUC of at least {LEARNED:.2f} at clip level on at least {ENOUGH_SUBJECTS} held-out source "
    f"subjects (people whose clips were not trained on); from {SOMETHING:.2f} the answer is “a little”, below that "
    "“no”. A classifier that sees colour statistics alone must stay at or below "
    f"{PROBE_LIMIT:.2f} and below the network, and the same training on shuffled labels, where given, must end within "
    f"{CONTROL_SLACK:.2f} of 0.50. Several runs count by their median. These are rules of thumb for a first look, not "
    "a test of significance."
)

Kind = Literal["good", "mixed", "bad", "plain"]


@dataclass(frozen=True)
class Evidence:
    """The numbers that decide the answer; AUCs are clip level, those of the colour probe image level.

    `val_auc` has one entry a run; `subjects` is None where they are not named; `probe_auc` is of the held-out source.
    """

    val_auc: Sequence[float] = ()
    subjects: int | None = None
    clips: int = 0
    target: str = ""
    target_auc: Sequence[float] = ()
    probe_auc: float | None = None
    control_auc: Sequence[float] = ()
    control_given: bool = False
    shuffled: bool = False


def verdict(numbers: Evidence) -> Notice:
    """Return the answer with the sentences that support it."""
    sentences = [_held_out(numbers), _unseen(numbers), _probe(numbers), _control(numbers)]
    title, kind = _answer(numbers)
    return Notice(title, [sentence for sentence in sentences if sentence], kind)


def _answer(numbers: Evidence) -> tuple[str, Kind]:
    if numbers.shuffled:
        return "This is a control run: its training labels were shuffled, so it should not learn.", "plain"
    if not numbers.val_auc:
        return "Did it learn? There is no number to judge by.", "bad"
    auc = median(numbers.val_auc)
    if auc < SOMETHING:
        return "Did it learn? No: it does little better than guessing on people it has not seen.", "bad"
    if numbers.control_auc and abs(median(numbers.control_auc) - 0.5) > CONTROL_SLACK:
        return "Did it learn? Do not trust the numbers yet: the control with shuffled labels is off.", "bad"
    if numbers.probe_auc is not None and numbers.probe_auc >= auc:
        return "Did it learn? Nothing beyond what colour statistics alone show.", "bad"
    if numbers.probe_auc is not None and numbers.probe_auc > PROBE_LIMIT:
        return "Did it learn? Perhaps, but colour statistics alone show much of it.", "mixed"
    if auc < LEARNED:
        return "Did it learn? A little.", "mixed"
    if numbers.subjects is None:
        return "Did it learn? It seems so, but it is not known on how many people it was checked.", "mixed"
    if numbers.subjects < ENOUGH_SUBJECTS:
        return "Did it learn? It seems so, but it was checked on too few people to be sure.", "mixed"
    return "Did it learn? Yes.", "good"


def _held_out(numbers: Evidence) -> str:
    if numbers.subjects is None:
        who = "On held-out clips of the source datasets (whose people are not named)"
    else:
        who = f"On {numbers.subjects} held-out {_people(numbers.subjects)} from the source datasets"
    if numbers.clips:
        who += f" ({numbers.clips} clips, none trained on)"
    if not numbers.val_auc:
        return f"{who} no AUC could be computed."
    pairs = round(100 * median(numbers.val_auc))
    return (
        f"{who}, the network scores the bona fide clip higher in {pairs} of 100 pairs of one bona fide and one attack "
        f"clip ({_auc(numbers.val_auc)}; guessing gives 0.500)."
    )


def _unseen(numbers: Evidence) -> str:
    name = f"the unseen domain {numbers.target}" if numbers.target else "the unseen domain"
    if not numbers.target_auc:
        return f"On {name} no AUC could be computed."
    auc = median(numbers.target_auc)
    if numbers.shuffled:
        meaning = "near 0.5 is expected here" if abs(auc - 0.5) <= CONTROL_SLACK else "near 0.5 was expected here"
    elif auc >= LEARNED:
        meaning = "what it learned carries over"
    elif auc >= SOMETHING:
        meaning = "what it learned carries over in part"
    elif auc > 1 - SOMETHING:
        meaning = "little or nothing carries over"
    else:
        meaning = "it ranks them the wrong way round there"
    return f"On {name}, from which nothing was trained on, it reaches {_auc(numbers.target_auc)}: {meaning}."


def _probe(numbers: Evidence) -> str:
    if numbers.probe_auc is None:
        return (
            "Colour statistics alone were not measured, so brightness or a colour cast is not ruled out as the reason."
        )
    reached = (
        "A simple classifier that sees only the mean and the deviation of each colour channel reaches an AUC of "
        f"{ratio(numbers.probe_auc)} on held-out source images"
    )
    if not numbers.val_auc or numbers.shuffled:
        return f"{reached}."
    if numbers.probe_auc >= median(numbers.val_auc):
        return f"{reached}: no worse than the network."
    if numbers.probe_auc > PROBE_LIMIT:
        return f"{reached}: a good part of the result may be brightness or colour cast."
    return f"{reached}, so brightness and colour cast do not explain the result."


def _control(numbers: Evidence) -> str:
    if numbers.shuffled:
        return ""
    if not numbers.control_given:
        return "No control run with shuffled labels was given, so a leak into the held-out clips is not ruled out."
    if not numbers.control_auc:
        return "A control run with shuffled labels was given, but it has no held-out AUC."
    reached = f"Trained the same way on shuffled labels, it reaches {_auc(numbers.control_auc)} on the held-out clips"
    if abs(median(numbers.control_auc) - 0.5) <= CONTROL_SLACK:
        return f"{reached}: within {CONTROL_SLACK:.2f} of 0.5, as it should be when nothing leaks."
    return f"{reached}: that should be near 0.5, so something leaks or the held-out set is too small."


def _auc(values: Sequence[float]) -> str:
    if len(values) == 1:
        return f"an AUC of {ratio(values[0])}"
    middle, low, high = (ratio(value) for value in (median(values), min(values), max(values)))
    return f"a median AUC of {middle} over {len(values)} runs ({low} to {high})"


def _people(number: int) -> str:
    return "person" if number == 1 else "people"
