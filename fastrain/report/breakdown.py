"""Show error rates by groups of the target's clips, the largest differences between them, and error against quality."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

from markupsafe import Markup

from fasdata.page.charts import COLOURS, draw
from fasdata.page.figures import Chart, Charts
from fasdata.page.page import Section
from fasdata.page.parts import Column, Notice, Paragraph, Row, Table
from fasdata.page.spelling import Absent, count, on_two_lines, percent
from fasdata.quality import GRADED
from fastrain.evaluation.breakdowns import (
    DEVICES,
    Breakdown,
    Differential,
    Matrix,
    Rate,
    breakdown,
    by_species,
    groupings,
)
from fastrain.evaluation.results_lookup import HONEST, TEST, VAL
from fastrain.evaluation.statistics.clusters import FEW
from fastrain.evaluation.statistics.proportions import APART, EXACT, rules_note
from fastrain.report.error_tables import shown_threshold
from fastrain.report.run_folder import RunFolder

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

SOURCES = "domain of the held-out sources"
TITLES = {"bpcer": "BPCER", "apcer": "APCER, all species"}
_NAMES = {"bpcer": "BPCER", "apcer": "APCER of all species"}
_FEW = f"“few”: fewer than {FEW} people, too few to tell."
READING = f"In brackets: 95 % interval over people ({rules_note(EXACT)}). {_FEW}"
_NOTES = {
    "training_range": "Outside: size, sharpness, brightness or pose of the face is not in the middle 98 % of the "
    "training clips. Predictions of a bundle flag these faces as unlike anything seen."
}


def breakdown_section(run: RunFolder) -> Section:
    """Return a table for each grouping of the target's clips, and for the sources, at the threshold of the sources."""
    title = "Breakdown"
    threshold, note = shown_threshold(run)
    scores = run.scores.clips() if run.scores else None
    clips = scores.part(TEST) if scores else None
    if scores is None or clips is None or threshold is None:
        return Section("breakdown", title, [Paragraph("Nothing to show: no scores, or no threshold from the sources.")])
    frame = clips.frame if run.results.fta == "count" else clips.frame[clips.frame["status"] == "ok"]
    parts = grouped_parts(frame, dict(groupings(frame)), threshold, run.results.species_by)
    parts = parts or [Paragraph("The target is one dataset, and its clips have no fields to group by.")]
    held_out = scores.part(VAL)
    if held_out and held_out.frame["domain"].nunique() > 1:
        parts.append(table_of(breakdown(held_out.frame, SOURCES, "domain", threshold)))
    lost = "rejected" if run.results.fta == "count" else "left out"
    lead = (
        f"{note}Clips at {HONEST}; without a face: {lost}. All tables but that of the sources are of the target. "
        f"{READING}"
    )
    return Section("breakdown", title, parts, lead)


def grouped_parts(frame: pd.DataFrame, fields: Mapping[str, str], threshold: float, species: str) -> list[Any]:
    """Return the largest differences between groups, a table a field, species by device, and errors against quality.

    `frame` has a row a clip, `fields` the name and the column of what to group by; `species` is how species are told
    apart.
    """
    downs = [breakdown(frame, name, column, threshold, len(fields)) for name, column in fields.items()]
    parts = [*_differences(downs), *(table_of(down) for down in downs if down.field not in GRADED)]
    for name, column in fields.items():
        if name in DEVICES:
            parts += _matrix(name, by_species(frame, column, threshold, species))
    return parts + _quality([down for down in downs if down.field in GRADED])


# -- Groups ------------------------------------------------------------------------------------------------------------


def table_of(down: Breakdown) -> Table:
    """Return the table of a grouping: clips, people and rates of each group."""
    title = down.field.replace("_", " ")
    columns = [Column(title.capitalize()), Column("Bona fide clips, people", True), Column(TITLES["bpcer"], True),
               Column("Attack clips, people", True), Column(TITLES["apcer"], True)]  # fmt: skip
    rows = []
    for name, of in down.groups.items():
        cells = [cell for rate in ("bpcer", "apcer") for cell in (_behind(of[rate]), rate_cell(of[rate]))]
        rows.append(Row((name, *cells)))
    return Table(f"By {title}", columns, rows, _NOTES.get(down.field, ""))


def _behind(rate: Rate) -> Any:
    """Return how many clips stand behind a rate, and of how many people: unknown ones count by their clips."""
    return f"{count(rate.clips)}, {count(rate.people)}" if rate.clips else count(0)


def rate_cell(rate: Rate) -> Any:
    """Return a rate as a table shows it: marked where too few people stand behind it, the interval below."""
    if not rate.clips:
        return Absent("no such clip")
    shown = str(percent(rate.value, ends=(rate.interval.low, rate.interval.high), rule=rate.interval.rule))
    return on_two_lines(shown.replace(" [", ", few [", 1) if rate.few else shown)


# -- The largest differences -------------------------------------------------------------------------------------------


def differential_words(of: Differential, field: str) -> str:
    """Return in a sentence how far apart two groups are, and whether that shows a difference."""
    low, high = (f"{100 * end:.2f}" for end in (of.interval.low, of.interval.high))
    title, by = _NAMES[of.rate], field.replace("_", " ")
    if of.value <= 0:
        return f"{title} by {by}: all groups have the same; a difference of up to {high} points is possible"
    return (
        f"{title} by {by}: {of.highest} lies {100 * of.value:.2f} points above {of.lowest}, 95 % interval {low} to "
        f"{high}: {standing(of)}"
    )


def standing(of: Differential) -> str:
    """Return whether a difference between groups is shown, or why nobody can tell."""
    if of.shown:
        return "a difference is shown"
    few = [name for name in (of.highest, of.lowest) if name in of.small]
    return f"too few people to tell ({', '.join(few)})" if few else "no difference is shown"


def _differences(downs: Sequence[Breakdown]) -> list[Any]:
    pairs = [(down, of) for down in downs for of in down.differentials]
    if not pairs:
        return []
    pairs.sort(key=lambda pair: (-pair[1].shown, -pair[1].value))
    columns = [Column("Rate and field"), Column("Difference, points [95 %]", True), Column("Highest"), Column("Lowest"),
               Column("What it shows")]  # fmt: skip
    rows = []
    for down, of in pairs:
        ends = f"[{100 * of.interval.low:.2f}, {100 * of.interval.high:.2f}] {of.interval.rule}"
        title = f"{_NAMES[of.rate]} by {_spelt(down)}"
        cells = (title, on_two_lines(f"{100 * of.value:.2f} {ends}"), of.highest, of.lowest, standing(of))
        rows.append(Row(cells, "strong" if of.shown else ""))
    note = f"In brackets: 95 % interval over people ({rules_note(APART)}). Groups may differ in the species they hold."
    table = Table("Largest difference between groups", columns, rows, note)
    shown = [differential_words(of, down.field) for down, of in pairs if of.shown]
    small = [f"{_NAMES[of.rate]} by {_spelt(down)}, {', '.join(of.small)}" for down, of in pairs if of.small]
    sentences = [f"{words}." for words in shown] or ["No group is shown to differ from another."]
    if small:
        sentences += [f"Groups of fewer than {FEW} people, too few to tell: {'; '.join(small)}."]
    kind: Literal["bad", "mixed", "plain"] = "bad" if shown else "mixed" if small else "plain"
    return [Notice("Do errors fall on some groups?", sentences, kind), table]


def _spelt(down: Breakdown) -> str:
    return down.field.replace("_", " ")


# -- Species and device, quality ---------------------------------------------------------------------------------------


def _matrix(name: str, matrix: Matrix) -> list[Table]:
    """Return the table of APCER by species and device; none where there is one species."""
    if len(matrix.species) < 2:
        return []
    columns = [Column("APCER"), *(Column(group, True) for group in matrix.groups)]
    rows = []
    for species in matrix.species:
        of = [matrix.cells.get((species, group)) for group in matrix.groups]
        rows.append(Row((species, *(matrix_cell(rate) for rate in of))))
    return [Table(f"Attacks accepted, by species and {name}", columns, rows, "“of n”: how many attacks.")]


def matrix_cell(rate: Rate | None) -> Any:
    """Return a cell of a matrix: the rate, of how many attacks, its interval."""
    if rate is None:
        return Absent("none here")
    shown = str(percent(rate.value, ends=(rate.interval.low, rate.interval.high)))
    return on_two_lines(shown.replace(" [", f" of {count(rate.clips)}{', few' if rate.few else ''} [", 1))


def _quality(downs: Sequence[Breakdown]) -> list[Any]:
    """Return charts of error against the quality of the pictures, and their tables."""
    if not downs:
        return []
    charts = [
        Chart(
            f"Error against {down.field.replace('_', ' ')}",
            _whiskers(down),
            "Points: error rates of the clips of each grade, from low to high. Whiskers: 95 % intervals over people; "
            "where they overlap widely nothing is shown.",
        )
        for down in downs
    ]
    return [Charts(charts), *(table_of(down) for down in downs)]


def _whiskers(down: Breakdown) -> Markup:
    names = list(down.groups)

    def paint(figure: Figure) -> None:
        axes = figure.add_subplot()
        for place, rate in enumerate(("bpcer", "apcer")):
            of = [(at, down.groups[name][rate]) for at, name in enumerate(names) if down.groups[name][rate].clips]
            x = [at + 0.16 * (place - 0.5) for at, _ in of]
            y = [100 * group.value for _, group in of]
            below = [100 * (group.value - group.interval.low) for _, group in of]
            above = [100 * (group.interval.high - group.value) for _, group in of]
            axes.errorbar(
                x, y, yerr=[below, above], fmt="os"[place], color=COLOURS[place], capsize=3, markersize=5,
                linewidth=1.4, label=TITLES[rate],
            )  # fmt: skip
        axes.set_xticks(range(len(names)), [name.replace(" (", "\n(") for name in names])
        axes.set_xlim(-0.5, len(names) - 0.5)
        axes.set_ylim(-2, 102)
        axes.set_xlabel(down.field.replace("_", " "))
        axes.set_ylabel("error, %")
        figure.legend(loc="outside lower center", ncols=2)

    shown = "; ".join(
        f"{name}: " + ", ".join(f"{TITLES[rate]} {percent(of[rate].value)}" for rate in of if of[rate].clips)
        for name, of in down.groups.items()
    )
    return draw(paint, name=f"quality-{down.field}", alt=f"Error rates by {down.field.replace('_', ' ')}: {shown}")
