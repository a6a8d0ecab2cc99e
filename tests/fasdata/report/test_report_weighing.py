"""What a dataset's report says first of its faces: how many there are, how large, how sharp."""

from __future__ import annotations

import pytest

from tests.fasdata.report.datasets import POINTS, Made, put, reported

pytestmark = pytest.mark.usefixtures("undrawn")
SMALL = {"box": (100.0, 50.0, 132.0, 90.0), "points": [(x / 2 + 50, y / 2 + 20) for x, y in POINTS]}


def first_words(tmp_path, clips) -> str:
    return reported(put(tmp_path, "own", clips)).text.split("Holdings")[0]


def people(**changes) -> list[Made]:
    kinds = (("bonafide", "bonafide"), ("attack", "replay"))
    return [
        Made(f"{label}{n}", "train", label, kind, f"{label}{n}", seed=n + 40 * (label > "b"), **changes)
        for label, kind in kinds
        for n in range(2)
    ]


def test_good_faces_raise_no_question(tmp_path):
    words = first_words(tmp_path, people())
    assert not any(sentence in words for sentence in ("chosen frames", "faces are", "heads are"))


def test_a_recording_without_faces_in_most_frames_and_with_small_ones_else_is_a_problem(tmp_path):
    statuses = ["skip"] * 42 + ["ok"] * 14
    clips = [Made("a", "train", "bonafide", "bonafide", "1", statuses=statuses, **SMALL)]
    words = first_words(tmp_path, clips)
    assert "Nothing stands out" not in words and "Problems" in words
    assert "No face in 42 of 56 chosen frames." in words
    assert "14 of 14 faces are under 64 pixels, the median is 40" in words


def test_a_tenth_is_noted_and_less_is_not(tmp_path):
    for skipped, is_noted in ((9, False), (10, True)):
        statuses = ["skip"] * skipped + ["ok"] * (100 - skipped)
        words = first_words(tmp_path / str(skipped), [Made("a", "train", "attack", "print", "1", statuses=statuses)])
        assert (f"No face in {skipped} of 100 chosen frames." in words) == is_noted
        assert "Problems" not in words


@pytest.mark.parametrize(
    ("changes", "words"),
    [({"blurred": True}, "8 of 8 faces are blurred"), ({"level": 20}, "8 of 8 faces are dim"),
     ({"level": 250}, "8 of 8 faces are overexposed"),
     ({"points": [*POINTS[:2], (155.0, 110.0), *POINTS[3:]]}, "8 of 8 heads are turned far"),
     ({"statuses": ("ok", "hold")}, "The face is that of another frame in 4 of 8 chosen frames")],
)  # fmt: skip
def test_each_weakness_has_a_sentence(tmp_path, changes, words):
    shown = first_words(tmp_path, people(**changes))
    assert words in shown and "Nothing stands out" not in shown
