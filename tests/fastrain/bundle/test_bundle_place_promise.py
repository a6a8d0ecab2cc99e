"""The promise of a calibration holds for unseen people of the rendered world, whose scores were kept once."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from benchmarks.place_promise import SHOWN, drawn, few, kept, pictures_of, rate, threshold_of
from fastrain.evaluation.place_threshold import Promise
from tests.fastrain.bundle.small import small_bundle

KEPT = Path(__file__).with_name("rendered_place.npy")
"""float32 (people, pictures): what `benchmarks/place_promise.py --array` kept of a `small_bundle`, NaN: no face."""


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return small_bundle(tmp_path_factory.mktemp("small") / "small.fasb", threshold=0.4)


@pytest.fixture(scope="module")
def table() -> pd.DataFrame:
    scores = np.load(KEPT, allow_pickle=False)
    rows = [
        (f"p{person:05d}-{kind}-{take}", f"p{person:05d}", kind if kind == "bonafide" else "attack",
         kind.split("-")[0], float(scores[person, place]))
        for person in range(len(scores))
        for place, (kind, take) in enumerate(SHOWN)
    ]  # fmt: skip
    return pd.DataFrame(rows, columns=["clip_id", "subject", "label", "attack_type", "score"])


def test_the_scores_that_were_kept_are_those_of_rendered_pictures(bundle, table):
    rows = [row for (row,) in pictures_of(range(2), (bundle,))]
    again = pd.DataFrame(rows).merge(table, on=["clip_id", "subject", "label", "attack_type"], suffixes=("", "_kept"))
    assert len(again) == 2 * len(SHOWN)
    assert np.allclose(again["score"], again["score_kept"], atol=1e-5)


@pytest.mark.parametrize("policy", ["bpcer<=0.1", "apcer<=0.1"])
def test_the_threshold_keeps_its_promise_on_unseen_people_in_ninety_of_a_hundred_repetitions(table, policy):
    """Repetitions draw 30 of 740 people by their seeds: two of them share one or two, and are nearly independent."""
    promise, number = Promise.parse(policy), table["subject"].str[1:].astype(int)
    world = int(number.max()) + 1
    rates = []
    for draw in drawn(world, 100, 30):
        own = number.isin(draw)
        threshold = threshold_of(table[own], promise)
        assert threshold is not None and table[own]["subject"].nunique() == 30
        rates.append(rate(table[~own], promise, threshold))
    assert world == 740
    assert sum(value <= promise.limit for value in rates) >= 90
    assert max(rates) > 0.02  # no threshold that rejects nobody, or everybody


def test_what_the_benchmark_prints_is_of_bundles_that_calibrate_wrote_and_five_people_are_refused(bundle, table):
    draws = drawn(int(table["subject"].nunique()), 1, 30)
    assert "held in 1 of 1" in kept(bundle, table, Promise.parse("bpcer<=0.1"), draws)
    assert "5 people with bona fide presentations can promise nothing" in few(bundle, table)
