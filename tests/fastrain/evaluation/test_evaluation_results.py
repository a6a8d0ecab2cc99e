"""`evaluate` against numbers worked out by hand."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.stats import binomtest

from fasdata.errors import UserError
from fastrain.evaluation.results import evaluate
from fastrain.evaluation.results_lookup import OUTSIDE_30107
from fastrain.evaluation.scores import ScoreTable
from fastrain.evaluation.thresholds import DEV_EER, fixed, named_policy, source_bpcer
from fastrain.rescore.scores_alone import number_lines
from tests.fastrain.evaluation.tables import frame, row, twelve


def number(result: dict[str, Any], metric: str, policy: str = "", level: str = "clip", part: str = "test") -> Any:
    """The one value of that name; an error if there is none, or two."""
    wanted = {"metric": metric, "threshold_policy": policy, "level": level, "part": part}
    (entry,) = [m for m in result["metrics"] if wanted.items() <= m.items()]
    return entry["value"]


def threshold(result: dict[str, Any], policy: str, level: str = "clip") -> dict[str, Any]:
    (entry,) = [t for t in result["thresholds"] if (t["policy"], t["level"]) == (policy, level)]
    return entry


def test_twelve_clips_worked_out_by_hand() -> None:
    # bona fide 0.9 0.8 0.5 0.5 0.3 and one failure to acquire; print 0.5 0.4 0.1; replay 0.7 0.6 0.2.
    result = evaluate(twelve(), selection="source_val")
    # val: bona fide 0.8 0.6, attacks 0.4 0.2: apart, so EER 0 and the threshold half way between 0.6 and 0.4.
    assert threshold(result, "source_eer") == {
        "level": "clip",
        "policy": "source_eer",
        "value": 0.5,
        "from_part": "val",
    }
    assert number(result, "eer", part="val") == 0
    # At 0.5: bona fide 0.3 and the failure rejected = 2/6; accepted print 0.5 = 1/3, replay 0.7 0.6 = 2/3, in all 3/6.
    for policy in ("source_eer", "fixed(0.5)"):
        assert number(result, "bpcer", policy) == pytest.approx(1 / 3)
        assert number(result, "apcer", policy) == pytest.approx(2 / 3)
        assert number(result, "hter", policy) == pytest.approx((1 / 2 + 1 / 3) / 2)
        assert number(result, "acer_pooled", policy) == pytest.approx(5 / 12)
        assert number(result, "acer_max", policy) == pytest.approx((2 / 3 + 1 / 3) / 2)
    # Pairs won: 0.9 and 0.8 six each, each 0.5 three and a tie, 0.3 two, the failure none: 21 of 36.
    assert number(result, "auc") == pytest.approx(21 / 36)
    # Down from +inf the rates first come within 1/6 at 0.5 (FAR 3/6, FRR 2/6); threshold between 0.5 and 0.4.
    assert number(result, "eer") == pytest.approx(5 / 12)
    assert threshold(result, "target_eer (oracle)")["value"] == pytest.approx(0.45)
    # Best is to accept 0.9 and 0.8 alone: FAR 0, FRR 4/6; threshold between 0.8 and 0.7.
    assert number(result, "min_hter", "target_min_hter (oracle)") == pytest.approx(1 / 3)
    assert number(result, "hter", "target_min_hter (oracle)") == pytest.approx(1 / 3)
    assert threshold(result, "target_min_hter (oracle)")["value"] == pytest.approx(0.75)
    assert number(result, "tpr_at_fpr_5") == pytest.approx(2 / 6)
    assert number(result, "non_response_bonafide") == pytest.approx(1 / 6)
    assert number(result, "non_response_attack") == 0


def test_intervals_and_operating_points_of_the_twelve_worked_out_by_hand() -> None:
    result = evaluate(twelve(), selection="last")
    rows = {
        (row["metric"], row["threshold_policy"]): row
        for row in result["metrics"]
        if row["part"] == "test" and row["level"] == "clip"
    }
    # Three clips a species: at 5 % none may be accepted (0.05 x 3 < 1), so all up to the best attack, 0.7, is rejected:
    # of 0.9 0.8 0.5 0.5 0.3 and the failure to acquire that is 4 of 6.
    assert rows["bpcer20", "apcer_max@0.05 of the same part (oracle)"]["value"] == pytest.approx(4 / 6)
    # One bona fide clip of six is lost already, so no threshold has a BPCER of 5 % or less.
    assert rows["apcer_at_bpcer_5", "bpcer@0.05 of the same part (oracle)"]["value"] is None
    # Each clip is of another person, so BPCER is 2 errors of 6: Clopper and Pearson's, which scipy knows.
    rejected = rows["bpcer", "source_eer"]
    exact = binomtest(2, 6).proportion_ci(method="exact")
    assert (rejected["value"], rejected["rule"]) == (pytest.approx(1 / 3), "exact")
    assert (rejected["low"], rejected["high"]) == pytest.approx((exact.low, exact.high))
    # The worst species is replay, 2 of 3 accepted: its upper end; the lower one with half of 2.5 % below it.
    worst = rows["apcer", "source_eer"]
    ends = [binomtest(2, 3).proportion_ci(level, method="exact") for level in (0.975, 0.95)]
    assert (worst["low"], worst["value"], worst["high"]) == pytest.approx((ends[0].low, 2 / 3, ends[1].high))
    assert result["uncertainty"]["test"]["note"] == "12 subjects; fewer than 20: too few to tell"
    for rate in (*result["metrics"], *result["species"]):
        assert ("low" in rate) == (rate.get("value", rate.get("apcer")) is not None)
    without = evaluate(twelve(), selection="last", resamples=0)
    assert without["uncertainty"] == {} and all("low" not in row for row in without["metrics"])


def test_frames_of_a_person_tell_no_more_than_a_clip() -> None:
    """Ten frames of each clip that all score alike: at frame level every interval is that of the clips."""
    once = twelve().frame[twelve().frame["status"] == "ok"]
    tenfold = pd.concat([once.assign(frame_index=i, sample_id=once["sample_id"] + str(i)) for i in range(10)])
    result = evaluate(ScoreTable(tenfold), selection="last", resamples=100)
    ends = {
        level: {
            (rate["part"], rate.get("metric") or rate["species"], rate["threshold_policy"]): (rate["low"], rate["high"])
            for rate in (*result["metrics"], *result["species"])
            if rate["level"] == level and not rate.get("metric", "").startswith("non_response")
        }
        for level in ("clip", "frame")
    }
    assert len(ends["frame"]) == len(ends["clip"]) > 50
    for key, (low, high) in ends["clip"].items():
        assert ends["frame"][key] == pytest.approx((low, high)), key


def test_policies_by_name() -> None:
    for text in ("source_eer", "dev_eer", "target_eer (oracle)", "target_min_hter", "fixed(-0.5)", "source_bpcer(0.1)"):
        assert named_policy(text).name.startswith(text)
    for text in ("source_er", "fixed", "source_bpcer(2)", "fixed(x)"):
        with pytest.raises(UserError, match="threshold policy"):
            named_policy(text)


def test_the_threshold_of_a_source_bpcer_and_of_a_development_set() -> None:
    policies = [source_bpcer(0.0), source_bpcer(0.5), DEV_EER]
    result = evaluate(twelve(), selection="last", policies=policies)
    chosen = {row["policy"]: row for row in result["thresholds"] if row["level"] == "clip"}
    assert chosen["source_bpcer(0)"]["value"] == 0.6  # held-out bona fide: 0.8 and 0.6
    assert chosen["source_bpcer(0.5)"]["value"] == 0.8
    assert chosen["dev_eer"]["reason"] == "part val is of other datasets than the test part"
    own = twelve().frame.assign(dataset="OULU-NPU")
    own["sample_id"] = own["dataset"] + "/" + own["clip_id"]
    (row,) = (r for r in evaluate(ScoreTable(own), selection="last", policies=[DEV_EER])["thresholds"][1:])
    assert row["value"] == 0.5


@pytest.mark.parametrize(("fusion", "score"), [("mean", 0.4), ("median", 0.3), ("min", 0.1), ("max", 0.8)])
def test_clips_are_fused_as_asked(fusion: str, score: float) -> None:
    frames = [row("c", value, frame_index=i) for i, value in enumerate([0.1, 0.3, 0.8])]
    table = ScoreTable(frame(*frames, row("a", score - 0.01, "attack:print")))
    result = evaluate(table, selection="last", fusion=fusion, policies=[fixed(score)])
    assert result["fusion"] == fusion
    rate = {r["metric"]: r["value"] for r in result["metrics"] if r["level"] == "clip"}
    assert (rate["bpcer"], rate["apcer"]) == (0.0, 0.0)


def test_species_by_instrument() -> None:
    pais = [row(f"p{i}", 0.9 - i / 2, "attack:print", pai=f"print-{i + 1}") for i in range(2)]
    table = ScoreTable(frame(row("b", 0.8), *pais, row("r", 0.1, "attack:replay")))
    by_type = evaluate(table, selection="last", policies=[fixed(0.5)])["species"]
    by_pai = evaluate(table, selection="last", policies=[fixed(0.5)], species="pai")["species"]
    rates = [{row["species"]: row["apcer"] for row in rows if row["level"] == "clip"} for rows in (by_type, by_pai)]
    assert rates == [{"print": 0.5, "replay": 0.0}, {"print-1": 1.0, "print-2": 0.0, "replay": 0.0}]
    with pytest.raises(UserError, match="kind of species"):
        evaluate(table, selection="last", species="pay")


def test_excluding_failures_is_the_papers_way_and_leaves_the_non_response_rate() -> None:
    result = evaluate(twelve(), selection="last", fta="exclude")
    assert number(result, "bpcer", "source_eer") == pytest.approx(1 / 5)
    assert number(result, "hter", "source_eer") == pytest.approx((1 / 2 + 1 / 5) / 2)
    assert number(result, "acer_max", "source_eer") == pytest.approx((2 / 3 + 1 / 5) / 2)
    assert number(result, "auc") == pytest.approx(21 / 30)
    assert number(result, "non_response_bonafide") == pytest.approx(1 / 6)
    assert (result["fta"], result["selection"]) == ("exclude", "last")


def test_an_attack_that_gave_no_face_counts_as_rejected() -> None:
    table = ScoreTable(frame(row("b0", 0.9), row("a0", 0.7, "attack:print"), row("a1", None, "attack:print")))
    counted, excluded = (evaluate(table, selection="last", fta=fta) for fta in ("count", "exclude"))
    assert number(counted, "apcer", "fixed(0.5)") == 0.5
    assert number(excluded, "apcer", "fixed(0.5)") == 1.0
    assert number(counted, "non_response_attack") == 0.5
    assert {s["n"] for s in counted["species"] if s["level"] == "clip"} == {2}


def test_a_failure_is_below_every_score_negative_ones_too() -> None:
    # Raw cosines: the failed bona fide clip loses against both attacks, the failed attack against the live clip.
    rows = [row("b0", 0.2), row("b1", None), row("a0", -0.9, "attack:print"), row("a1", None, "attack:print")]
    result = evaluate(ScoreTable(frame(*rows)), selection="last")
    # Pairs: 0.2 wins twice; the failure loses against -0.9 and ties with the failed attack. 2.5 of 4.
    assert number(result, "auc") == 2.5 / 4
    # From 0.2 down to above -0.9: FAR 0, FRR 1/2. At -0.9: FAR 1/2, FRR 1/2, where the rates meet.
    assert number(result, "eer") == 0.5
    assert threshold(result, "target_eer (oracle)")["value"] == -0.9
    assert number(result, "min_hter", "target_min_hter (oracle)") == 0.25


def test_species_are_listed_with_their_number_and_flagged_when_few() -> None:
    many = [row(f"p{i}", 0.1, "attack:print", frame_index=k, sample_id=f"p{i}/{k}") for i in range(20) for k in (0, 1)]
    few = [row(f"r{i}", 0.7, "attack:replay", frame_index=k, sample_id=f"r{i}/{k}") for i in range(19) for k in (0, 1)]
    nameless = row("u0", 0.9, "attack")
    result = evaluate(ScoreTable(frame(row("b0", 0.9), *many, *few, nameless)), selection="last")
    species = {
        (s["level"], s["species"]): (s["n"], s["apcer"], s["few"])
        for s in result["species"]
        if s["threshold_policy"] == "fixed(0.5)"
    }
    # Few is a matter of clips: forty frames of nineteen clips are still nineteen clips.
    assert species == {
        ("frame", "print"): (40, 0.0, False),
        ("frame", "replay"): (38, 1.0, True),
        ("frame", "unknown"): (1, 1.0, True),
        ("clip", "print"): (20, 0.0, False),
        ("clip", "replay"): (19, 1.0, True),
        ("clip", "unknown"): (1, 1.0, True),
    }


def test_frames_and_clips_are_judged_apart_each_with_its_own_threshold() -> None:
    # Mean of clip b0 is 0.5, of a0 0.3: the clips can be told apart, the frames cannot.
    frames = [
        row("b0", 0.9, frame_index=0), row("b0", 0.1, frame_index=1),
        row("a0", 0.4, "attack:print", frame_index=0), row("a0", 0.2, "attack:print", frame_index=1),
    ]  # fmt: skip
    result = evaluate(ScoreTable(frame(*frames)), selection="last")
    assert number(result, "auc", level="frame") == 0.5
    assert number(result, "auc", level="clip") == 1.0
    assert threshold(result, "target_eer (oracle)", "clip")["value"] == pytest.approx(0.4)
    assert threshold(result, "target_eer (oracle)", "frame")["value"] != pytest.approx(0.4)


def test_without_val_the_source_threshold_is_reported_absent() -> None:
    table = twelve().part("test")
    assert table is not None
    result = evaluate(table, selection="last")
    for level in ("frame", "clip"):
        entry = threshold(result, "source_eer", level)
        assert (entry["value"], entry["reason"]) == (None, "there is no part val")
        assert number(result, "hter", "source_eer", level) is None
    assert number(result, "hter", "fixed(0.5)") == pytest.approx(5 / 12)
    assert {m["part"] for m in result["metrics"]} == {"test"}
    assert "source_eer" not in {s["threshold_policy"] for s in result["species"]}


def test_policies_that_look_at_the_target_are_not_applied_to_val() -> None:
    result = evaluate(twelve(), selection="last")
    on_val = {m["threshold_policy"] for m in result["metrics"] if m["part"] == "val"}
    assert {policy for policy in on_val if "same part" not in policy} == {"", "source_eer", "fixed(0.5)"}


def test_one_label_only_gives_none_with_the_reason() -> None:
    result = evaluate(ScoreTable(frame(row("b0", 0.4), row("b1", 0.8))), selection="last")
    assert number(result, "auc") is None
    assert number(result, "bpcer", "fixed(0.5)") == 0.5
    assert {m["reason"] for m in result["metrics"] if m["metric"] == "auc"} == {"no attack"}
    assert threshold(result, "target_eer (oracle)")["reason"] == "no attack in part test"
    assert result["roc"]["test/clip"] == {"fpr": [], "tpr": [], "reason": "no attack"}
    assert result["species"] == []


def test_a_threshold_that_rejects_everything_is_none_and_says_so() -> None:
    table = ScoreTable(frame(row("b0", 0.5), row("a0", 0.5, "attack:print")))
    result = evaluate(table, selection="last")
    entry = threshold(result, "target_eer (oracle)")
    assert (entry["value"], entry["reason"]) == (None, "rejects everything")
    assert number(result, "bpcer", "target_eer (oracle)") == 1.0
    assert number(result, "apcer", "target_eer (oracle)") == 0.0


def test_counts_by_part_dataset_and_label() -> None:
    counts = {(c["part"], c["dataset"], c["label"]): c for c in evaluate(twelve(), selection="last")["counts"]}
    assert counts["test", "OULU-NPU", "bonafide"] == {
        "part": "test", "dataset": "OULU-NPU", "label": "bonafide",
        "clips": 6, "frames": 5, "subjects": 6, "fta_clips": 1,
    }  # fmt: skip
    assert counts["test", "OULU-NPU", "attack"]["frames"] == 6
    assert counts["val", "MSU-MFSD", "attack"]["clips"] == 2
    assert len(counts) == 4


@pytest.mark.parametrize("fta", ["count", "exclude"])
def test_everything_is_plain_json(fta: str) -> None:
    everything_lost = ScoreTable(frame(row("b0", None), row("a0", None, "attack")))
    for table in (twelve(), everything_lost, ScoreTable(frame(row("b0", 0.5), row("a0", 0.5, "attack")))):
        result = evaluate(table, selection="last", fta=fta)
        assert json.loads(json.dumps(result, allow_nan=False)) == result
        for entry in result["metrics"]:
            assert (entry["value"] is None) == bool(entry.get("reason"))


def test_the_curve_of_many_samples_is_thinned() -> None:
    rng = np.random.default_rng(0)
    live = [row(f"b{i}", float(s)) for i, s in enumerate(rng.normal(0.2, 1, 1500))]
    spoof = [row(f"a{i}", float(s), "attack:print") for i, s in enumerate(rng.normal(0, 1, 1500))]
    curve = evaluate(ScoreTable(frame(*live, *spoof)), selection="last", resamples=0)["roc"]["test/clip"]
    assert 100 < len(curve["fpr"]) == len(curve["tpr"]) <= 500
    assert curve["fpr"] == sorted(curve["fpr"])


def test_an_unknown_fta_rule_is_refused() -> None:
    with pytest.raises(UserError, match="one of count, exclude"):
        evaluate(twelve(), selection="last", fta="ignore")


def both_families() -> ScoreTable:
    """Three prints (0.5 0.4 0.1), three face swaps (0.7 0.6 0.2), two perturbed (0.7 0.1), one of unknown kind; val."""
    live = [row(f"b{i}", score) for i, score in enumerate([0.9, 0.8, 0.5, 0.3])]
    kinds = {"print": [0.5, 0.4, 0.1], "face-swap": [0.7, 0.6, 0.2], "adversarial": [0.7, 0.1], "unknown": [0.9]}
    instruments = {"face-swap": "simswap", "adversarial": "fgtm"}
    attacks = [
        row(f"{kind[0]}{i}", score, f"attack:{kind}", pai=instruments.get(kind, ""))
        for kind, scores in kinds.items()
        for i, score in enumerate(scores)
    ]
    source = {"part": "val", "dataset": "MSU-MFSD", "domain": "M"}
    val = [row("v0", 0.8, **source), row("v1", 0.6, **source), row("v2", 0.4, "attack:print", **source)]
    return ScoreTable(frame(*live, *attacks, *val))


@pytest.mark.parametrize("by", ["attack_type", "pai"])
def test_digital_attacks_are_counted_apart_by_their_worst_species(by: str) -> None:
    result = evaluate(both_families(), selection="last", species=by)
    at = {"part": "test", "level": "clip", "threshold_policy": "source_eer"}
    rows = {of["family"]: of for of in result["families"] if at.items() <= of.items()}
    # At 0.5: one print of three; two swapped faces of three and one perturbed of two; 0.9 of unknown kind is neither.
    physical, digital = rows["physical"], rows["digital"]
    assert (physical["n"], physical["apcer"], physical["species"]) == (3, pytest.approx(1 / 3), ["print"])
    assert (digital["n"], digital["apcer"]) == (5, pytest.approx(2 / 3))
    assert digital["species"] == (["adversarial", "face-swap"] if by == "attack_type" else ["fgtm", "simswap"])
    exact = binomtest(1, 3).proportion_ci(method="exact")
    assert (physical["low"], physical["high"]) == pytest.approx((exact.low, exact.high))
    ends = [binomtest(2, 3).proportion_ci(level, method="exact") for level in (0.975, 0.95)]
    assert digital["low"] <= ends[0].low + 1e-9 and digital["high"] >= ends[1].high - 1e-9 and digital["few"]
    # The worst of all, unknown kinds included, is what it was.
    assert number(result, "apcer", "source_eer") == 1
    assert evaluate(twelve(), selection="last")["families"] == []  # no digital attack: nothing to tell apart
    text = "\n".join(number_lines(result))
    assert "apcer     33.33 % [0.84, 90.57] exact" in text and "physical attacks (print; 3 clips)" in text
    assert f"digital     {OUTSIDE_30107}" in text


def test_frames_are_resampled_at_most_a_thousand_times_and_clips_as_often_as_asked() -> None:
    results = evaluate(twelve(), selection="last", resamples=1003)
    assert results["uncertainty"]["test"]["resamples"] == 1003
