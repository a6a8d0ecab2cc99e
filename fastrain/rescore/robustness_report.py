"""`fastrain eval RUN --corrupt …`: show a robustness suite as a table, a CSV file and a page with curves."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from fasdata.page.charts import Axis, Line, line_chart
from fasdata.page.figures import Chart, Charts
from fasdata.page.page import Page, Section
from fasdata.page.parts import Answer, Column, Row, Table
from fasdata.page.spelling import metric, on_two_lines, text_table
from fasdata.store.atomic import write_text
from fastrain.evaluation.scores import ScoreOrigin
from fastrain.evaluation.statistics.clusters import Clusters
from fastrain.evaluation.statistics.proportions import rules_note
from fastrain.evaluation.thresholds import SOURCE_EER
from fastrain.rescore.corruptions import parse_corruptions
from fastrain.rescore.robustness import MEASURES, Rung, robustness

# -- A robustness suite as a table, a CSV file and a page with curves -------------------------------------------------


TITLES = {"auc": "AUC", "hter": "HTER", "apcer": "APCER, worst species", "bpcer": "BPCER"}
_ENDS = ("low", "high")
NOTE = (
    f"Target, clip level; HTER, APCER and BPCER at {SOURCE_EER.name}, the threshold of the held-out sources, "
    f"whose pictures are not corrupted. In brackets: 95 % interval over people, with its rule ({rules_note()})."
)


def as_text(rungs: Sequence[Rung]) -> str:
    """Return the table for a terminal."""
    header = ["pictures", "what was done", *TITLES.values()]
    lines = text_table(header, [_cells(rung) for rung in rungs], indent="")
    return "\n".join([*lines, _note(rungs)])


def write_csv(rungs: Sequence[Rung], out: Path) -> None:
    """Write a CSV row for each corruption: kind, severity (0 = original pictures), shares and their intervals."""
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(["corruption", "severity", *MEASURES, *(f"{name}_{end}" for name in MEASURES for end in _ENDS)])
    for rung in rungs:
        kind = ("none", 0) if rung.corruption is None else (rung.corruption.kind, rung.corruption.severity)
        ends = (getattr(rung.ends.get(name), end, "") for name in MEASURES for end in _ENDS)
        numbers = ("" if rung.numbers[name] is None else rung.numbers[name] for name in MEASURES)
        table.writerow([*kind, *numbers, *ends])
    write_text(out, text.getvalue())


def write_page(rungs: Sequence[Rung], out: Path, title: str) -> None:
    """Write the table and one chart a measure as a self-contained page."""
    charts = [_chart(rungs, name) for name in ("auc", "hter", "apcer", "bpcer")]
    columns = [Column("Pictures"), Column("What was done"), *(Column(title, True) for title in TITLES.values())]
    rows = [Row([on_two_lines(cell) for cell in _cells(rung)], "" if rung.corruption else "strong") for rung in rungs]
    sections = [
        Section("curves", "By severity", [Charts(charts)], _note(rungs)),
        Section("table", "All numbers", [Table("Robustness", columns, rows, _note(rungs))]),
    ]
    Page(title, sections, (), "Written by fastrain eval --corrupt.", robustness_answer(rungs)).write(out)


def robustness_answer(rungs: Sequence[Rung]) -> Answer:
    """Return what the worst of the corruptions does to the HTER, as far as intervals tell, and what to do next."""
    clean = next(rung for rung in rungs if rung.corruption is None)
    worse = [rung for rung in rungs if rung.corruption is not None and rung.numbers["hter"] is not None]
    own = clean.numbers["hter"]
    if own is None or not worse:
        return Answer("No HTER is defined on these pictures.", "score clips of both labels.", (), "bad")
    worst = max(worse, key=lambda rung: rung.numbers["hter"] or 0.0)
    before, after = (
        str(metric("hter", rung.numbers["hter"], ends=_interval(rung, "hter").get("ends"))) for rung in (clean, worst)
    )
    numbers = f"HTER {before} on the pictures as they are, {after} at {worst.name}, the worst"
    apart = {rung.corruption.kind for rung in worse if rung.corruption and _above(rung, clean)}
    if apart:
        step = (
            f"train on such pictures ({', '.join(sorted(apart))}: data.augment of the configuration), or refuse them "
            "where they are taken."
        )
        return Answer(f"Worse pictures make it err more: {numbers}.", step, (), "bad")
    step = "test on more people: whether it errs more on worse pictures is inside the intervals."
    return Answer(f"No corruption is distinguishable from the pictures as they are: {numbers}.", step, (), "mixed")


def _above(rung: Rung, clean: Rung) -> bool:
    """Tell whether the interval of a rung's HTER lies above that of the clean pictures."""
    own, other = rung.ends.get("hter"), clean.ends.get("hter")
    return own is not None and other is not None and own.low > other.high


def _note(rungs: Sequence[Rung]) -> str:
    origin = ScoreOrigin.of(rungs[0].scores)
    target = rungs[0].scores.clips().part("test")
    people = Clusters.of(target.frame).basis() if target else "no target"
    return f"{NOTE} They rest on {people}. Checkpoint selected by {origin.selection}: {origin.checkpoint}."


def _chart(rungs: Sequence[Rung], name: str) -> Chart:
    clean = next(rung for rung in rungs if rung.corruption is None).numbers[name]
    kinds = dict.fromkeys(rung.corruption.kind for rung in rungs if rung.corruption)
    lines = []
    for kind in kinds:
        points = [
            (rung.corruption.severity, rung.numbers[name])
            for rung in rungs
            if rung.corruption and rung.corruption.kind == kind and rung.numbers[name] is not None
        ]
        pairs = ([(0, clean)] if clean is not None else []) + points
        lines.append(Line(kind, [float(x) for x, _ in pairs], [float(y or 0) for _, y in pairs], dots=True))
    axis = Axis("share" if name != "auc" else "AUC", 0.0, 1.02)
    svg = line_chart(
        lines, Axis("severity (0 = as they are)"), axis, name=f"robust-{name}", alt=f"{TITLES[name]} by severity"
    )
    return Chart(TITLES[name], svg)


def _cells(rung: Rung) -> list[str]:
    done = "" if rung.corruption is None else rung.corruption.setting
    cells = [str(metric(name, rung.numbers[name], **_interval(rung, name))) for name in MEASURES]
    return [rung.name, done, *cells]


def _interval(rung: Rung, name: str) -> dict[str, Any]:
    interval = rung.ends.get(name)
    return {"ends": (interval.low, interval.high), "rule": interval.rule} if interval else {}


# -- `fastrain eval RUN --corrupt …` ----------------------------------------------------------------------------------


def corrupt_run(folder: Path, kinds: str, out: Path | None = None) -> str:
    """Score a run's target under corruptions; write `robustness.csv` and `robustness.html`, return the table.

    The scores themselves go beside them, one table a setting: `robustness/jpeg-3.csv`.

    Raises:
        UserError: as `parse_corruptions` and `robustness`.
    """
    rungs = robustness(folder, parse_corruptions(kinds))
    place = out or folder
    place.mkdir(parents=True, exist_ok=True)
    write_csv(rungs, place / "robustness.csv")
    (place / "robustness").mkdir(exist_ok=True)
    for rung in rungs:
        rung.scores.write_csv(place / "robustness" / f"{rung.name.replace(' ', '-')}.csv")
    write_page(rungs, place / "robustness.html", f"Robustness of {folder.name}")
    written = {"table: ": "robustness.csv", "page:  ": "robustness.html", "scores:": "robustness"}
    return "\n".join([as_text(rungs), "", *(f"{what} {place / name}" for what, name in written.items())])
