"""Judge a system on the target of a protocol: each column of the table, of every network, with its interval."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from fasdata.errors import UserError
from fasdata.species import DIGITAL, FAMILIES, family_of
from fastrain.compare.pairing import LinedUp
from fastrain.compare.system import System
from fastrain.evaluation.averaged import networks
from fastrain.evaluation.measures import OF_FAMILY, measured
from fastrain.evaluation.scores import Samples, ScoreTable
from fastrain.evaluation.statistics.clusters import Clusters
from fastrain.evaluation.statistics.intervals import resampled
from fastrain.evaluation.statistics.proportions import Interval, with_seeds
from fastrain.evaluation.thresholds import SOURCE_EER, TARGET_EER, ThresholdPolicy, held_out_threshold

# What a table shows: title, metric, threshold policy. The deployable HTER first, then the one that papers print.
Columns: TypeAlias = tuple[tuple[str, str, ThresholdPolicy | None], ...]
COLUMNS: Columns = (
    ("AUC", "auc", None),
    (f"HTER at {SOURCE_EER.name}", "hter", SOURCE_EER),
    (f"HTER at {TARGET_EER.name}", "hter", TARGET_EER),
    ("BPCER20 (oracle)", "bpcer20", None),
)


def columns_with(policies: Sequence[ThresholdPolicy], families: Sequence[str] = ()) -> Columns:
    """Return what a table shows, with a column of HTER for each of further policies.

    `families` are those of attacks whose APCER stands apart, at the threshold of the sources.

    Raises:
        UserError: a policy that looks at the data it is judged on, other than that of the table, or needs a development
            set of the same data.
    """
    further: list[tuple[str, str, ThresholdPolicy | None]] = []
    for policy in {policy.name: policy for policy in policies}.values():
        if policy.name in (SOURCE_EER.name, TARGET_EER.name):
            continue
        if policy.oracle or policy.own_data:
            why = "looks at the labels it is judged on" if policy.oracle else "needs a development set of the same data"
            raise UserError(
                f"--threshold {policy.name} {why}, so systems cannot be exchanged at it",
                expected="a threshold that is given, fixed(0.5), or found on held-out sources, source_bpcer(0.05)",
                do=f"see each by itself: fastrain eval RUN --threshold {policy.name.partition(' ')[0]}",
            )
        further.append((f"HTER at {policy.name}", "hter", policy))
    for family in families:
        further.append((f"APCER of {family} attacks at {SOURCE_EER.name}", OF_FAMILY[family].name, SOURCE_EER))
    return (*COLUMNS, *further)


def families_told_apart(tables: Sequence[ScoreTable]) -> tuple[str, ...]:
    """Return the families of attacks in some targets where there are digital ones, else none."""
    types = {
        str(name) for table in tables if (target := table.part("test")) for name in set(target.frame["attack_type"])
    }
    families = {family_of(name) for name in types}
    return tuple(family for family in FAMILIES if family in families) if DIGITAL in families else ()


@dataclass(frozen=True)
class OnPeople:
    """Networks, each with its samples and its threshold, and whose samples these are."""

    networks: tuple[tuple[Samples, float], ...]
    clusters: Clusters


@dataclass(frozen=True)
class Judged:
    """Of each column: the value of every run, the mean over the runs in every resample, and its interval.

    `on` has the samples and the threshold of every network of every run, on the target's people; of a mean over several
    targets, on those of each. Where a run reports the mean over several of its networks, its value is that mean. An
    interval, over people and seeds, is None where the number is undefined; `of_people` are those over people alone.
    """

    columns: Columns
    by_run: list[NDArray[np.float64]]
    resampled: list[NDArray[np.float64]]
    on: list[list[OnPeople]]
    of_people: list[Interval | None]

    @property
    def intervals(self) -> list[Interval | None]:
        """Return the interval of each column over people and seeds."""
        return [
            of and with_seeds(of, values, sum(len(part.clusters.stratum) for part in on))
            for of, values, on in zip(self.of_people, self.by_run, self.on, strict=True)
        ]

    @classmethod
    def of(cls, system: System, lined_up: LinedUp, resamples: int, columns: Columns = COLUMNS) -> Judged:
        """Judge the networks of all runs of a system on the clips of the target, lined up where they can be."""
        by_run: list[list[float]] = [[] for _ in columns]
        drawn: list[list[NDArray[np.float64]]] = [[] for _ in columns]
        judged: list[list[tuple[Samples, float]]] = [[] for _ in columns]
        for run in system.runs:
            clusters = lined_up.clusters_of(run)
            of_run: list[list[float]] = [[] for _ in columns]
            for scores in networks(run.scores):
                samples = Samples.of(lined_up.target_of(scores, run.folder), "count")
                measures = {}
                for number, (_, name, policy) in enumerate(columns):
                    metric, threshold = measured(name), threshold_of(scores, samples, policy)
                    defined = policy is None or not np.isnan(threshold)
                    of_run[number].append(metric.plain(samples, threshold) if defined else np.nan)
                    if defined:
                        measures[str(number)] = metric.at(threshold)
                        judged[number].append((samples, threshold))
                values = resampled(samples, clusters, measures, resamples=resamples, seed=0)
                for number in range(len(columns)):
                    drawn[number].append(values.get(str(number), np.zeros(0)))
            for number, of_networks in enumerate(of_run):
                by_run[number].append(float(np.mean(of_networks)))
        # Every run of a system has as many networks: the mean over all of them is the mean over runs of their means.
        means = [np.mean(rows, axis=0) if len(set(map(len, rows))) == 1 else np.zeros(0) for rows in drawn]
        values_of = [np.array(column) for column in by_run]
        of_people = [
            None
            if np.isnan(values_of[number]).any()
            else measured(name).interval(judged[number], clusters, means[number])
            for number, (_, name, _) in enumerate(columns)
        ]
        return cls(columns, values_of, means, [[OnPeople(tuple(of), clusters)] for of in judged], of_people)


def threshold_of(scores: ScoreTable, target: Samples, policy: ThresholdPolicy | None) -> float:
    """Return the clip-level threshold of `policy`, NaN where there is none."""
    if policy is None:
        return np.nan
    if policy.part != "test":
        return held_out_threshold(scores, policy)
    return np.nan if target.missing else policy.choose(target.scores, target.labels)
