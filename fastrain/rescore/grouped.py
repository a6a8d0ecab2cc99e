"""`fastrain eval RUN|SCORES --by FIELD`: error rates by groups of clips, and how far apart the groups are."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from fasdata.errors import UserError
from fasdata.page.spelling import percent, reasoned, text_table
from fastrain.evaluation.breakdowns import SPECIES_BY, Breakdown, Rate, breakdown, by_species, column_named
from fastrain.evaluation.scores import FTA_RULES, ScoreTable
from fastrain.evaluation.statistics.clusters import FEW
from fastrain.evaluation.statistics.proportions import APART, EXACT, rules_note
from fastrain.evaluation.thresholds import SOURCE_EER, held_out_threshold, named_policy
from fastrain.report.breakdown import TITLES, differential_words
from fastrain.rescore.scores_alone import read_for
from fastrain.rundir import RunDir

if TYPE_CHECKING:
    import pandas as pd

    from fastrain.evaluation.score_columns import Reading
    from fastrain.rescore.other_data import Asked


def grouped_text(
    path: Path,
    by: Sequence[str],
    asked: Asked,
    reading: Reading,
    *,
    policy: str = "",
    fta: str = "",
    fusion: str = "mean",
    species: str = "attack_type",
) -> str:
    """Return the rates of the groups of every field of `by`, of the test part, at one threshold.

    A field is one of the clips' (`device`), `dataset`, `instrument` or `subject`; `species` gives the APCER of each
    species, and `species,device` that of each species in each group of a field.

    Raises:
        UserError: the clips have no such field, the threshold cannot be had, or nothing is there to be judged.
    """
    run = RunDir(path) if (path / "run.json").is_file() else None
    read, _ = read_for(run.file("scores.csv") if run else path, asked, reading)
    rule = fta or (run.config().evaluate.fta if run and run.file("config.yaml").is_file() else FTA_RULES[0])
    clips = read.table.clips(fusion).part("test")
    if clips is None:
        raise UserError(f"{read.table.source} has nothing to group", expected="clips of part test")
    frame = clips.frame if rule == "count" else clips.frame[clips.frame["status"] == "ok"].reset_index(drop=True)
    chosen = named_policy(policy) if policy else SOURCE_EER
    threshold = _threshold(read.table, chosen.name, rule)
    lines = [f"clips       {len(frame):,} at {chosen.name} ({threshold:.6g}); without a score: "
             + ("rejected" if rule == "count" else "left out")]  # fmt: skip
    fields = len([name for name in by if "," not in name and name != SPECIES_BY])
    for name in by:
        first, _, second = name.partition(",")
        if first == SPECIES_BY:
            lines += ["", *_species_lines(frame.assign(all=""), second, threshold, species)]
        elif second:
            raise UserError(f"--by {name}", expected=f"a field, or {SPECIES_BY},FIELD")
        else:
            column = column_named(frame, name)
            lines += ["", *_group_lines(breakdown(frame, name, column, threshold, max(fields, 1)))]
    lines += ["", f"few         fewer than {FEW} people, too few to tell"]
    return "\n".join([*lines, f"intervals   95 % over people; {rules_note(EXACT, APART)}"])


def _threshold(table: ScoreTable, name: str, fta: str) -> float:
    policy = named_policy(name)
    if policy.oracle:
        raise UserError(
            f"{name} looks at the labels of the groups",
            expected="a threshold found elsewhere or given, as 'fixed(0.5)'",
        )
    threshold = held_out_threshold(table, policy, fta)
    if math.isnan(threshold):
        raise UserError(
            f"{table.source} has no threshold {name}", expected="a part val with both labels",
            do="or give one: --threshold 'fixed(0.5)'",
        )  # fmt: skip
    return threshold


def _group_lines(down: Breakdown) -> list[str]:
    head = (down.field, "bona fide", "people", "BPCER [95 %]", "attacks", "people", "APCER, all species [95 %]")
    rows = [
        [name, *(cell for rate in ("bpcer", "apcer") for cell in (of[rate].clips, of[rate].people, _cell(of[rate])))]
        for name, of in down.groups.items()
    ]
    return [*text_table(head, rows), *(f"  {differential_words(of, down.field)}" for of in down.differentials)]


def _species_lines(frame: pd.DataFrame, field: str, threshold: float, species: str) -> list[str]:
    """Return the APCER of every species, in every group of a field where one is named."""
    matrix = by_species(frame, column_named(frame, field) if field else "all", threshold, species)
    head = (SPECIES_BY, *([field] if field else []), "attacks", "people", f"{TITLES['apcer'].split(',')[0]} [95 %]")
    rows = [
        [kind, *([group] if field else []), rate.clips, rate.people, _cell(rate)]
        for (kind, group), rate in matrix.cells.items()
    ]
    return text_table(head, rows) if rows else ["  no attack"]


def _cell(rate: Rate) -> str:
    few = " few" if rate.few and rate.clips else ""
    return reasoned(percent(rate.value, "none", ends=(rate.interval.low, rate.interval.high))) + few
