from __future__ import annotations

import math

import numpy as np
import pytest

from fasdata.errors import UserError
from fastrain.evaluation.metrics.reference import POINTS, reference_point
from fastrain.evaluation.scores import ScoreTable
from fastrain.evaluation.thresholds import (
    NAMED,
    REFERENCE,
    SOURCE_EER,
    STANDARD_POLICIES,
    TARGET_EER,
    TARGET_MIN_HTER,
    code_of_policies,
    fixed,
    held_out_threshold,
    is_oracle,
    name_policy,
    named_policy,
)
from tests.fastrain.evaluation.tables import twelve

SCORES, LABELS = np.array([0.1, 0.2, 0.3, 0.6, 0.5, 0.7]), np.array([0, 0, 0, 0, 1, 1])


def test_names_say_what_they_are() -> None:
    assert [p.name for p in STANDARD_POLICIES] == [
        "source_eer", "fixed(0.5)", "target_eer (oracle)", "target_min_hter (oracle)",
    ]  # fmt: skip
    for policy in STANDARD_POLICIES:
        assert policy.oracle == is_oracle(policy.name) == (policy.part == "test")
    assert is_oracle("target_oracle(auc)") and not is_oracle("mean_last_10")  # so do policies of checkpoints


def test_each_takes_its_own_point() -> None:
    # Down from above: at 0.6 FAR 1/4, FRR 1/2 (gap 1/4); at 0.5 FAR 1/4, FRR 0 (gap 1/4, lower HTER); below, FAR grows.
    assert TARGET_EER.choose(SCORES, LABELS) == SOURCE_EER.choose(SCORES, LABELS) == 0.4
    assert TARGET_MIN_HTER.choose(SCORES, LABELS) == 0.4
    assert fixed(0.25).choose(SCORES, LABELS) == 0.25
    assert fixed(0.25).name == "fixed(0.25)"


def test_eer_and_min_hter_can_disagree() -> None:
    scores, labels = np.array([0.9, 0.9, 0.9, 0.1, 0.5, 0.05, 0.04, 0.03]), np.array([1, 1, 1, 1, 0, 0, 0, 0])
    # At 0.9: FAR 0, FRR 1/4 (gap 1/4, HTER 1/8); at 0.5: FAR 1/4, FRR 1/4 (gap 0, HTER 1/4).
    assert TARGET_EER.choose(scores, labels) == (0.5 + 0.1) / 2
    assert TARGET_MIN_HTER.choose(scores, labels) == (0.9 + 0.5) / 2


@pytest.mark.parametrize("name", REFERENCE)
def test_a_repository_s_own_point_is_a_policy_that_gives_its_error_rates(name: str) -> None:
    rng = np.random.default_rng(1)
    labels = np.arange(200) % 2
    scores = np.clip(rng.normal(0.4 + 0.2 * labels, 0.2), 0.01, 0.99)
    policy, point = named_policy(name), reference_point(name)(scores, labels)
    threshold = policy.choose(scores, labels)
    assert (scores[labels == 0] >= threshold).mean() == pytest.approx(point.far)
    assert (scores[labels == 1] < threshold).mean() == pytest.approx(point.frr)
    assert policy.oracle == (policy.part == "test") == is_oracle(policy.name)


def test_every_reference_point_has_its_policy() -> None:
    assert tuple(POINTS) == REFERENCE
    # Exactly a half is an attack to mmdg's code, and bona fide to ours.
    assert named_policy("mmdg_at_half").choose(SCORES, LABELS) > 0.5 == fixed(0.5).choose(SCORES, LABELS)


OWN = """
from fastrain.evaluation.thresholds import ThresholdPolicy
median = ThresholdPolicy("median", "val", False, lambda scores, labels: sorted(scores)[len(scores) // 2])
sly = ThresholdPolicy("sly", "test", True, lambda scores, labels: 0.5)
taken = ThresholdPolicy("source_eer", "val", False, lambda scores, labels: 0.5)
number = 0.5
"""


def test_a_policy_of_ones_own_is_known_once_it_was_named(tmp_path):
    file = tmp_path / "own.py"
    file.write_text(OWN)
    with pytest.raises(UserError, match="unknown threshold policy"):
        named_policy(f"{file}:median")  # text alone, as of a file, imports nothing
    code = name_policy(f"{file}:median")
    assert code is not None and code.files.keys() == {"own.py"}
    assert named_policy(f"{file}:median").choose([0.1, 0.7, 0.3], [0, 1, 0]) == 0.3
    assert name_policy("source_eer") is None


@pytest.mark.parametrize(
    ("name", "words"),
    [("sly", "does not say whether it looks"), ("taken", "a name of its own"), ("number", "no threshold policy")],
)
def test_a_policy_that_would_mislead_is_refused(tmp_path, name, words):
    file = tmp_path / "own.py"
    file.write_text(OWN)
    with pytest.raises(UserError, match=words):
        name_policy(f"{file}:{name}")


def test_the_threshold_of_the_held_out_sources_is_theirs_or_no_number() -> None:
    table = twelve()
    val = table.clips().part("val")
    assert val is not None
    chosen = SOURCE_EER.choose(val.frame["score"].to_numpy(), (val.frame["label"] == "bonafide").to_numpy(int))
    assert held_out_threshold(table) == chosen and 0.4 <= chosen <= 0.6
    tested = ScoreTable(table.frame[table.frame["part"] == "test"])
    assert math.isnan(held_out_threshold(tested))
    lone = ScoreTable(table.frame[(table.frame["part"] == "test") | (table.frame["label"] == "bonafide")])
    assert math.isnan(held_out_threshold(lone))


def test_what_looks_at_the_labels_it_is_judged_on_says_so() -> None:
    for policy in NAMED.values():
        assert policy.oracle == (policy.part == "test")
    assert named_policy("source_bpcer(1)").name == "source_bpcer(1)" and named_policy("source_bpcer(0)").part == "val"
    assert code_of_policies(["source_eer", "fixed(0.5)"]) == []
