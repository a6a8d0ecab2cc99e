"""Faces unlike the training data are told, boxes that are moved flip what a planted network hangs on."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from fasdata.errors import UserError
from fasdata.records import FrameRecord
from fastrain.bundle.answers import Decision, NoAnswer
from fastrain.bundle.finding import PictureFinder
from fastrain.bundle.form import RangeFacts, SeenFacts
from fastrain.bundle.found import FoundClip
from fastrain.bundle.loading import load
from fastrain.bundle.moved import jitter_of
from fastrain.bundle.opened import Bundle
from fastrain.bundle.predictor import Predictor
from fastrain.bundle.seen import measured, seen_of, seen_of_run, unlike
from fastrain.bundle.text import jitter_lines
from fastrain.evaluation.statistics.proportions import proportion_interval
from fastrain.rundir import RunDir
from fastrain.serve.trust import trust
from tests.commands import Called
from tests.fastrain.bundle.planting import planted
from tests.fastrain.bundle.small import face, small_bundle
from tests.fastrain.bundle.test_bundle_calibrate import write_face

FIVE = ((30.0, 40.0), (70.0, 40.0), (50.0, 62.0), (35.0, 84.0), (65.0, 84.0))


def frame(brightness: float, side: float = 100, tilt: float = 0.0) -> FrameRecord:
    points = tuple((x, y + tilt * x) for x, y in FIVE)
    return FrameRecord(0, 0.0, "ok", box=(0, 0, side, side), landmarks=points, sharpness=50.0, brightness=brightness)


def clip(value: float) -> dict[str, float]:
    return {"face_size": 100 + value, "sharpness": 50.0, "brightness": value, "roll": 0.0, "yaw": 0.0, "pitch": 0.5}


def test_ranges_are_the_middle_98_per_cent_of_the_clips_by_measure():
    seen = seen_of([clip(float(value)) for value in range(1001)], ["a"])
    assert seen is not None and seen.clips == 1001
    assert (seen.ranges["brightness"].low, seen.ranges["brightness"].high) == (10, 990)
    assert seen.outside == pytest.approx(20 / 1001)  # ten at each end
    assert seen_of([clip(1.0)] * 9) is None


def test_each_measure_outside_its_range_is_named_with_value_and_range():
    seen = seen_of([clip(float(value)) for value in range(1001)])
    assert seen is not None
    assert unlike([frame(500, 500)], seen) == ()
    assert unlike([frame(5, 500)], seen) == ("brightness 5, seen were 10 to 990",)
    small = unlike([frame(500, 40)], seen)
    assert small == ("size of the face 40 px, seen were 110 to 1090",)
    assert "tilt of the head" in unlike([frame(500, 500, tilt=0.3)], seen)[0]


def test_one_odd_frame_of_three_is_no_odd_clip():
    seen = seen_of([clip(float(value)) for value in range(1001)])
    assert seen is not None
    assert unlike([frame(5, 500), frame(500, 500), frame(500, 500)], seen) == ()
    assert measured([frame(10), frame(20), frame(90)])["brightness"] == 20


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    seen = SeenFacts(ranges={"brightness": RangeFacts(low=80, high=200)}, clips=100, outside=0.02)
    return small_bundle(tmp_path_factory.mktemp("small") / "pad.fasb", threshold=0.15, seen=seen)


def test_a_dark_face_is_flagged_and_with_strict_gets_no_answer(bundle, tmp_path):
    files = [write_face(tmp_path / name, b) for name, b in (("usual.png", 1.0), ("dark.png", 0.5))]
    usual, dark = load(bundle).predict(*files)
    assert isinstance(usual, Decision) and usual.unlike == ()
    assert isinstance(dark, Decision) and dark.bonafide and "brightness" in dark.unlike[0]
    usual, dark = replace(load(bundle), strict=True).predict(*files)
    assert isinstance(usual, Decision)
    assert isinstance(dark, NoAnswer) and dark.kind == "unlike anything seen" and dark.scored is not None
    assert "unlike anything seen: brightness" in Called("fastrain", "predict", bundle, files[1]).out
    strict = Called("fastrain", "predict", bundle, files[1], "--strict")
    assert strict.code == 3 and "no answer   unlike anything seen: brightness" in strict.out


def test_strict_without_ranges_is_refused(tmp_path):
    with pytest.raises(UserError, match="--strict means nothing"):
        replace(load(small_bundle(tmp_path / "a.fasb")), strict=True)


def test_a_run_gives_the_ranges_of_what_it_was_trained_on(erm, seen):
    of = seen_of_run(RunDir(erm).facts())
    assert of is not None and of.clips == 12 and len(of.datasets) == 3
    assert set(of.ranges) == {"face_size", "sharpness", "brightness", "roll", "yaw", "pitch"}
    assert 20 < of.ranges["brightness"].low < of.ranges["brightness"].high < 230


class Shifted:
    """Takes a face for bona fide unless its box lies further right than it was found."""

    def __init__(self, middles: list[float]) -> None:
        self.middles = middles

    def scores(self, images: object, *, parts: bool = False) -> dict[str, np.ndarray]:
        middles = [(frame.box[0] + frame.box[2]) / 2 for _, frame in images.samples.faces]  # type: ignore[attr-defined]
        pairs = zip(middles, self.middles, strict=True)
        return {"score": np.array([float(now <= then + 1e-6) for now, then in pairs])}


def test_moved_boxes_flip_what_hangs_on_them(bundle):
    predictor: Predictor = load(bundle)
    clip = FoundClip.of(*PictureFinder(predictor.finding).record({"rgb": face()}), predictor.finding)
    middle = (clip.frames[0].box[0] + clip.frames[0].box[2]) / 2  # type: ignore[index]
    faces = predictor.faces([clip])
    hanging = replace(predictor, scorer=Shifted([middle]))
    flips = jitter_of(hanging, faces, "a face")
    assert [(row.amount, row.share, row.ever, row.faces) for row in flips.rows] == [
        (0.1, 0.3, 1.0, 1),
        (0.2, 0.3, 1.0, 1),
    ]
    assert flips.moves == 10  # of which three go right
    still = jitter_of(replace(predictor, scorer=Shifted([1e9])), faces, "a face")
    assert {row.share for row in still.rows} == {0.0}
    assert jitter_of(replace(predictor, threshold=None), faces, "a face").why == "there is no threshold"


def test_flips_of_a_bundle_are_told_by_label_and_species_with_intervals_over_people(bundle, tmp_path):
    predictor: Predictor = load(bundle)
    clip = FoundClip.of(*PictureFinder(predictor.finding).record({"rgb": face()}), predictor.finding)
    kinds = ["bonafide", "print", "replay"] * 4
    middle = (clip.frames[0].box[0] + clip.frames[0].box[2]) / 2  # type: ignore[index]
    # What hangs on the box are the prints of two of the four people.
    middles = [middle if kind == "print" and place < 6 else 1e9 for place, kind in enumerate(kinds)]
    whose = pd.DataFrame({
        "dataset": "d", "clip_id": list("abcdefghijkl"), "subject": [f"p{place // 3}" for place in range(12)],
        "label": ["bonafide" if kind == "bonafide" else "attack" for kind in kinds], "attack_type": kinds, "pai": "",
    })  # fmt: skip
    facts = jitter_of(replace(predictor, scorer=Shifted(middles)), predictor.faces([clip] * 12), "faces", whose)
    of = {row.name: row for row in facts.rows if row.amount == 0.1}
    assert list(of) == ["all faces", "bonafide", "attack", "attack, print", "attack, replay"]
    assert [row.faces for row in of.values()] == [12, 4, 8, 4, 4]
    assert [row.share for row in of.values()] == pytest.approx([0.05, 0, 0.075, 0.15, 0])
    ends = proportion_interval(np.array([0.3, 0.3, 0, 0]), np.arange(4), steps=10)
    assert of["attack, print"].ever == 0.5 and (of["attack, print"].low, of["attack, print"].high) == (
        ends.low,
        ends.high,
    )
    assert of["attack, replay"].low == 0 < of["attack, replay"].high  # nobody flipped, of four people
    shown = Bundle.read(planted(bundle, tmp_path / "a.fasb", lambda tree: tree.update(jitter=facts.model_dump()))).facts
    lines = jitter_lines(shown)
    assert lines[0].startswith("jitter      boxes moved by 0.1: 5.0% [") and len(lines) == 10
    shown_ends = f"[{ends.low:.1%}, {ends.high:.1%}]"
    assert f"            attack, print: 15.0% {shown_ends} of decisions on 4 faces flip, 50.0% in some move" in lines
    words = " ".join(trust(shown))
    assert (
        f"most often for attacks of the species print, 15% (95 % interval {ends.low:.0%} to {ends.high:.0%})" in words
    )
