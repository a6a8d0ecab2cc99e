"""Everything a report prints, computed from a score table alone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from fasdata.errors import unknown_name
from fasdata.records import ATTACK, BONAFIDE
from fastrain.evaluation.metrics.acer import acer_max, acer_pooled
from fastrain.evaluation.metrics.apcer import apcer_by_species, apcer_max
from fastrain.evaluation.metrics.auc import auc
from fastrain.evaluation.metrics.bpcer import bpcer
from fastrain.evaluation.metrics.eer import eer
from fastrain.evaluation.metrics.hter import hter
from fastrain.evaluation.metrics.min_hter import min_hter
from fastrain.evaluation.metrics.roc import Roc
from fastrain.evaluation.metrics.tpr_at_fpr import tpr_at_fpr
from fastrain.evaluation.samples import FTA_RULES, Samples
from fastrain.evaluation.scores import ScoreTable
from fastrain.evaluation.thresholds import STANDARD_POLICIES, TARGET_MIN_HTER, ThresholdPolicy

FEW = 20  # a species with fewer clips than this says little
PARTS = ("val", "test")
_Row = dict[str, Any]


def evaluate(
    table: ScoreTable,
    *,
    selection: str,
    fta: str = "count",
    policies: Sequence[ThresholdPolicy] = STANDARD_POLICIES,
) -> dict[str, Any]:
    """Return thresholds, metrics, species, counts and ROC curves of the parts val and test, frame and clip level.

    `selection` names how the checkpoint was chosen; it is passed through, so that it stands beside every number. `fta`:
    `count` takes a clip without a usable frame as rejected at every threshold (right for an attack, an error for a bona
    fide clip; at frame level it is one sample), `exclude` leaves it out, as papers do. The non-response rates are
    those of the clips whatever `fta` is.

    The result is plain JSON: a number that does not exist is None and its row has a `reason`. Without part val the
    threshold of `source_eer` and all that rests on it are None. Threshold None with the reason "rejects everything"
    stands for +inf. Policies that look at the test part are not applied to val.

    Raises:
        UserError: no failure-to-acquire rule is called `fta`.
    """
    if fta not in FTA_RULES:
        raise unknown_name("rule for failures to acquire", fta, FTA_RULES)
    result: dict[str, Any] = {"selection": selection, "fta": fta}
    result |= {"thresholds": [], "metrics": [], "species": [], "counts": [], "roc": {}}
    for level, whole in (("frame", table), ("clip", table.clips())):
        present = {name: found for name in PARTS if (found := whole.part(name))}
        samples = {name: Samples.of(found, fta) for name, found in present.items()}
        chosen = [_choose(policy, samples, level) for policy in policies]
        result["thresholds"] += [row for row, _ in chosen]
        for part, those in samples.items():
            result["metrics"] += _free_of_threshold(those, part, level)
            for policy, (row, value) in zip(policies, chosen, strict=True):
                if policy.part in ("", "val", part):
                    metrics, species = _at(those, part, level, policy, value, row.get("reason", ""))
                    result["metrics"] += metrics
                    result["species"] += species
            result["roc"][f"{part}/{level}"] = _curve(those)
        if level == "clip":
            for part, clips in present.items():
                result["metrics"] += _non_response(clips, part)
                result["counts"] += _counts(clips, part)
    return result


def _choose(policy: ThresholdPolicy, samples: dict[str, Samples], level: str) -> tuple[_Row, float]:
    """Return the row of the report and the threshold itself, NaN where there is none."""
    row = {"level": level, "policy": policy.name, "value": None, "from_part": policy.part}
    if policy.part and policy.part not in samples:
        return row | {"reason": f"there is no part {policy.part}"}, np.nan
    basis = samples.get(policy.part)
    if basis and basis.missing:
        return row | {"reason": f"{basis.missing} in part {policy.part}"}, np.nan
    nothing = np.zeros(0)
    value = policy.choose(basis.scores, basis.labels) if basis else policy.choose(nothing, nothing)
    if np.isinf(value):
        return row | {"reason": "rejects everything"}, value
    return row | {"value": float(value)}, value


def _free_of_threshold(samples: Samples, part: str, level: str) -> list[_Row]:
    scores, labels = samples.scores, samples.labels
    numbers = {
        "auc": auc(scores, labels),
        "eer": eer(scores, labels).hter,
        "tpr_at_fpr_5": tpr_at_fpr(scores, labels, 0.05),
    }
    rows = [_metric(part, level, name, value, "", samples.missing) for name, value in numbers.items()]
    if part == TARGET_MIN_HTER.part:
        best = min_hter(scores, labels).hter
        rows.append(_metric(part, level, "min_hter", best, TARGET_MIN_HTER.name, samples.missing))
    return rows


def _at(
    samples: Samples, part: str, level: str, policy: ThresholdPolicy, threshold: float, why_none: str
) -> tuple[list[_Row], list[_Row]]:
    scores, labels, species = samples.scores, samples.labels, samples.species
    names = ("hter", "apcer", "bpcer", "acer_max", "acer_pooled")
    if np.isnan(threshold):
        return [_metric(part, level, name, np.nan, policy.name, why_none) for name in names], []
    values = (
        hter(scores, labels, threshold),
        apcer_max(scores, labels, species, threshold),
        bpcer(scores, labels, threshold),
        acer_max(scores, labels, species, threshold),
        acer_pooled(scores, labels, threshold),
    )
    metrics = [
        _metric(part, level, name, value, policy.name, samples.missing)
        for name, value in zip(names, values, strict=True)
    ]
    rates = apcer_by_species(scores, labels, species, threshold)
    rows = [
        {
            "part": part,
            "level": level,
            "species": name,
            "n": samples.attacks_of(name),
            "apcer": rate,
            "threshold_policy": policy.name,
            "few": samples.clips_of(name) < FEW,
        }
        for name, rate in rates.items()
    ]
    return metrics, rows


def _curve(samples: Samples) -> _Row:
    if samples.missing:
        return {"fpr": [], "tpr": [], "reason": samples.missing}
    fpr, tpr = Roc.of(samples.scores, samples.labels).thinned()
    return {"fpr": fpr.tolist(), "tpr": tpr.tolist()}


def _non_response(clips: ScoreTable, part: str) -> list[_Row]:
    rows = []
    for label in (BONAFIDE, ATTACK):
        status = clips.frame["status"][clips.frame["label"] == label]
        rate = float((status == "fta").mean()) if len(status) else np.nan
        rows.append(_metric(part, "clip", f"non_response_{label}", rate, "", f"no {label} clip"))
    return rows


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
