"""Write the verdict on a page that stands alone: its sentence, the rates behind it, the sheet, the instrument cards."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from fasdata import __version__
from fasdata.page.page import Page, Section
from fasdata.page.parts import Answer, Column, Facts, Row, Table
from fasdata.page.spelling import Absent, count, text
from fastrain.evaluation.results import evaluate
from fastrain.evaluation.results_lookup import TEST, Results
from fastrain.evaluation.score_rules import FIELD_PREFIX
from fastrain.evaluation.sheet import IsoSheet, ItemUnderTest, Known, iso_sheet
from fastrain.evaluation.statistics.intervals import RESAMPLES
from fastrain.evaluation.statistics.proportions import EXACT, rules_note
from fastrain.evaluation.thresholds import ThresholdPolicy, fixed
from fastrain.lab.plan_file import NO_RESPONSE, LabPlan
from fastrain.lab.text import headline, not_shown
from fastrain.lab.to_do import left_to_do
from fastrain.lab.verdict import BROKEN, FAILED, PASSED, Criterion, Judged, Verdict
from fastrain.report.breakdown import READING, grouped_parts
from fastrain.report.iso_sheet import sheet_parts

RECORDED = "recorded decisions"
NO_SCORES = "the log records decisions, no scores"
_KINDS: dict[str, Any] = {PASSED: "good", FAILED: "bad"}
_NEXT = {
    PASSED: "state it with the species, the number of people and the intervals below.",
    FAILED: "look at the presentations that broke the limit; a new product version needs a new plan and a new log.",
}


def verdict_page(judged: Judged, verdict: Verdict, *, bundle: Known = "", resamples: int = RESAMPLES) -> Page:
    """Return the page of a verdict. `bundle` is the hash of what is deployed, "" where it is not stated."""
    plan = judged.plan
    sections = [_rates(plan, verdict)]
    if judged.log.tries:
        sheet = lab_sheet(judged, bundle=bundle, resamples=resamples)
        lead = "What ISO/IEC 30107-3 asks to be stated of presentation attack detection as a subsystem."
        sections.append(Section("iso", "ISO/IEC 30107-3 sheet", sheet_parts(sheet), lead))
    sections += [_cards(plan), *_conditions(judged)]
    facts = [("Product", plan.product), ("Plan", plan.title), ("Laboratory", text(plan.laboratory, "not stated")),
             ("Level", verdict.level.name), ("Presented", text(judged.log.days(), "no times in the log"))]  # fmt: skip
    footer = f"Written by fastrain {__version__}. This file is complete in itself: it loads nothing and runs no script."
    title = f"{plan.product}: {verdict.level.name} {verdict.outcome}"
    return Page(title, sections, facts, footer, _answer(judged, verdict))


def _answer(judged: Judged, verdict: Verdict) -> Answer:
    level = verdict.level
    left = sum(left_to_do(judged.plan, judged.log).values())
    step = _NEXT.get(verdict.outcome) or (
        f"present what is planned: {left:,} are to do." if left else "plan the presentations that the level asks for."
    )
    sentences = [f"{words}." for words in (*verdict.reasons, *not_shown(verdict))]
    sentences.append(f"{level.words()}; {level.origin()}.")
    return Answer(headline(verdict), step, sentences, _KINDS.get(verdict.outcome, "mixed"))


def _rates(plan: LabPlan, verdict: Verdict) -> Section:
    columns = [Column("Rate"), Column("Observed [95 %]", True), Column("Limit", True), Column("Standing"),
               Column("Errors", True), Column("Presented", True), Column("Asked for", True), Column("People", True),
               Column("No response", True)]  # fmt: skip
    rows = [_row(criterion) for criterion in verdict.criteria]
    note = f"No response: {NO_RESPONSE[plan.no_response]}. Intervals are over people; {rules_note(EXACT)}."
    return Section("verdict", "What the verdict rests on", [Table("Rates and limits", columns, rows, note)])


def _row(criterion: Criterion) -> Row:
    cells = (
        criterion.name, criterion.shown(), f"{100 * criterion.limit:g} %",
        criterion.standing, count(criterion.errors), count(criterion.presented), count(criterion.asked),
        count(criterion.people), count(criterion.lost),
    )  # fmt: skip
    return Row(cells, "strong" if criterion.standing == BROKEN else "")


def _cards(plan: LabPlan) -> Section:
    parts: list[Any] = []
    for card in plan.cards:
        specimens = text(", ".join(card.instruments), "not named")
        lines = [("Species", card.name), ("Source", card.source), ("Production", card.production),
                 ("Presentation", card.presentation), ("Specimens", specimens),
                 ("People", f"{len(plan.people_of(card.name))}, {plan.planned(card.name)} presentations")]  # fmt: skip
        parts.append(Facts(lines))
    return Section("cards", "Instruments", parts, "How the attacks were made and shown, as the plan states it.")


def _conditions(judged: Judged) -> list[Section]:
    """Return the section on groups of presentations; none where the log has no conditions that vary."""
    if not judged.log.tries:
        return []
    rows, columns = judged.counted_rows, {name: f"{FIELD_PREFIX}{name}" for name in judged.plan.conditions}
    fields = {name: column for name, column in columns.items() if rows[column].nunique() > 1}
    if not fields:
        return []
    parts = grouped_parts(rows, fields, judged.threshold, "pai")
    return [Section("breakdown", "By condition", parts, READING)]


# -- The sheet ---------------------------------------------------------------------------------------------------------


def lab_sheet(judged: Judged, *, bundle: Known = "", resamples: int = RESAMPLES) -> IsoSheet:
    """Return the sheet of ISO/IEC 30107-3 of a log: what needs scores is not known where it records decisions."""
    plan = judged.plan
    policy = fixed(judged.threshold) if plan.threshold is not None else _recorded(judged.threshold)
    results = evaluate(
        judged.table, selection="", fta=plan.no_response, policies=[policy], species="pai", resamples=resamples
    )
    results["part_names"] = {TEST: "laboratory test"}
    if plan.threshold is None:
        results = _of_decisions(results)
    answered = "its score" if plan.threshold is not None else "the decision that was recorded"
    item = ItemUnderTest(
        product=plan.product, protocol=plan.title, scores=answered, dataset=_where(plan),
        date=text(judged.log.days(), "the log states no times"), **({"bundle": bundle} if bundle else {}),
    )  # fmt: skip
    sheet = iso_sheet(Results(results), item, policy=policy.name)
    return replace(sheet, threshold_from=plan.threshold_source or f"the product's own: {plan.decided_by()}")


def _where(plan: LabPlan) -> Known:
    return f"presentations at {plan.laboratory}" if plan.laboratory else Absent("the plan names no laboratory")


def _recorded(threshold: float) -> ThresholdPolicy:
    return ThresholdPolicy(RECORDED, "", False, lambda scores, labels: threshold)


def _of_decisions(results: dict[str, Any]) -> dict[str, Any]:
    """Return results without what decisions cannot tell: the threshold, and all that is read off a curve."""
    silent = {"value": None, "reason": NO_SCORES}
    metrics = [
        row
        if row["threshold_policy"] == RECORDED or row["metric"].startswith("non_response")
        else {name: row[name] for name in ("part", "level", "metric", "threshold_policy")} | silent
        for row in results["metrics"]
    ]
    return results | {"metrics": metrics, "thresholds": [row | silent for row in results["thresholds"]]}
