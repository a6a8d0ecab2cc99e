"""Show the sheet of ISO/IEC 30107-3: as a section of a run's report, and alone on a page that prints on one."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

from fasdata import __version__
from fasdata.errors import UserError
from fasdata.page.page import Page, Section, Subsection
from fasdata.page.parts import Answer, Column, Facts, Notice, Paragraph, Row, Table
from fasdata.page.spelling import Absent, begun, count, text
from fastrain.evaluation.planning import people_needed
from fastrain.evaluation.results_lookup import Results
from fastrain.evaluation.sheet import IsoSheet, Known, iso_sheet
from fastrain.evaluation.statistics.proportions import rules_note
from fastrain.evaluation.thresholds import is_oracle
from fastrain.report.item_under_test import item_of_run
from fastrain.report.run_folder import RunFolder

TITLE = "ISO/IEC 30107-3 sheet"
_POINT_NOTE = (
    "BPCER10, 20 and 100: the BPCER where the APCER of the worst species is 10, 5 and 1 %. Grey (oracle): the "
    "operating point is found on the very presentations it is stated for, which a deployment cannot do."
)


def iso_section(runs: Sequence[RunFolder]) -> Section:
    """Return the sheet of the first run, with medians over all of them where there are several."""
    first = runs[0]
    if first.results.absent:
        return Section("iso", TITLE, [Paragraph(f"No error rates: {first.results.absent}.")])
    lead = (
        "Presentation attack detection as a subsystem, clip level. 'fastrain report RUN --sheet FILE' prints it alone."
    )
    if first.targets:  # presentations of several targets are no one evaluation
        sheets = [
            Subsection(f"iso-{number}", name, sheet_parts(sheet_of([run.targets[name] for run in runs])))
            for number, name in enumerate(first.targets, 1)
        ]
        return Section("iso", TITLE, sheets, f"{lead} One sheet a target.")
    return Section("iso", TITLE, sheet_parts(sheet_of(runs)), lead)


def sheet_of(runs: Sequence[RunFolder], *, product: str = "", bundle: Known = "") -> IsoSheet:
    """Return the sheet of the first run; the others are repetitions with other seeds."""
    item = item_of_run(runs, product=product, bundle=bundle)
    return iso_sheet(runs[0].results, item, beside=[run.results for run in runs[1:]])


def write_sheet(folders: Sequence[Path], out: Path, *, product: str = "", bundle: Known = "") -> None:
    """Write the sheet of the first run folder to `out`; the others are repetitions, whose medians stand beside.

    Raises:
        UserError: a folder is no run folder, or its run is judged on each of several targets.
    """
    runs = [RunFolder.read(folder) for folder in folders]
    require_one_target(runs[0].results, str(folders[0]))
    sheet_page(sheet_of(runs, product=product, bundle=bundle)).write(out)


def require_one_target(results: Results, source: str) -> None:
    """Stop where a sheet would be of several targets: it states one evaluation.

    Raises:
        UserError: names the targets.
    """
    if targets := results.targets():
        raise UserError(
            f"{source} is judged on each of several targets: {', '.join(targets)}",
            expected="one target, for one sheet",
            do="score its network on one of them, fastrain eval RUN --on DATASET, and make the sheet of that",
        )


def sheet_page(sheet: IsoSheet) -> Page:
    """Return the sheet alone, set close: one page of A4 when a browser prints it."""
    name = text(sheet.tested.product)
    title = TITLE if isinstance(name, Absent) else f"{TITLE}: {name}"
    section = Section("iso", "What was tested", sheet_parts(sheet))
    footer = f"Written by fastrain {__version__}."
    return Page(title, [section], (), footer, sheet_answer(sheet), sheet=True)


# -- The answer --------------------------------------------------------------------------------------------------------


def sheet_answer(sheet: IsoSheet) -> Answer:
    """Return the two rates in one sentence with their intervals, and what a claim on them would take."""
    unknown = len(sheet.unknown())
    lines = "1 line is" if unknown == 1 else f"{unknown} lines are"
    todo = f"{lines} not known: see below what would tell." if unknown else ""
    rates = sheet.apcer.shown(rule=False), sheet.bpcer.shown(rule=False)
    if all(isinstance(rate, Absent) for rate in rates):
        why = f"{begun(sheet.apcer.why)}."
        step = (
            "score presentations of other people as part val, or name a threshold beforehand: --threshold 'fixed(0.5)'"
        )
        return Answer(
            "There are no error rates at a threshold of other presentations.", f"{step}. {todo}", [why], "mixed"
        )
    worst = f" ({sheet.species[0].name})" if sheet.species else ""
    sentence = (
        f"Of attacks of the worst species{worst} {_told(rates[0])} are accepted, of bona fide presentations "
        f"{_told(rates[1])} are rejected, at {sheet.policy}."
    )
    oracle = ["The threshold was found on these very presentations: no deployment sees such rates."]
    return Answer(sentence, f"{_step(sheet)} {todo}".strip(), oracle if is_oracle(sheet.policy) else [], "plain")


def _told(rate: Known) -> str:
    return f"a share not known ({rate.why})" if isinstance(rate, Absent) else rate


def _step(sheet: IsoSheet) -> str:
    """Return what a claim at the next round limit above the APCER's interval would take, in people without an error."""
    if sheet.apcer.value is None or sheet.apcer.ends is None:
        return "name species and people in the scores, so that the worst species and intervals are known."
    limit = next((limit for limit in (0.01, 0.05, 0.15) if sheet.apcer.value < limit), None)
    if limit is None:
        return "lower the APCER of the worst species before a claim: see its presentations first."
    if sheet.apcer.ends[1] <= limit:
        return f"the interval keeps an APCER of {100 * limit:g} %: state it with the species it was shown for."
    return (
        f"a claim of an APCER of at most {100 * limit:g} % takes {people_needed(limit)} people of whom none errs, for "
        f"each species (fastrain plan-test --apcer {limit:g})."
    )


# -- The parts ---------------------------------------------------------------------------------------------------------


def sheet_parts(sheet: IsoSheet) -> list[Any]:
    """Return the parts of the sheet without its answer."""
    presented = [*sheet.presented(), ("Non-responses in the rates", sheet.non_response)]
    parts: list[Any] = [Facts(sheet.tested.lines()), Facts(presented)]
    parts += [_species(sheet)] if sheet.species else []
    parts += [_points(sheet), *_unknown(sheet)]
    return [*parts, Notice("What the intervals rest on", [f"{begun(words)}." for words in sheet.basis])]


def _species(sheet: IsoSheet) -> Table:
    numbers = ("APCER [95 %]", "Accepted", "Presentations", "People")  # what counts first: of a narrow window
    columns = [Column(f"PAI species, by {sheet.species_by}"), *(Column(title, True) for title in numbers)]
    rows = []
    for line in sheet.species:
        presented = count(line.presentations), count(line.people, "not recorded")
        rows.append(Row((line.name, line.apcer.shown(), line.accepted(), *presented)))
    return Table(f"Attacks of the {sheet.part}, by species, at {sheet.policy}", columns, rows)


def _points(sheet: IsoSheet) -> Table:
    several = sheet.runs > 1
    over = [Column(f"Median of {sheet.runs} runs (lowest to highest)", True)] if several else []
    columns = [Column("Rate"), Column(f"{begun(sheet.part)} [95 %]", True), *over, Column("Threshold from")]
    rows = []
    for title, rate in (("APNRR, attack non-response", sheet.apnrr), ("BPNRR, bona fide non-response", sheet.bpnrr)):
        rows.append(Row((title, rate.shown(), *([Absent("see each run")] if several else []), "needs none")))
    for point in sheet.points:
        cells = (point.title, point.rate.shown(), *([point.over_runs] if several else []), point.policy)
        rows.append(Row(cells, _kind(point.policy)))
    rows.sort(key=lambda row: row.kind == "muted")
    return Table("Operating points", columns, rows, f"{_POINT_NOTE} {begun(rules_note())}.")


def _kind(policy: str) -> Literal["strong", "muted"]:
    return "muted" if is_oracle(policy) else "strong"


def _unknown(sheet: IsoSheet) -> list[Notice]:
    lines = sheet.unknown()
    reasons = dict.fromkeys(lines.values())
    words = [f"{', '.join(title for title, own in lines.items() if own == why)}: {why}." for why in reasons]
    return [Notice("Lines that are not known", words, "mixed")] if words else []
