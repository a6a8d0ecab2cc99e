"""Compute everything a report prints from a score table alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from fasdata.errors import unknown_name
from fasdata.records import ATTACK, BONAFIDE
from fastrain.evaluation.breakdowns import broken_down
from fastrain.evaluation.families import apcer_by_family
from fastrain.evaluation.measures import AT, BEST, FREE
from fastrain.evaluation.metrics.curve import Roc
from fastrain.evaluation.metrics.rates import apcer_by_species
from fastrain.evaluation.row_intervals import NON_RESPONSE, JudgedPart, add_intervals
from fastrain.evaluation.scores import FTA_RULES, SPECIES, Samples, ScoreTable
from fastrain.evaluation.statistics.intervals import RESAMPLES
from fastrain.evaluation.thresholds import STANDARD_POLICIES, ThresholdPolicy, is_oracle

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

    A metric, a species and a non-response have `low` and `high`, the ends of the 95 % interval over subjects, and its
    `rule` (`statistics.proportions.RULES`); what is read off the curve is resampled so many times (`resamples`; 0 = no
    interval at all; see `affordable`; at frame level at most `FRAME_RESAMPLES`). `uncertainty` says how many subjects
    they rest on, and a species how many `people` where all of them are named. A threshold is held fixed. With intervals
    there are `groups`, `differentials` and `species_groups` of the test part's clips (`evaluation.breakdowns`), at the
    first threshold that needs none of their labels. `families` tells physical and digital attacks apart, where there
    are digital ones.

    The result is plain JSON: a number that does not exist is None and its row has a `reason`. Without part val the
    threshold of `source_eer` and all that rests on it are None. Threshold None with the reason "rejects everything"
    stands for +inf. Policies that look at the test part are not applied to val.

    Raises:
        UserError: no failure-to-acquire rule, fusion or kind of species has that name.
    """
    result, judged = judge(table, selection, fta, policies, fusion, species)
    if resamples:
        add_intervals(result, [judged], resamples=resamples, seed=seed)
        result |= groups_of(judged, species)
    return result


def judge(
    table: ScoreTable,
    selection: str,
    fta: str = "count",
    policies: Sequence[ThresholdPolicy] = STANDARD_POLICIES,
    fusion: str = "mean",
    species: str = "attack_type",
) -> tuple[dict[str, Any], list[JudgedPart]]:
    """Compute what `evaluate` does, without intervals, and return with it what an interval is computed of."""
    for what, given, known in (("rule for failures to acquire", fta, FTA_RULES), ("kind of species", species, SPECIES)):
        if given not in known:
            raise unknown_name(what, given, known)
    result: dict[str, Any] = {"selection": selection, "fta": fta, "fusion": fusion, "species_by": species}
    result |= {"thresholds": [], "metrics": [], "species": [], "families": [], "counts": [], "roc": {}}
    result |= {"uncertainty": {}}
    judged = []
    for level, scores in (("frame", table), ("clip", table.clips(fusion))):
        tables = {name: rows for name in PARTS if (rows := scores.part(name))}
        samples = {name: Samples.of(rows, fta, species) for name, rows in tables.items()}
        thresholds = {policy: _choose(policy, samples, level, tables) for policy in policies}
        result["thresholds"] += [row for row, _ in thresholds.values()]
        for part, those in samples.items():
            result["metrics"] += _rows(those, part, level, thresholds)
            for policy, (_, threshold) in thresholds.items():
                if _applies(policy, part) and not np.isnan(threshold):
                    result["species"] += _species(those, part, level, policy, threshold)
                    where = {"part": part, "level": level, "threshold_policy": policy.name}
                    result["families"] += [{**where, **row} for row in apcer_by_family(those, threshold, FEW)]
            result["roc"][f"{part}/{level}"] = _curve(those)
            named = {policy.name: threshold for policy, (_, threshold) in thresholds.items()}
            judged.append(JudgedPart(part, level, tables[part], those, named))
        if level == "clip":
            for part, clips in tables.items():
                result["metrics"] += _non_response(clips, part)
                result["counts"] += _counts(clips, part)
    return result, judged


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
) -> list[_Row]:
    """Return the metrics of a part, those free of a threshold first."""
    rows = []
    for measure in (*FREE, BEST) if part == "test" else FREE:
        value = measure.plain(samples, np.nan)
        rows.append(_metric(part, level, measure.name, value, measure.policy, samples.missing or _NO_LIMIT))
    for policy, (about, threshold) in thresholds.items():
        if not _applies(policy, part):
            continue
        exists = not np.isnan(threshold)
        why = samples.missing if exists else about.get("reason", "")
        for measure in AT:
            value = measure.plain(samples, threshold) if exists else np.nan
            rows.append(_metric(part, level, measure.name, value, policy.name, why))
    return rows


def _species(samples: Samples, part: str, level: str, policy: ThresholdPolicy, threshold: float) -> list[_Row]:
    return [
        {
            "part": part,
            "level": level,
            "species": name,
            "n": samples.attacks_of(name),
            "apcer": rate,
            "threshold_policy": policy.name,
            "few": samples.clips_of(name) < FEW,
        }
        for name, rate in apcer_by_species(samples.scores, samples.labels, samples.species, threshold).items()
    ]


def _curve(samples: Samples) -> _Row:
    if samples.missing:
        return {"fpr": [], "tpr": [], "reason": samples.missing}
    fpr, tpr = Roc.of(samples.scores, samples.labels).thinned()
    return {"fpr": fpr.tolist(), "tpr": tpr.tolist()}


def _non_response(clips: ScoreTable, part: str) -> list[_Row]:
    rows = []
    lost = (clips.frame["status"] == "fta").to_numpy()
    for label in (BONAFIDE, ATTACK):
        of_label = (clips.frame["label"] == label).to_numpy()
        rate = float(lost[of_label].mean()) if of_label.any() else np.nan
        rows.append(_metric(part, "clip", NON_RESPONSE + label, rate, "", f"no {label} clip"))
    return rows


def groups_of(judged: Sequence[JudgedPart], species: str) -> dict[str, list[_Row]]:
    """Return the rates of groups of the target's clips at the first threshold that knows nothing of their labels."""
    clips = next((of for of in judged if (of.part, of.level) == ("test", "clip")), None)
    for policy, threshold in (clips.thresholds if clips else {}).items():
        if clips and not is_oracle(policy) and not np.isnan(threshold):
            tables = broken_down(clips.counted, threshold, species)
            about = {"part": "test", "level": "clip", "threshold_policy": policy}
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
