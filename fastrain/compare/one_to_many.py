"""Compare systems on each of several targets and on their mean: a table a metric, with a column a target."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from fastrain.compare.comparison import Line, ProtocolTable, table_of
from fastrain.compare.judged import COLUMNS, Columns, Judged
from fastrain.compare.pairing import line_up
from fastrain.compare.system import System
from fastrain.evaluation.measures import measured
from fastrain.evaluation.several_targets import mean_of_resamples
from fastrain.evaluation.statistics.clusters import affordable
from fastrain.evaluation.statistics.intervals import RESAMPLES, interval_of
from fastrain.evaluation.statistics.proportions import Interval, mean_of_many


def compared_each(
    protocol: str,
    systems: Sequence[System],
    *,
    baseline: str | None = None,
    resamples: int = RESAMPLES,
    columns: Columns = COLUMNS,
) -> ProtocolTable:
    """Compute the table of a one-to-many protocol at clip level: means over targets, and `each` with all targets.

    The interval of a mean is over the people of all targets; a test of it exchanges two systems for some of these
    people. Tests are corrected for all that are made of a column.

    Raises:
        UserError: as `comparison.compared`; a run did not score every target.
    """
    lined_up = line_up(systems)
    resamples = affordable(resamples, len(lined_up.reference.frame))
    targets = list(dict.fromkeys(lined_up.reference.frame["dataset"]))
    on_each = [lined_up.of_dataset(target) for target in targets]
    judged = {system.name: [Judged.of(system, alone, resamples, columns) for alone in on_each] for system in systems}
    each = []
    for place, (title, _, _) in enumerate(columns):
        of_column = {name: _with_mean(of_targets, targets, place) for name, of_targets in judged.items()}
        each.append(
            table_of(protocol, systems, of_column, lined_up, baseline=baseline, resamples=resamples, metric=title)
        )
    lines = [
        Line(system, tuple(table.lines[number].cells[-1] for table in each)) for number, system in enumerate(systems)
    ]
    tests = tuple(test for table in each for test in table.tests)
    return replace(each[0], lines=tuple(lines), columns=columns, tests=tests, metric="", each=tuple(each))


def _with_mean(of_targets: Sequence[Judged], targets: Sequence[str], place: int) -> Judged:
    """Return one column of each target, and their mean as the last one."""
    _, name, policy = of_targets[0].columns[place]
    mean = f"Mean of {len(targets)}"
    by_run = [of.by_run[place] for of in of_targets]
    drawn = [of.resampled[place] for of in of_targets]
    of_people = [of.of_people[place] for of in of_targets]
    whole = mean_of_resamples(drawn, 0) if all(len(values) for values in drawn) else np.zeros(0)
    return Judged(
        columns=tuple((target, name, policy) for target in (*targets, mean)),
        by_run=[*by_run, np.mean(by_run, axis=0)],
        resampled=[*drawn, whole],
        on=[*(of.on[place] for of in of_targets), [part for of in of_targets for part in of.on[place]]],
        of_people=[*of_people, _interval(name, by_run, of_people, whole)],
    )


def _interval(
    name: str, by_run: Sequence[NDArray[np.float64]], intervals: Sequence[Interval | None], drawn: NDArray[np.float64]
) -> Interval | None:
    """Return the interval of a mean over people, as `results.json` has it; None where a target lacks the number."""
    known = [interval for interval in intervals if interval is not None]
    if len(known) < len(intervals):
        return None
    rates = [(float(values.mean()), of) for values, of in zip(by_run, known, strict=True)]
    joined = mean_of_many(rates, range(len(rates)))  # each target has its own people
    if not measured(name).resampled or not len(drawn):
        return joined
    of_mean = interval_of(drawn)
    return replace(of_mean, low=min(of_mean.low, joined.low), high=max(of_mean.high, joined.high))
