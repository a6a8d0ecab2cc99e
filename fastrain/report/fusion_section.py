"""Show several runs as one decision: each alone and all together, with the rates that `eval --fuse` prints."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal, NamedTuple

from fasdata.errors import UserError
from fasdata.foreign import read_json, validated
from fasdata.page.page import Section
from fasdata.page.parts import Answer, Column, Facts, Notice, Paragraph, Row, Table
from fasdata.page.spelling import begun, on_two_lines, ratio, score, text
from fastrain.evaluation.results_lookup import HONEST, PARTS, TEST, Results
from fastrain.evaluation.sheet import basis_of
from fastrain.evaluation.statistics.proportions import EXACT, JOINED, RESAMPLED, WORST, rules_note
from fastrain.evaluation.thresholds import is_oracle
from fastrain.report.error_tables import species_cell
from fastrain.report.run_folder import RunFolder
from fastrain.rundir.fused import FUSION, FusionFacts

_RATES = {"hter": "HTER", "apcer": "APCER, worst species", "bpcer": "BPCER"}
_LEADING = (Column("Decision of"), Column("Threshold policy"))
LEAD = (
    "The same clips for all. The runs stand alone at the thresholds that their own held-out sources give; nothing of "
    "these clips chose a threshold unless it is called an oracle."
)


class Judged(NamedTuple):
    """What stands in a row of a table; `fused`: it is the decision of all together."""

    name: str
    results: Results
    fused: bool
    part: str
    policy: str


def fusion_section(run: RunFolder) -> Section:
    """Return the tables of a fused decision: thresholds, rates, and attacks accepted by species."""
    try:
        facts = _facts(run)
    except UserError as error:
        return Section("fusion", "Fusion", [Notice("This part could not be read", [f"{error}."], "bad")])
    systems = [(of.name, Results(of.results.tree()), False) for of in facts.runs]
    systems.append((f"fused: {facts.rule}", run.results, True))
    parts: list[Any] = [_answer(systems), Paragraph(f"{begun(facts.words)}."), _thresholds(systems)]
    for part in PARTS:
        lines = [
            Judged(name, results, fused, part, policy)
            for name, results, fused in systems
            for of, level, policy in results.lines()
            if of == part and level == "clip"
        ]
        if lines:
            where = run.results.named(part)
            parts += [_rates(lines, where), _species(lines, where)]
    basis = [f"{begun(words)}." for words in basis_of(run.results)]
    return Section("fusion", "Fusion", [*parts, Notice("What the intervals rest on", basis)] if basis else parts, LEAD)


def _answer(systems: Sequence[tuple[str, Results, bool]]) -> Answer:
    """Return the HTER of the fused decision beside that of the best run alone; what differs is tested elsewhere."""
    compare = "test it against each run on the same people: fastrain compare FUSED RUN..."
    rates = {name: (results, results.metric(TEST, "clip", "hter", HONEST)) for name, results, _ in systems}
    *alone, fused = rates
    known = {name: rate for name, (_, rate) in rates.items() if rate is not None}
    best = min((name for name in alone if name in known), key=known.__getitem__, default="")
    if fused not in known or not best:
        return Answer("One decision of several runs; no HTER at a threshold of the sources.", compare)
    shown = [f"{name} {rates[name][0].shown(TEST, 'clip', 'hter', HONEST, interval=True)}" for name in (fused, best)]
    return Answer(f"HTER at {HONEST}: {shown[0]}; the best run alone, {shown[1]}.", compare)


def fusion_source(run: RunFolder) -> Section:
    """Return which scores were fused, and when."""
    try:
        facts = _facts(run)
    except UserError:  # which the section before says
        return Section("source", "Source", [Paragraph("The scores that were fused are not known.")])
    columns = [Column("Run"), Column("Folder"), Column("Weight", True), Column("SHA-256 of its scores")]
    rows = [
        Row((of.name, of.folder, ratio(of.weight, "decisions are joined"), text(of.sha256[:16]))) for of in facts.runs
    ]
    about = run.run
    made = Facts([("Fused", text(about.finished)), ("Manifest fingerprint", text(about.manifest_fingerprint, "none")),
                  ("Tool version", text(about.tool_version))])  # fmt: skip
    return Section("source", "Source", [made, Table("The scores that were fused", columns, rows)])


def _facts(run: RunFolder) -> FusionFacts:
    return validated(FusionFacts, read_json(run.path / FUSION), str(run.path / FUSION))


def _thresholds(systems: Sequence[tuple[str, Results, bool]]) -> Table:
    columns = [Column("Decision of"), Column("Threshold policy"), Column("Threshold", True), Column("From")]
    rows = []
    for name, results, fused in systems:
        for row in results.rows("thresholds", level="clip"):
            policy = str(row.get("policy"))
            value = score(row.get("value"), str(row.get("reason") or "not recorded"))
            rows.append(Row((name, policy, value, _origin(row, fused)), _kind(fused, policy)))
    return Table("Thresholds of clips, and where they come from", columns, rows)


def _origin(row: Mapping[str, Any], fused: bool) -> str:
    """Say where the threshold of a row comes from."""
    if is_oracle(str(row.get("policy"))):
        return "the labels of the clips that it is judged on"
    if row.get("from_part") == "":
        return "every run's own threshold above: scores are distances from it"
    return "the fused scores of held-out sources" if fused else "its own scores of held-out sources"


def _rates(lines: Sequence[Judged], where: str) -> Table:
    columns = [*_LEADING, *(Column(title, True) for title in (*_RATES.values(), "AUC"))]
    rows = []
    for name, results, fused, part, policy in lines:
        rates = [on_two_lines(results.shown(part, "clip", rate, policy, interval=True)) for rate in _RATES]
        auc = on_two_lines(results.shown(part, "clip", "auc", interval=True))
        rows.append(Row((name, policy, *rates, auc), _kind(fused, policy)))
    note = (
        "Shaded: all together. Grey: a threshold that needs the labels of these clips. In brackets: 95 % interval over "
        f"people, with its rule ({rules_note(EXACT, WORST, JOINED, RESAMPLED)})."
    )
    return Table(f"Error rates of each run alone and of all as one: clips, {where}", columns, rows, note)


def _species(lines: Sequence[Judged], where: str) -> Table:
    by_line = [
        {str(row["species"]): row for row in results.rows("species", part=part, level="clip", threshold_policy=policy)}
        for _, results, _, part, policy in lines
    ]
    species = list(dict.fromkeys(name for rows in by_line for name in rows))
    columns = [*_LEADING, *(Column(f"APCER {name}", True) for name in species)]
    rows = [
        Row((name, policy, *(species_cell(of.get(kind)) for kind in species)),
            _kind(fused, policy))
        for (name, results, fused, part, policy), of in zip(lines, by_line, strict=True)
    ]  # fmt: skip
    return Table(
        f"Attacks accepted, by attack species: clips, {where}", columns, rows, f"“of n”: attacks. {rules_note(EXACT)}."
    )


def _kind(fused: bool, policy: str) -> Literal["", "strong", "muted"]:
    return "muted" if is_oracle(policy) else "strong" if fused else ""
