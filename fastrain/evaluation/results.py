"""Compute everything a report prints from a score table alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from fasdata.errors import unknown_name
from fasdata.records import ATTACK, BONAFIDE
from fastrain.evaluation.breakdowns import broken_down
from fastrain.evaluation.families import apcer_by_family
from fastrain.evaluation.measures import AT, BEST, FREE, Measured
from fastrain.evaluation.metrics.curve import Roc
from fastrain.evaluation.metrics.rates import apcer_by_species
from fastrain.evaluation.scores import FTA_RULES, SPECIES, Samples, ScoreTable
from fastrain.evaluation.statistics.clusters import Clusters, affordable
from fastrain.evaluation.statistics.edges import Decided
from fastrain.evaluation.statistics.intervals import RESAMPLES, resampled
from fastrain.evaluation.statistics.proportions import LEVEL, Interval, proportion_interval
from fastrain.evaluation.thresholds import STANDARD_POLICIES, ThresholdPolicy

FEW = 20  # clips; the APCER of a species with fewer is marked
PARTS = ("val", "test")
_Row = dict[str, Any]
_NO_LIMIT = "too many bona fide failures to acquire for any threshold to keep the limit"


def evaluate(
    table: ScoreTable,
    *,
    selection: str,
    fta: str = "count",
    policies: Sequence[ThresholdPolicy] = STANDARD_POLICIES,
    fusion: str = "mean",
    species: str = "attack_type",
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> dict[str, Any]:
    """Compute thresholds, metrics, species, counts and ROC curves of the parts val and test, at frame and clip level.

    `selection` names how the checkpoint was chosen; it is passed through, so that it stands beside every number. `fta`:
    `count` takes a clip without a usable frame as rejected at every threshold (right for an attack, an error for a bona
    fide clip; at frame level it is one sample), `exclude` leaves it out, as papers do. The non-response rates are
    those of the clips whatever `fta` is. `fusion` makes a clip's score of its frames'; `species` tells PAI species
    apart by `attack_type` or by `pai`.

    At clip level a metric, a species and a non-response have `low` and `high`, the ends of the 95 % interval over
    subjects, and its `rule` (`statistics.proportions.RULES`); what is read off the curve is resampled so many times
    (`resamples`; 0 = no interval at all; see `affordable`). `uncertainty` says how many subjects they rest on, and a
    species how many `people` where all of them are named. A threshold is held fixed. With intervals there are `groups`,
    `differentials` and `species_groups` of the test part's clips (`evaluation.breakdowns`), at the first threshold that
    needs none of their labels. `families` tells physical and digital attacks apart, where there are digital ones.

    The result is plain JSON: a number that does not exist is None and its row has a `reason`. Without part val the
    threshold of `source_eer` and all that rests on it are None. Threshold None with the reason "rejects everything"
    stands for +inf. Policies that look at the test part are not applied to val.

    Raises:
        UserError: no failure-to-acquire rule, fusion or kind of species has that name.
    """
    for what, given, known in (("rule for failures to acquire", fta, FTA_RULES), ("kind of species", species, SPECIES)):
        if given not in known:
            raise unknown_name(what, given, known)
    result: dict[str, Any] = {"selection": selection, "fta": fta, "fusion": fusion, "species_by": species}
    result |= {"thresholds": [], "metrics": [], "species": [], "families": [], "counts": [], "roc": {}}
    result |= {"uncertainty": {}}
    for level, scores in (("frame", table), ("clip", table.clips(fusion))):
        tables = {name: rows for name in PARTS if (rows := scores.part(name))}
        samples = {name: Samples.of(rows, fta, species) for name, rows in tables.items()}
        thresholds = {policy: _choose(policy, samples, level, tables) for policy in policies}
        result["thresholds"] += [row for row, _ in thresholds.values()]
        for part, those in samples.items():
            rated = _rows(those, part, level, thresholds)
            clusters = Clusters.of(_counted(tables[part], fta)) if level == "clip" and resamples else None
            if clusters:
                drawn = affordable(resamples, len(those.scores))
                _add_intervals(rated, those, clusters, drawn, seed)
                result["uncertainty"][part] = _uncertainty(clusters, drawn)
            result["metrics"] += [row for row, _, _ in rated]
            for policy, (_, threshold) in thresholds.items():
                if _applies(policy, part) and not np.isnan(threshold):
                    result["species"] += _species(those, part, level, policy, threshold, clusters)
                    where = {"part": part, "level": level, "threshold_policy": policy.name}
                    result["families"] += [{**where, **row} for row in apcer_by_family(those, threshold, clusters, FEW)]
            result["roc"][f"{part}/{level}"] = _curve(those)
        if level == "clip":
            for part, clips in tables.items():
                result["metrics"] += _non_response(clips, part, intervals=resamples > 0)
                result["counts"] += _counts(clips, part)
            if resamples and "test" in tables:
                result |= _broken_down(_counted(tables["test"], fta), thresholds, species)
    return result


def _choose(
    policy: ThresholdPolicy, samples: dict[str, Samples], level: str, tables: Mapping[str, ScoreTable]
) -> tuple[_Row, float]:
    """Return the row of the report and the threshold itself, NaN where there is none."""
    row = {"level": level, "policy": policy.name, "value": None, "from_part": policy.part}
    if policy.part and policy.part not in samples:
        return row | {"reason": f"there is no part {policy.part}"}, np.nan
    if policy.own_data and "test" in tables:
        datasets = [set(tables[part].frame["dataset"]) for part in (policy.part, "test")]
        if datasets[0] != datasets[1]:
            return row | {"reason": f"part {policy.part} is of other datasets than the test part"}, np.nan
    basis = samples.get(policy.part)
    if basis and basis.missing:
        return row | {"reason": f"{basis.missing} in part {policy.part}"}, np.nan
    nothing = np.zeros(0)
    value = policy.choose(basis.scores, basis.labels) if basis else policy.choose(nothing, nothing)
    if np.isnan(value):
        return row | {"reason": "no threshold keeps the limit"}, np.nan
    if np.isinf(value):
        return row | {"reason": "rejects everything" if value > 0 else "accepts everything"}, value
    return row | {"value": float(value)}, value


def _applies(policy: ThresholdPolicy, part: str) -> bool:
    return policy.part in ("", "val", part)


def _rows(
    samples: Samples, part: str, level: str, thresholds: Mapping[ThresholdPolicy, tuple[_Row, float]]
) -> list[tuple[_Row, Measured, float]]:
    """Return the metrics of a part, each with what computes it and the threshold it holds at."""
    rows = []
    for measure in (*FREE, BEST) if part == "test" else FREE:
        value = measure.plain(samples, np.nan)
        row = _metric(part, level, measure.name, value, measure.policy, samples.missing or _NO_LIMIT)
        rows.append((row, measure, np.nan))
    for policy, (about, threshold) in thresholds.items():
        if not _applies(policy, part):
            continue
        exists = not np.isnan(threshold)
        why = samples.missing if exists else about.get("reason", "")
        for measure in AT:
            value = measure.plain(samples, threshold) if exists else np.nan
            rows.append((_metric(part, level, measure.name, value, policy.name, why), measure, threshold))
    return rows


def _add_intervals(
    rows: Sequence[tuple[_Row, Measured, float]], samples: Samples, clusters: Clusters, resamples: int, seed: int
) -> None:
    defined = [entry for entry in rows if entry[0]["value"] is not None]
    drawn = resampled(
        samples,
        clusters,
        {str(number): measure.at(at) for number, (_, measure, at) in enumerate(defined) if measure.resampled},
        resamples=resamples,
        seed=seed,
    )
    for number, (row, measure, threshold) in enumerate(defined):
        _put(row, measure.interval([(samples, threshold)], clusters, drawn.get(str(number))))


def _put(row: _Row, interval: Interval) -> None:
    if not np.isnan(interval.low):
        row.update(low=interval.low, high=interval.high, rule=interval.rule)


def _counted(clips: ScoreTable, fta: str) -> Any:
    return clips.frame if fta == "count" else clips.frame[clips.frame["status"] == "ok"]


def _uncertainty(clusters: Clusters, resamples: int) -> _Row:
    return {
        "unit": clusters.level,
        "subjects": clusters.subjects,
        "clips_of_unknown_subject": clusters.unknown,
        "note": clusters.note(),
        "coverage": clusters.coverage(),
        "level": LEVEL,
        "resamples": resamples,
    }


def _species(
    samples: Samples, part: str, level: str, policy: ThresholdPolicy, threshold: float, clusters: Clusters | None
) -> list[_Row]:
    rows = []
    decided = Decided.at([(samples, threshold)], clusters) if clusters else None
    people = {} if clusters is None or clusters.unknown else {
        name: int(np.unique(clusters.unit[attacks]).size) for name, attacks in samples.kinds.items()
    }  # fmt: skip
    for name, rate in apcer_by_species(samples.scores, samples.labels, samples.species, threshold).items():
        row = {
            "part": part,
            "level": level,
            "species": name,
            "n": samples.attacks_of(name),
            "apcer": rate,
            "threshold_policy": policy.name,
            "few": samples.clips_of(name) < FEW,
            **({"people": people[name]} if people else {}),
        }
        if decided:
            _put(row, decided.apcer_of(name))
        rows.append(row)
    return rows


def _curve(samples: Samples) -> _Row:
    if samples.missing:
        return {"fpr": [], "tpr": [], "reason": samples.missing}
    fpr, tpr = Roc.of(samples.scores, samples.labels).thinned()
    return {"fpr": fpr.tolist(), "tpr": tpr.tolist()}


def _non_response(clips: ScoreTable, part: str, *, intervals: bool) -> list[_Row]:
    rows, unit = [], Clusters.of(clips.frame).unit
    lost = (clips.frame["status"] == "fta").to_numpy()
    for label in (BONAFIDE, ATTACK):
        of_label = (clips.frame["label"] == label).to_numpy()
        rate = float(lost[of_label].mean()) if of_label.any() else np.nan
        row = _metric(part, "clip", f"non_response_{label}", rate, "", f"no {label} clip")
        if intervals:
            _put(row, proportion_interval(lost[of_label], unit[of_label]))
        rows.append(row)
    return rows


def _broken_down(
    clips: Any, thresholds: Mapping[ThresholdPolicy, tuple[_Row, float]], species: str
) -> dict[str, list[_Row]]:
    """Return the rates of groups of the target's clips at the first threshold that knows nothing of their labels."""
    for policy, (_, threshold) in thresholds.items():
        if not policy.oracle and not np.isnan(threshold):
            tables = broken_down(clips, threshold, species)
            about = {"part": "test", "level": "clip", "threshold_policy": policy.name}
            return {name: [about | row for row in rows] for name, rows in tables.items()}
    return {}


def _counts(clips: ScoreTable, part: str) -> list[_Row]:
    rows = []
    for (dataset, label), those in clips.frame.groupby(["dataset", "label"], sort=False):
        subjects = those["subject"][those["subject"] != ""]
        rows.append(
            {
                "part": part,
                "dataset": dataset,
                "label": label,
                "clips": len(those),
                "frames": int(those["n_frames"].sum()),
                "subjects": int(subjects.nunique()),
                "fta_clips": int((those["status"] == "fta").sum()),
            }
        )
    return rows


def _metric(part: str, level: str, name: str, value: float, policy: str, why_none: str) -> _Row:
    row = {"part": part, "level": level, "metric": name, "value": None, "threshold_policy": policy}
    return row | ({"reason": why_none} if np.isnan(value) else {"value": float(value)})
