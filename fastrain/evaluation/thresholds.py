"""Where a threshold comes from, as named policies: a number without its policy means nothing."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from fasdata.errors import unknown_name
from fastrain.evaluation.scores import Samples, ScoreTable

if TYPE_CHECKING:
    import numpy as np


# -- Where a threshold comes from, as named objects: a number without its policy means nothing ------------------------


@dataclass(frozen=True)
class ThresholdPolicy:
    """`choose(scores, labels)` looks at the samples of `part` only; an empty `part` = no data are needed.

    `oracle`: the threshold is chosen on the very samples it is judged on, which no deployment could do. `own_data`: it
    only applies where `part` is of the datasets that it is judged on, as the development set of a single dataset is.
    """

    name: str
    part: str
    oracle: bool
    choose: Callable[[np.ndarray, np.ndarray], float]
    own_data: bool = False


def fixed(value: float) -> ThresholdPolicy:
    """Return the policy of a threshold known beforehand."""
    return ThresholdPolicy(f"fixed({value:g})", "", False, lambda scores, labels: value)


def source_bpcer(limit: float) -> ThresholdPolicy:
    """Return the policy that rejects at most `limit` of the held-out bona fide samples of the sources."""

    def choose(scores: np.ndarray, labels: np.ndarray) -> float:
        from fastrain.evaluation.metrics.curve import apcer_at_bpcer

        return apcer_at_bpcer(scores, labels, ["any"] * len(labels), limit).threshold

    return ThresholdPolicy(f"source_bpcer({limit:g})", "val", False, choose)


def reference_policy(name: str) -> ThresholdPolicy:
    """Return the policy by which a reference repository takes its threshold: `hfn_min_hter`, `ssdg_eer`, …

    All but `mmdg_at_half`, which is a constant, look at the samples that they are judged on.

    Raises:
        UserError: no repository's point has that name.
    """
    from fastrain.evaluation.metrics.reference import reference_point

    point = reference_point(name)
    if name == "mmdg_at_half":
        return ThresholdPolicy(name, "", False, lambda scores, labels: point([0.0, 1.0], [0, 1]).threshold)
    return ThresholdPolicy(f"{name} (oracle)", "test", True, lambda scores, labels: point(scores, labels).threshold)


def named_policy(text: str) -> ThresholdPolicy:
    """Return the policy of a name as it is printed; "(oracle)" may be left out.

    Raises:
        UserError: there is none of that name, or its number is missing or no rate.
    """
    name = text.replace("(oracle)", "").strip()
    for policy in (SOURCE_EER, DEV_EER, TARGET_EER, TARGET_MIN_HTER):
        if name == policy.name.replace("(oracle)", "").strip():
            return policy
    if name in REFERENCE:
        return reference_policy(name)
    found = re.fullmatch(r"(fixed|source_bpcer)\((-?\d*\.?\d+(?:e-?\d+)?)\)", name)
    if found and (found[1] == "fixed" or 0 <= float(found[2]) <= 1):
        return {"fixed": fixed, "source_bpcer": source_bpcer}[found[1]](float(found[2]))
    known = ("source_eer", "dev_eer", "target_eer", "target_min_hter", "fixed(0.5)", "source_bpcer(0.05)")
    raise unknown_name("threshold policy", text, (*known, *REFERENCE))


def _eer(scores: np.ndarray, labels: np.ndarray) -> float:
    from fastrain.evaluation.metrics.curve import eer

    return eer(scores, labels).threshold


def _min_hter(scores: np.ndarray, labels: np.ndarray) -> float:
    from fastrain.evaluation.metrics.curve import min_hter

    return min_hter(scores, labels).threshold


SOURCE_EER = ThresholdPolicy("source_eer", "val", False, _eer)
DEV_EER = ThresholdPolicy("dev_eer", "val", False, _eer, own_data=True)
TARGET_EER = ThresholdPolicy("target_eer (oracle)", "test", True, _eer)
TARGET_MIN_HTER = ThresholdPolicy("target_min_hter (oracle)", "test", True, _min_hter)

# How the reference repositories take theirs, by name; see `fastrain.evaluation.metrics.reference`.
REFERENCE = ("hfn_min_hter", "ssdg_eer", "gac_eer_point", "mmdg_at_half")

# What a report shows side by side: the deployable line first, then what papers print.
STANDARD_POLICIES = (SOURCE_EER, fixed(0.5), TARGET_EER, TARGET_MIN_HTER)


# -- The threshold that a run's held-out clips give, for whoever judges other clips by it -----------------------------


def held_out_threshold(scores: ScoreTable, policy: ThresholdPolicy = SOURCE_EER, fta: str = "count") -> float:
    """Return the clip-level threshold that `policy` takes from its part of a run's scores.

    NaN where that part was not scored or holds one label only.
    """
    held_out = scores.clips().part(policy.part)
    basis = Samples.of(held_out, fta) if held_out else None
    return math.nan if basis is None or basis.missing else policy.choose(basis.scores, basis.labels)
