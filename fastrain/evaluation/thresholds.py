"""Where a threshold comes from, as named policies: a number without its policy means nothing."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from fasdata.door import Code, named_code, names_code, offers
from fasdata.errors import UserError, unknown_name

if TYPE_CHECKING:
    import numpy as np

    from fastrain.evaluation.scores import ScoreTable

# Policies that take a number, written `fixed(0.5)` and `source_bpcer(0.05)`.
FIXED, SOURCE_BPCER = "fixed", "source_bpcer"

# The reference repositories' own, named as the functions of `fastrain.evaluation.metrics.reference`.
HFN_MIN_HTER, SSDG_EER, GAC_EER_POINT, MMDG_AT_HALF = "hfn_min_hter", "ssdg_eer", "gac_eer_point", "mmdg_at_half"
MMDG_EER_POINT = "mmdg_eer_point"
REFERENCE = (HFN_MIN_HTER, SSDG_EER, GAC_EER_POINT, MMDG_AT_HALF, MMDG_EER_POINT)

_ORACLE = "(oracle)"  # marks, in a policy's name, that it looks at the labels it is judged on


@dataclass(frozen=True)
class ThresholdPolicy:
    """`choose(scores, labels)` looks at the samples of `part` only; an empty `part` = no data are needed.

    `oracle`: the threshold is chosen on the very samples it is judged on, which no deployment could do. `own_data`: it
    only applies where `part` is of the datasets that it is judged on, as the development set of a single dataset is.

    >>> SOURCE_EER.choose([0.9, 0.7, 0.3, 0.1], [1, 1, 0, 0])
    0.5
    """

    name: str
    part: str
    oracle: bool
    choose: Callable[[np.ndarray, np.ndarray], float]
    own_data: bool = False


def _eer(scores: np.ndarray, labels: np.ndarray) -> float:
    from fastrain.evaluation.metrics.curve import eer

    return eer(scores, labels).threshold


def _min_hter(scores: np.ndarray, labels: np.ndarray) -> float:
    from fastrain.evaluation.metrics.curve import min_hter

    return min_hter(scores, labels).threshold


def _cdcn_dev(scores: np.ndarray, labels: np.ndarray) -> float:
    from fastrain.evaluation.metrics.development import cdcn_dev

    return cdcn_dev(scores, labels)


def _cdcn_point(scores: np.ndarray, labels: np.ndarray) -> float:
    from fastrain.evaluation.metrics.development import cdcn_point

    return cdcn_point(scores, labels).threshold


def fixed(value: float) -> ThresholdPolicy:
    """Return the policy of a threshold given beforehand."""
    return ThresholdPolicy(f"{FIXED}({value:g})", "", False, lambda scores, labels: value)


def source_bpcer(limit: float) -> ThresholdPolicy:
    """Return the policy that rejects at most `limit` of the held-out bona fide samples of the sources."""

    def choose(scores: np.ndarray, labels: np.ndarray) -> float:
        from fastrain.evaluation.metrics.curve import apcer_at_bpcer

        return apcer_at_bpcer(scores, labels, ["any"] * len(labels), limit).threshold

    return ThresholdPolicy(f"{SOURCE_BPCER}({limit:g})", "val", False, choose)


SOURCE_EER = ThresholdPolicy("source_eer", "val", False, _eer)
DEV_EER = ThresholdPolicy("dev_eer", "val", False, _eer, own_data=True)
TARGET_EER = ThresholdPolicy(f"target_eer {_ORACLE}", "test", True, _eer)
TARGET_MIN_HTER = ThresholdPolicy(f"target_min_hter {_ORACLE}", "test", True, _min_hter)
# CDCN's own: of the development set of a protocol inside a dataset, and of the test set between datasets.
CDCN_DEV = ThresholdPolicy("cdcn_dev", "val", False, _cdcn_dev, own_data=True)
CDCN_POINT = ThresholdPolicy(f"cdcn_point {_ORACLE}", "test", True, _cdcn_point)

# What a report shows side by side: the deployable line first, then what papers print.
STANDARD_POLICIES = (SOURCE_EER, fixed(0.5), TARGET_EER, TARGET_MIN_HTER)


NAMED = {
    policy.name.replace(_ORACLE, "").strip(): policy
    for policy in (SOURCE_EER, DEV_EER, TARGET_EER, TARGET_MIN_HTER, CDCN_DEV, CDCN_POINT)
}


def reference_policy(name: str) -> ThresholdPolicy:
    """Return the policy by which a reference repository takes its threshold; `name` is one of `REFERENCE`.

    All but `mmdg_at_half`, which is a constant, look at the samples that they are judged on.

    Raises:
        UserError: no repository's point has that name.
    """
    from fastrain.evaluation.metrics.reference import reference_point

    point = reference_point(name)
    if name == MMDG_AT_HALF:
        return ThresholdPolicy(name, "", False, lambda scores, labels: point([0.0, 1.0], [0, 1]).threshold)
    return ThresholdPolicy(f"{name} {_ORACLE}", "test", True, lambda scores, labels: point(scores, labels).threshold)


def named_policy(text: str) -> ThresholdPolicy:
    """Return the policy of a name as it is printed; "(oracle)" may be left out.

    Raises:
        UserError: there is none of that name, or its number is missing or no rate.

    >>> named_policy("target_eer").name, named_policy("source_bpcer(0.05)").part
    ('target_eer (oracle)', 'val')
    """
    name = _bare(text)
    if name in NAMED:
        return NAMED[name]
    if text in _own:
        return _own[text]
    if name in REFERENCE:
        return reference_policy(name)
    match = re.fullmatch(rf"({FIXED}|{SOURCE_BPCER})\((-?\d*\.?\d+(?:e-?\d+)?)\)", name)
    if match and match[1] == FIXED:
        return fixed(float(match[2]))
    if match and 0 <= float(match[2]) <= 1:
        return source_bpcer(float(match[2]))
    raise unknown_name("threshold policy", text, policy_names())


# -- Policies from outside ---------------------------------------------------------------------------------------------

GROUP = "fastrain.thresholds"
"""The entry point under which an installed package offers policies."""
_own: dict[str, ThresholdPolicy] = {}
_code: dict[str, Code] = {}
_SAFE_NAME = re.compile(r"[a-z][a-z0-9_]{0,39}(\([a-z0-9_.=,-]{1,40}\))?")


def name_policy(text: str) -> Code | None:
    """Import the policy that the user names, unless `text` is of ours: a `ThresholdPolicy`, by file, module or package.

    From then on `named_policy` knows it by that text. Returns the code that was imported, None where it is ours.

    Raises:
        UserError: it cannot be imported, is no policy, or has a name that would mislead.
    """
    if not names_code(text) and text not in [offer.name for offer in offers(GROUP)]:
        return None
    policy, code = named_code(text, GROUP, "threshold policy")
    if not isinstance(policy, ThresholdPolicy):
        raise UserError(f"{text} is no threshold policy", expected="a ThresholdPolicy, of this module")
    if not _SAFE_NAME.fullmatch(_bare(policy.name)) or _bare(policy.name) in policy_names():
        raise UserError(f"{text} cannot be called {policy.name!r}", expected="a name of its own, in small letters")
    if (policy.part == "test") != policy.oracle or policy.oracle != policy.name.endswith(_ORACLE):
        raise UserError(
            f"{text} does not say whether it looks at the labels it is judged on",
            expected=f"oracle=True, and a name that ends in {_ORACLE}, for the part test, and for no other",
        )
    _own[text] = policy
    _code[text] = code
    return code


def code_of_policies(texts: Iterable[str]) -> list[dict[str, Any]]:
    """Return what results keep of the code of the policies that were named from outside: JSON values."""
    named = [(_own[text].name, _code[text]) for text in texts if text in _own]
    return [{"what": "threshold policy", "name": name, **code.facts()} for name, code in named]


def policy_names() -> list[str]:
    """Return the name of every policy, as `named_policy` takes it; those with a number carry an example."""
    return [*NAMED, fixed(0.5).name, source_bpcer(0.05).name, *REFERENCE]


def is_oracle(name: str) -> bool:
    """Tell whether a policy of thresholds or of checkpoints says by its name that it looks at the target's labels.

    >>> is_oracle("target_eer (oracle)"), is_oracle("target_oracle(auc)"), is_oracle("source_eer")
    (True, True, False)
    """
    return "oracle" in name


def _bare(name: str) -> str:
    return name.replace(_ORACLE, "").strip()


def held_out_threshold(scores: ScoreTable, policy: ThresholdPolicy = SOURCE_EER, fta: str = "count") -> float:
    """Return the clip-level threshold that `policy` takes from its part of a run's scores, or has without looking.

    NaN where that part was not scored or holds one label only.
    """
    import numpy as np

    from fastrain.evaluation.scores import Samples

    if not policy.part:
        return policy.choose(np.zeros(0), np.zeros(0))
    held_out = scores.clips().part(policy.part)
    basis = Samples.of(held_out, fta) if held_out else None
    return math.nan if basis is None or basis.missing else policy.choose(basis.scores, basis.labels)
