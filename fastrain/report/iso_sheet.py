"""Show the summary of ISO/IEC 30107-3: operating points with intervals, one sheet to print."""

from __future__ import annotations

from typing import Any, Literal

from fasdata.page.page import Section
from fasdata.page.parts import Column, Facts, Notice, Paragraph, Row, Table
from fasdata.page.spelling import Absent, begun, text
from fastrain.evaluation.measures import measured
from fastrain.evaluation.results_lookup import HONEST, ORACLE, TEST, VAL, Results
from fastrain.evaluation.statistics.proportions import rules_note
from fastrain.evaluation.thresholds import is_oracle
from fastrain.report.run_folder import RunFolder

# Title, metric, threshold policy; the honest ones first.
_LINES = (
    ("APCER, worst species", "apcer", HONEST),
    ("BPCER", "bpcer", HONEST),
    ("ACER, worst species", "acer_max", HONEST),
    ("HTER (all species together)", "hter", HONEST),
    ("BPCER10", "bpcer10", measured("bpcer10").policy),
    ("BPCER20", "bpcer20", measured("bpcer20").policy),
    ("BPCER100", "bpcer100", measured("bpcer100").policy),
    ("APCER at a BPCER of 5 %", "apcer_at_bpcer_5", measured("apcer_at_bpcer_5").policy),
    ("HTER", "hter", ORACLE),
    ("EER", "eer", ""),
    ("AUC", "auc", ""),
)


def iso_section(run: RunFolder) -> Section:
    """Return what ISO/IEC 30107-3 asks to be stated: the presentations, the non-responses, and the error rates."""
    results = run.results
    if results.absent:
        return Section("iso", "ISO/IEC 30107-3 summary", [Paragraph(f"No error rates: {results.absent}.")])
    lead = "Presentation attack detection as a subsystem, clip level. Fit to print: one sheet."
    parts: list[Any] = [_presented(run), _points(results), *_people(results)]
    return Section("iso", "ISO/IEC 30107-3 summary", parts, lead)


def _presented(run: RunFolder) -> Facts:
    results, counts = run.results, list(run.results.rows("counts", part=TEST))
    of = {label: [row for row in counts if row.get("label") == label] for label in ("bonafide", "attack")}
    clips = {label: sum(row.get("clips") or 0 for row in rows) for label, rows in of.items()}
    people = max((sum(row.get("subjects") or 0 for row in rows) for rows in of.values()), default=0)
    species = sorted({str(row.get("species")) for row in results.rows("species", part=TEST, level="clip")})
    return Facts(
        [
            ("Test subjects", text(people or None, "not named")),
            ("Bona fide presentations", text(clips["bonafide"])),
            ("Attack presentations", text(clips["attack"])),
            ("PAI species", text(", ".join(species), "none")),
            ("Species distinguished by", text(results.data.get("species_by"))),
            ("Bona fide non-response (BPNRR)", results.shown(TEST, "clip", "non_response_bonafide", interval=True)),
            ("Attack non-response (APNRR)", results.shown(TEST, "clip", "non_response_attack", interval=True)),
            ("Non-responses in the rates", text({"count": "counted: rejected", "exclude": "left out"}.get(
                str(results.data.get("fta"))))),
            ("Clip score", f"{results.data.get('fusion') or 'mean'} of its frames"),
            ("Checkpoint", run.selection_words()),
        ]
    )  # fmt: skip


def _points(results: Results) -> Table:
    columns = [
        Column("Rate"),
        Column("Threshold from"),
        *(Column(f"{results.named(part)} [95 %]", True) for part in (TEST, VAL)),
    ]
    rows = []
    for title, name, policy in _LINES:
        cells = [
            Absent("the target's own")
            if part == VAL and policy == ORACLE
            else results.shown(part, "clip", name, policy, interval=True)
            for part in (TEST, VAL)
        ]
        kind: Literal["", "strong", "muted"] = "muted" if is_oracle(policy) else ""
        rows.append(Row((title, policy or "needs none", *cells), "strong" if policy == HONEST else kind))
    note = (
        "BPCER10, 20 and 100: the BPCER where the APCER of the worst species is 10, 5 and 1 %. Oracle: the operating "
        "point is found on the very clips it is stated for, which a deployment cannot do. In brackets: 95 % interval "
        f"with its rule. {begun(rules_note())}."
    )
    return Table("Operating points", columns, rows, note)


def _people(results: Results) -> list[Notice | Paragraph]:
    about = {part: (results.data.get("uncertainty") or {}).get(part) for part in (TEST, VAL)}
    words = [
        f"{results.named(part)}: {facts.get('note')}; {facts.get('resamples')} resamples."
        for part, facts in about.items()
        if isinstance(facts, dict)
    ]
    if not words:
        return []
    words += list(dict.fromkeys(f"{facts['coverage']}." for facts in about.values() if facts and facts.get("coverage")))
    few = any("too few to tell" in line for line in words)
    return [Notice("Subjects that the intervals rest on", words, "mixed" if few else "plain")]
