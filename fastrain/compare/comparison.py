"""Compute the numbers of a comparison: every system on a protocol, with intervals, and against the baseline."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fasdata.errors import unknown_name
from fastrain.compare.pairing import LinedUp, line_up, notes_on
from fastrain.compare.pairwise import pair_test, target_of, threshold_of
from fastrain.compare.system import System
from fastrain.evaluation.averaged import networks
from fastrain.evaluation.measures import measured
from fastrain.evaluation.scores import Samples
from fastrain.evaluation.statistics.clusters import affordable
from fastrain.evaluation.statistics.intervals import RESAMPLES, resampled
from fastrain.evaluation.statistics.paired import difference_of
from fastrain.evaluation.statistics.proportions import Interval, with_seeds
from fastrain.evaluation.thresholds import SOURCE_EER, TARGET_EER, ThresholdPolicy

# What a table shows: title, metric, threshold policy. The deployable HTER first, then the one that papers print.
COLUMNS: tuple[tuple[str, str, ThresholdPolicy | None], ...] = (
    ("AUC", "auc", None),
    (f"HTER at {SOURCE_EER.name}", "hter", SOURCE_EER),
    (f"HTER at {TARGET_EER.name}", "hter", TARGET_EER),
    ("BPCER20 (oracle)", "bpcer20", None),
)
BASELINE = "erm"


@dataclass(frozen=True)
class Cell:
    """One number: the mean over seeds and its deviation (None with one seed), its interval, and p against the baseline.

    `value` is None where it is undefined; `p` is None for the baseline itself and where nothing can be compared.
    """

    value: float | None
    sd: float | None
    interval: Interval | None
    p: float | None


@dataclass(frozen=True)
class Line:
    """A system in the table of a protocol."""

    system: System
    cells: tuple[Cell, ...]


@dataclass(frozen=True)
class ProtocolTable:
    """The comparison on one protocol.

    `people` says how many subjects the intervals rest on; `tests` are sentences on pairs of systems.
    """

    protocol: str
    alias: str
    baseline: str
    lines: tuple[Line, ...]
    people: str
    resamples: int
    tests: tuple[str, ...]
    notes: tuple[str, ...] = ()
    """On scores from outside: what is not known of them."""


def compared(
    protocol: str, systems: Sequence[System], *, baseline: str | None = None, resamples: int = RESAMPLES
) -> ProtocolTable:
    """Compute the table of a protocol at clip level; failures to acquire count as errors.

    The interval of a mean over seeds resamples people, the same for all seeds; p is that of a paired bootstrap of the
    differences to the baseline (`erm` if it is among them, else the first system; `--baseline` names another).

    Raises:
        UserError: the runs scored different clips, or no system is called `baseline`.
    """
    names = [system.name for system in systems]
    if baseline is not None and baseline not in names:
        raise unknown_name("baseline", baseline, names)
    base = baseline or next((system.name for system in systems if system.about.method == BASELINE), names[0])
    lined_up = line_up(systems)
    resamples = affordable(resamples, len(lined_up.reference.frame))
    values = {system.name: _values(system, lined_up, resamples) for system in systems}
    against = next(system for system in systems if system.name == base)
    tests, lines = [], []
    for system in systems:
        pair = None if system is against or lined_up.apart(system) or lined_up.apart(against) else values[base]
        lines.append(_line(system, values[system.name], pair, len(lined_up.clusters.stratum)))
        if pair is not None:
            tests.append(pair_test(system, against, lined_up.orders))
        elif system is not against:
            why = lined_up.apart(system) or lined_up.apart(against)
            tests.append(f"{system.name} against {against.name}: not tested, {why}")
    alias = next((run.about.protocol_alias for s in systems for run in s.runs if run.about.protocol_alias), protocol)
    people, notes = lined_up.clusters.note(), tuple(notes_on(systems, lined_up))
    return ProtocolTable(protocol, alias, base, tuple(lines), people, resamples, tuple(tests), notes)


@dataclass(frozen=True)
class _Values:
    """Of each column: the value of every run, the mean over the runs in every resample, and its interval over people.

    Where a run reports the mean over several of its networks, its value is that mean. An interval is None where the
    number is undefined.
    """

    by_run: list[NDArray[np.float64]]
    resampled: list[NDArray[np.float64]]
    intervals: list[Interval | None]


def _values(system: System, lined_up: LinedUp, resamples: int) -> _Values:
    by_run: list[list[float]] = [[] for _ in COLUMNS]
    by_network: list[list[NDArray[np.float64]]] = [[] for _ in COLUMNS]
    judged: list[list[tuple[Samples, float]]] = [[] for _ in COLUMNS]
    for run in system.runs:
        order, clusters = lined_up.orders.get(run.folder), lined_up.clusters_of(run)
        of_run: list[list[float]] = [[] for _ in COLUMNS]
        for scores in networks(run.scores):
            samples = Samples.of(target_of(scores, run.folder, order), "count")
            measures = {}
            for number, (_, name, policy) in enumerate(COLUMNS):
                metric, threshold = measured(name), threshold_of(scores, samples, policy)
                defined = policy is None or not np.isnan(threshold)
                of_run[number].append(metric.plain(samples, threshold) if defined else np.nan)
                if defined:
                    measures[str(number)] = metric.at(threshold)
                    judged[number].append((samples, threshold))
            values = resampled(samples, clusters, measures, resamples=resamples, seed=0)
            for number in range(len(COLUMNS)):
                by_network[number].append(values.get(str(number), np.zeros(0)))
        for number, of_networks in enumerate(of_run):
            by_run[number].append(float(np.mean(of_networks)))
    # Every run of a system has as many networks: the mean over all of them is the mean over runs of their means.
    means = [np.mean(rows, axis=0) if len(set(map(len, rows))) == 1 else np.zeros(0) for rows in by_network]
    values_of = [np.array(column) for column in by_run]
    intervals = [
        None if np.isnan(values_of[number]).any() else measured(name).interval(judged[number], clusters, means[number])
        for number, (_, name, _) in enumerate(COLUMNS)
    ]
    return _Values(values_of, means, intervals)


def _line(system: System, own: _Values, base: _Values | None, people: int) -> Line:
    cells = []
    for number in range(len(COLUMNS)):
        values, many, interval = own.by_run[number], own.resampled[number], own.intervals[number]
        if interval is None:
            cells.append(Cell(None, None, None, None))
            continue
        p = None
        if base is not None and many.size and base.resampled[number].size == many.size:
            p = difference_of(many - base.resampled[number]).p
        sd = float(values.std(ddof=1)) if len(values) > 1 else None
        cells.append(Cell(float(values.mean()), sd, with_seeds(interval, values, people), p))
    return Line(system, tuple(cells))
