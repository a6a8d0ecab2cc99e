"""Show how many decisions of a run flip when the box of the face moves a little."""

from __future__ import annotations

from fasdata.errors import UserError
from fasdata.foreign import read_json, validated
from fasdata.page.page import Section
from fasdata.page.parts import Column, Notice, Row, Table
from fasdata.page.spelling import count, percent
from fastrain.evaluation.statistics.proportions import EXACT, rules_note
from fastrain.report.run_folder import RunFolder
from fastrain.rundir.result_facts import JITTER, JitterFacts

LEAD = (
    "The same network, threshold and clips; the box that the detector found is moved by a share of its side, to eight "
    "sides, larger and smaller. A decision that turns with it depends on the detector more than on the face."
)


def jitter_section(run: RunFolder) -> Section | None:
    """Return the table of flipped decisions; None for a run whose boxes were not moved."""
    path = run.path / JITTER
    if not path.is_file():
        return None
    try:
        facts = validated(JitterFacts, read_json(path), str(path))
    except UserError as error:
        return Section("jitter", "Moved boxes", [Notice("This part could not be read", [f"{error}."], "bad")])
    numbers = ("Clips", "Flipped", "95 %", "Ever flip")
    columns = [Column("Moved by"), Column("Clips of"), *(Column(name, True) for name in numbers)]
    rows = []
    for row in facts.rows:
        name = {"all": "all", "label": row.name, "species": f"attack, {row.name}"}[row.group]
        ends = (
            f"{100 * row.low:.1f} to {100 * row.high:.1f}"
            if row.low is not None and row.high is not None
            else "not computed"
        )
        shares = (percent(row.share), ends, percent(row.ever))
        rows.append(Row((f"{row.amount:g}", name, count(row.clips), *shares), "strong" if row.group == "all" else ""))
    note = (
        f"{facts.moves} moves an amount; a flip is a decision other than that at the box itself. 95 %: interval over "
        f"people ({rules_note(EXACT)})."
    )
    return Section("jitter", "Moved boxes", [Table("Decisions that flip", columns, rows, note)], LEAD)
