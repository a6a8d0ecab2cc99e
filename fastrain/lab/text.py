"""Spell a verdict for a terminal: the outcome, why, every rate with its interval, and whose level it is."""

from __future__ import annotations

from fasdata.page.spelling import reasoned, text_table
from fastrain.evaluation.statistics.proportions import RULES
from fastrain.lab.plan_file import NO_RESPONSE, LabPlan
from fastrain.lab.verdict import PASSED, Criterion, Verdict

HEAD = ("rate", "errors", "of", "asked for", "people", "no response", "observed [95 %]", "limit", "")


def verdict_text(plan: LabPlan, verdict: Verdict) -> str:
    """Return a verdict: what it says first, then the rates that it rests on."""
    level = verdict.level
    rules = dict.fromkeys(c.interval.rule for c in verdict.criteria if c.interval.rule)
    lines = [
        f"{level.name}: {verdict.outcome}" + (f" ({'; '.join(verdict.reasons)})" if verdict.reasons else ""),
        "",
        *text_table(HEAD, [_row(criterion) for criterion in verdict.criteria]),
        "",
        f"plan         {plan.title}",
        f"product      {plan.product}",
        f"level        {level.words()}",
        f"             {level.origin()}",
        f"decision     {plan.decided_by()}",
        f"no response  {NO_RESPONSE[plan.no_response]}",
        *(f"note         {words}" for words in not_shown(verdict)),
        *(f"intervals    95 % over people; {rule}: {RULES[rule]}" for rule in rules),
    ]
    return "\n".join(lines)


def headline(verdict: Verdict) -> str:
    """Return a verdict in one sentence, with the rates of the worst species and of bona fide, and their intervals."""
    bona_fide, *attacks = verdict.criteria
    worst = max(attacks, key=lambda criterion: (criterion.errors, criterion.presented))
    rates = f"{worst.name}, the worst species, {reasoned(worst.shown())}, BPCER {reasoned(bona_fide.shown())}"
    return f"Level {verdict.level.name}: {verdict.outcome}; {rates}."


def not_shown(verdict: Verdict) -> list[str]:
    """Return what a pass by the observed rates leaves open: that the product's own rates keep the limits."""
    open_ = [criterion.name for criterion in verdict.criteria if criterion.interval.high > criterion.limit]
    if verdict.outcome != PASSED or not open_:
        return []
    return [f"the observed rates keep the limits; that the product does is not shown: {', '.join(open_)} may be higher"]


def _row(criterion: Criterion) -> list[object]:
    return [
        criterion.name, criterion.errors, criterion.presented, criterion.asked, criterion.people, criterion.lost,
        reasoned(criterion.shown()), f"{100 * criterion.limit:g} %", criterion.standing,
    ]  # fmt: skip
