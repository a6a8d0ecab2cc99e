"""A bundle for a place: both thresholds and where they come from, a zone without an answer, five people refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from fasdata.errors import UserError
from fastrain.bundle.answers import Decision, NoAnswer
from fastrain.bundle.calibrate import CalibrateRequest, calibrate, combined
from fastrain.bundle.form import Threshold
from fastrain.bundle.loading import load
from fastrain.bundle.opened import Bundle
from fastrain.bundle.place_clips import clips_of_store
from fastrain.bundle.text import object_of
from fastrain.evaluation.place_threshold import PlaceThreshold, Promise
from tests.commands import Called
from tests.fastrain.bundle.planting import planted
from tests.fastrain.bundle.seen import files_of
from tests.fastrain.bundle.small import face, small_bundle


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return small_bundle(tmp_path_factory.mktemp("small") / "pad.fasb", threshold=0.6)


def scores_of_a_place(path: Path, people: int, live: float = 0.45, attack: float = 0.3) -> Path:
    """People whose bona fide clips score about `live`, whose printed and replayed ones about `attack`."""
    rng, rows = np.random.default_rng(0), []
    for person in range(people):
        for kind, middle in (("bonafide", live), ("print", attack), ("replay", attack)):
            for clip in range(2):
                rows.append(
                    {
                        "clip_id": f"p{person}-{kind}-{clip}", "subject": f"p{person}", "attack_type": kind,
                        "label": "bonafide" if kind == "bonafide" else "attack",
                        "score": middle + rng.normal(0, 0.02),
                    }
                )  # fmt: skip
    pd.DataFrame(rows).to_csv(path, index=False)
    return path


def test_the_new_bundle_names_both_thresholds_and_decides_by_its_own(bundle, tmp_path):
    scores, out = scores_of_a_place(tmp_path / "lab.csv", 60), tmp_path / "lab.fasb"
    printed = Called("fastrain", "calibrate", bundle, "--scores", scores, "--out", out).out
    facts = Bundle.read(out).facts
    assert facts.threshold is not None and facts.source_threshold is not None
    assert facts.source_threshold == Bundle.read(bundle).facts.threshold
    assert (facts.threshold.policy, facts.source_threshold.policy) == ("bpcer<=0.05", "source_eer")
    assert "lab.csv" in facts.threshold.data and 0.38 < facts.threshold.value < 0.45
    assert facts.place[0].people == 60 and facts.place[0].bound <= 0.05
    for words in (f"{facts.threshold.value:.4f} by bpcer<=0.05", "before: 0.6000 by source_eer", "60 people"):
        assert words in printed, printed
    picture = write_face(tmp_path / "a.png", 1.0)  # scores 0.489
    assert load(bundle).predict(picture)[0].word == "attack"
    assert load(out).predict(picture)[0].word == "bonafide"  # and the self-test passed
    page = (tmp_path / "lab-calibration.html").read_text()
    for words in ("Errors before", "100.00 %", "60", "attack, print", "0.6000"):
        assert words in page


def test_calibrated_again_it_keeps_the_threshold_of_the_sources(bundle, tmp_path):
    scores = scores_of_a_place(tmp_path / "lab.csv", 60)
    first, second = tmp_path / "a.fasb", tmp_path / "b.fasb"
    calibrate(CalibrateRequest(bundle, first, scores=scores))
    calibrate(CalibrateRequest(first, second, scores=scores, policy="apcer<=0.05"))
    facts = Bundle.read(second).facts
    assert facts.source_threshold is not None and facts.source_threshold.policy == "source_eer"
    assert facts.threshold is not None and facts.threshold.policy == "apcer<=0.05"


def test_between_two_thresholds_there_is_no_answer(bundle, tmp_path):
    scores = scores_of_a_place(tmp_path / "lab.csv", 60, live=0.42, attack=0.4)
    out = tmp_path / "lab.fasb"
    printed = calibrate(CalibrateRequest(bundle, out, scores=scores, policy="bpcer<=5%", no_answer="apcer<=5%"))
    limit = Bundle.read(out).facts.threshold
    assert limit is not None and limit.attack_below is not None
    assert 0.3 < limit.attack_below < 0.4 < limit.value < 0.48 and "no answer from" in printed
    middle = (limit.attack_below + limit.value) / 2 / 0.4887
    files = [write_face(tmp_path / f"{b:.2f}.png", b) for b in (0.5, middle, 1.0)]
    answers = load(out).predict(*files)
    assert [answer.word for answer in answers] == ["attack", "no answer", "bonafide"]
    undecided = answers[1]
    assert isinstance(undecided, NoAnswer) and undecided.kind == "undecided"
    assert object_of(undecided)["score"] == pytest.approx(middle * 0.4887, abs=0.01)


def test_promises_that_leave_room_give_one_threshold_between():
    def kept(policy: str, value: float) -> PlaceThreshold:
        return PlaceThreshold(value, Promise.parse(policy), 60, 60, 0.0, 0.04)

    assert combined([kept("bpcer<=0.05", 0.7), kept("apcer<=0.05", 0.5)], "lab") == Threshold(
        value=0.6, policy="bpcer<=0.05, apcer<=0.05", data="the place's own clips, lab"
    )
    zone = combined([kept("apcer<=0.05", 0.7), kept("bpcer<=0.05", 0.5)], "lab")
    assert (zone.attack_below, zone.value) == (0.5, 0.7)


@pytest.mark.parametrize(
    ("request_", "words"),
    [
        ({"scores": 5}, r"5 people .* expected 45 or more"),
        ({"scores": 60, "no_answer": "bpcer<=0.1"}, "both about bpcer"),
        ({}, "one of --on DATASET and --scores FILE"),
        ({"on": "nowhere"}, "no store of nowhere"),
        ({"scores": 60, "policy": "eer"}, "expected bpcer<=0.05 or apcer<=0.05"),
    ],
)
def test_what_is_refused_leaves_no_bundle(bundle, tmp_path, request_, words):
    more = dict(request_)
    if "scores" in more:
        more["scores"] = scores_of_a_place(tmp_path / "lab.csv", more["scores"])
    more.setdefault("data", str(tmp_path))
    with pytest.raises(UserError, match=words):
        calibrate(CalibrateRequest(bundle, tmp_path / "new.fasb", **more))
    assert not (tmp_path / "new.fasb").exists()


def test_clips_of_a_store_score_as_their_files_do(bundle, seen, tmp_path):
    """Five people are enough for a promise of 40 %: then the threshold lets all of their bona fide clips pass."""
    out = tmp_path / "lab.fasb"
    asked = CalibrateRequest(bundle, out, on="MSU-MFSD", data=str(seen.root), policy="bpcer<=0.4")
    calibrate(asked)
    facts = Bundle.read(out).facts
    clips = clips_of_store(Bundle.read(bundle), "msu-mfsd", str(seen.root))
    assert facts.place[0].people == 5 and facts.place[0].presentations == 5 and clips.source == "msu-mfsd"
    files = [of["rgb"] for of in files_of(seen).values()]
    answers = load(bundle).choosing().predict(*files)
    assert sorted(answer.score for answer in answers) == pytest.approx(sorted(clips.scores), abs=1e-6)
    assert facts.threshold is not None
    assert facts.threshold.value == pytest.approx(clips.scores[clips.bonafide].min(), abs=1e-6)


def test_data_of_the_training_and_other_detectors_are_refused(bundle, seen, tmp_path):
    def trained(facts: dict) -> None:
        facts["seen"] = {"ranges": {}, "clips": 12, "outside": 0.0, "datasets": ["msu-mfsd"]}

    def other(facts: dict) -> None:
        facts["finding"]["store"]["detector_weights_sha256"] = "0" * 64

    known = planted(bundle, tmp_path / "a.fasb", trained)
    with pytest.raises(UserError, match="was trained on msu-mfsd"):
        clips_of_store(Bundle.read(known), "msu-mfsd", str(seen.root))
    with pytest.raises(UserError, match="found otherwise"):
        clips_of_store(Bundle.read(planted(bundle, tmp_path / "b.fasb", other)), "msu-mfsd", str(seen.root))


def write_face(path: Path, brightness: float) -> Path:
    import cv2

    cv2.imwrite(str(path), face(brightness)[..., ::-1])
    return path


def test_a_decision_is_what_the_threshold_says():
    assert not Threshold(value=0.5, policy="p").undecided(0.4)
    assert Decision("a", 0.5, Threshold(value=0.5, policy="p", attack_below=0.4), ()).bonafide
    with pytest.raises(ValueError, match="attack_below is above"):
        Threshold(value=0.5, policy="p", attack_below=0.6)
