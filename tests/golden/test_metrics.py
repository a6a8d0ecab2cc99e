"""The reference repositories' metrics against numbers their own code gave (tests/golden/metrics/README.md)."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import pytest

from fasdata.errors import UserError
from fastrain.evaluation.metrics.reference import reference_point, spoof_rejection_at_live_rejection, variant
from tests.golden.location import golden_dir

RATE, THRESHOLD = 1e-12, 1e-9
HFN_GRID_CELLS = 100_000


@cache
def golden() -> dict[str, np.ndarray]:
    with np.load(golden_dir("metrics") / "metrics.npz", allow_pickle=False) as stored:
        return {name: stored[name] for name in stored.files}


def names(key: str) -> list[str]:
    return [str(name) for name in golden()[key]]


SETS = sorted({key.split("/")[0] for key in golden() if "/" in key})
in_every_set = pytest.mark.parametrize("number", SETS)


class Case:
    """One score set and what the reference made of it."""

    def __init__(self, number: str) -> None:
        self.number = number
        self.scores, self.labels, self.video = (self["scores"], self["labels"], self["video"])

    def __getitem__(self, key: str) -> np.ndarray:
        return golden()[f"{self.number}/{key}"]

    def error(self, key: str) -> str:
        return str(self[f"{key}_error"])


def same(got: float, expected: float, tolerance: float) -> bool:
    """NaN equals NaN, an infinity only itself."""
    if np.isnan(expected) or np.isinf(expected):
        return bool(np.isnan(got)) if np.isnan(expected) else got == expected
    return abs(got - expected) <= tolerance


def refuses_or_nan(compute: Any, expected: np.ndarray) -> bool:
    """Where the reference raised, the file holds NaN, and ours must not come up with a number."""
    assert np.isnan(expected).all()
    try:
        numbers = compute()
    except UserError:
        return True
    return bool(np.isnan(list(numbers.values())).all())


def test_the_file_holds_as_many_sets_as_it_says() -> None:
    assert len(SETS) == int(golden()["n_sets"]) > 0


@in_every_set
@pytest.mark.parametrize("level", ["frame", "video"])
def test_hfn(number: str, level: str) -> None:
    case, key = Case(number), f"hfn_{level}"
    video = case.video if level == "video" else None

    def compute() -> dict[str, float]:
        return variant("hfn")(case.scores, case.labels, threshold=0.5, video=video)

    if case.error(key):
        assert refuses_or_nan(compute, case[key]), case.error(key)
        return
    numbers, wanted = compute(), dict(zip(names("hfn_keys"), case[key], strict=True))
    assert set(numbers) == set(wanted)
    for name, expected in wanted.items():
        if name in ("EER_THR", "MIN_HTER_THR"):
            assert same_grid_threshold(numbers[name], expected, case, video), (name, numbers[name], expected)
        else:
            assert same(numbers[name], expected, THRESHOLD if name == "THR" else RATE), (name, numbers[name], expected)


def same_grid_threshold(got: float, expected: float, case: Case, video: np.ndarray | None) -> bool:
    """A grid value within rounding of a score may fall on either side of it: then the neighbour is right too."""
    if same(got, expected, THRESHOLD):
        return True
    scores = case.scores
    if video is not None:
        scores = np.array([case.scores[video == name].mean() for name in np.unique(video)])
    cell = (scores.max() - scores.min()) / HFN_GRID_CELLS
    on_a_score = min(np.abs(scores - got).min(), np.abs(scores - expected).min()) <= 1e-12
    return bool(on_a_score and abs(got - expected) <= cell + THRESHOLD)


@in_every_set
def test_gac(number: str) -> None:
    case = Case(number)

    def compute() -> dict[str, float]:
        return variant("gac")(case.scores, case.labels)

    if case.error("gac"):
        assert refuses_or_nan(compute, case["gac"]), case.error("gac")
        return
    numbers = compute()
    for name, expected in zip(names("gac_keys"), case["gac"], strict=True):
        assert same(numbers[name], expected, RATE), (name, numbers[name], expected)
    err, threshold, index = case["gac_err_threshold_index"]
    assert same(numbers["ERR"], err, RATE)
    assert same(numbers["EER_THR"], threshold, THRESHOLD)
    assert numbers["EER_INDEX"] == index


@in_every_set
def test_spoof_rejection_at_live_rejection(number: str) -> None:
    case = Case(number)
    thresholds, rejected = spoof_rejection_at_live_rejection(case.scores, case.labels)
    assert thresholds.shape == case["gac_livereject_thresholds"].shape
    np.testing.assert_allclose(thresholds, case["gac_livereject_thresholds"], rtol=0, atol=THRESHOLD)
    np.testing.assert_allclose(rejected, case["gac_spoof_rejected_at"], rtol=0, atol=RATE)


@in_every_set
def test_legacy(number: str) -> None:
    case = Case(number)

    def compute() -> dict[str, float]:
        return variant("legacy")(case.scores, case.labels)

    if case.error("legacy"):
        assert refuses_or_nan(compute, case["legacy_EER_thr_HTER_ACC"]), case.error("legacy")
        return
    numbers = compute()
    expected = dict(zip(("EER", "EER_THR", "HTER", "ACC"), case["legacy_EER_thr_HTER_ACC"], strict=True))
    for name, value in expected.items():
        assert same(numbers[name], value, THRESHOLD if name == "EER_THR" else RATE), (name, numbers[name], value)


def test_every_array_of_the_file_is_looked_at() -> None:
    looked_at = {
        "name", "scores", "labels", "video", "hfn_frame", "hfn_frame_error", "hfn_video", "hfn_video_error",
        "gac", "gac_error", "gac_err_threshold_index", "gac_livereject_thresholds", "gac_spoof_rejected_at",
        "legacy_EER_thr_HTER_ACC", "legacy_error",
    }  # fmt: skip
    assert {key.split("/")[1] for key in golden() if "/" in key} == looked_at
    assert {key for key in golden() if "/" not in key} == {"hfn_keys", "gac_keys", "n_sets"}


@in_every_set
@pytest.mark.parametrize(
    ("name", "stored", "rate"),
    [("hfn_min_hter", "hfn_frame", "MIN_HTER"), ("gac_eer_point", "gac", "HTER"), ("ssdg_eer", "legacy", "HTER")],
)
def test_the_point_a_repository_leads_with(number: str, name: str, stored: str, rate: str) -> None:
    case = Case(number)
    if stored == "legacy":
        if f"{number}/legacy_EER_thr_HTER_ACC" not in golden() or np.isnan(case["legacy_EER_thr_HTER_ACC"]).any():
            return
        expected = case["legacy_EER_thr_HTER_ACC"][2]
    else:
        if case.error(stored):
            return
        expected = case[stored][names(f"{stored}_keys" if stored == "gac" else "hfn_keys").index(rate)]
    both = 0 < np.sum(case["labels"]) < len(case["labels"])
    if not both:
        return  # their stand-ins for an empty class are those of the whole sets, tested above
    assert same(reference_point(name)(case["scores"], case["labels"]).hter, float(expected), RATE)


def test_at_half_a_score_of_exactly_half_is_an_attack() -> None:
    point = reference_point("mmdg_at_half")([0.5, 0.6, 0.5, 0.500001], [1, 1, 0, 0])
    assert (point.frr, point.far) == (0.5, 0.5)
    with pytest.raises(UserError, match="did you mean 'ssdg_eer'"):
        reference_point("ssdg_er")
