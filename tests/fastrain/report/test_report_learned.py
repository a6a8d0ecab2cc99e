"""The answer to "did it learn?" follows from the numbers and their intervals."""

import pytest

from fastrain.evaluation.reached import Reached
from fastrain.report.learned import Evidence, verdict


def auc(value, low=None, high=None):
    return Reached((value,), None if low is None else (low, high))


GOOD = {"val": auc(0.93, 0.85, 0.98), "subjects": 12, "clips": 48, "target": "msu-mfsd",
        "unseen": auc(0.70, 0.66, 0.75), "probe_auc": 0.6}  # fmt: skip


def test_yes_needs_an_interval_subjects_and_a_weak_probe():
    answer = verdict(Evidence(**GOOD))
    shown = "AUC 0.930 [0.850, 0.980] on held-out people, 0.700 [0.660, 0.750] on msu-mfsd."
    assert answer.title == f"Did it learn? Yes. {shown}"
    assert answer.kind == "good" and "shuffle_labels" in answer.next


@pytest.mark.parametrize(
    ("changed", "words", "kind"),
    [
        ({"val": auc(0.60, 0.55, 0.649)}, "No:", "bad"),
        ({"val": auc(0.60, 0.55, 0.65), "probe_auc": 0.5}, "A little", "mixed"),
        ({"val": auc(0.60, 0.40, 0.80)}, "It cannot be told: guessing is not ruled out", "mixed"),
        ({"val": auc(0.688, 0.31, 0.94)}, "It cannot be told", "mixed"),  # on twelve clips
        ({"val": auc(0.95, 0.50, 1.00)}, "It cannot be told", "mixed"),
        ({"val": auc(0.75, 0.70, 0.799)}, "A little", "mixed"),
        ({"val": auc(0.90, 0.62, 0.97)}, "how much better cannot be told", "mixed"),
        ({"val": auc(0.90, 0.79, 0.97)}, "It seems so, but how well", "mixed"),
        ({"val": auc(0.90, 0.80, 0.97)}, "Yes", "good"),
        ({"val": auc(0.99)}, "not known how certain", "mixed"),
        ({"subjects": 7}, "too few people", "mixed"),
        ({"subjects": 8}, "Yes", "good"),
        ({"subjects": None}, "not known on how many people", "mixed"),
        ({"probe_auc": 0.75}, "Yes", "good"),
        ({"probe_auc": 0.76}, "colour statistics alone show much", "mixed"),
        ({"probe_auc": 0.85}, "Perhaps nothing beyond what colour statistics", "mixed"),
        ({"probe_auc": 0.99}, "Nothing beyond what colour statistics", "bad"),
        ({"probe_auc": None}, "Yes", "good"),
        ({"control_given": True, "control": auc(0.64, 0.55, 0.70)}, "Yes", "good"),
        ({"control_given": True, "control": auc(0.70, 0.45, 0.90)}, "Yes", "good"),
        ({"control_given": True, "control": auc(0.66, 0.55, 0.80)}, "Do not trust", "bad"),
        ({"control_given": True, "control": auc(0.34, 0.20, 0.45)}, "Do not trust", "bad"),
        ({"val": Reached()}, "no number", "bad"),
        ({"shuffled": True}, "control run", "plain"),
    ],
)  # fmt: skip
def test_answer(changed, words, kind):
    answer = verdict(Evidence(**GOOD | changed))
    assert words in answer.title
    assert answer.kind == kind
    assert answer.next.endswith(".")


def test_numbers_are_in_the_sentences():
    text = " ".join(verdict(Evidence(**GOOD | {"control_given": True, "control": auc(0.52, 0.4, 0.6)})).sentences)
    for part in ("12 held-out people", "48 clips", "93 of 100 pairs", "0.930 [0.850, 0.980]", "msu-mfsd",
                 "0.700 [0.660, 0.750]", "0.600", "0.520"):  # fmt: skip
        assert part in text


def test_several_runs_are_told_by_median_and_range_and_a_lost_run_widens_the_interval():
    ends = [(0.85, 0.95), (0.92, 0.99), (0.86, 0.97)]
    sentence = verdict(Evidence(**GOOD | {"val": Reached.of([0.91, 0.97, 0.93], ends)})).sentences[0]
    assert "median AUC of 0.930 [0.860, 0.970] over 3 runs (0.910 to 0.970)" in sentence
    lost = Reached.of([0.2, 0.9, 0.95], [(0.1, 0.3), (0.85, 0.95), (0.9, 0.99)])
    assert "It cannot be told" in verdict(Evidence(**GOOD | {"val": lost})).title
    assert Reached.of([0.9, 0.8], [(0.8, 0.95), None]).ends is None


@pytest.mark.parametrize(
    ("unseen", "words"),
    [
        (auc(0.85, 0.80, 0.90), "what it learned carries over."),
        (auc(0.85, 0.79, 0.90), "carries over, at least in part."),
        (auc(0.70, 0.55, 0.85), "something carries over, but how much cannot be told."),
        (auc(0.688, 0.31, 0.94), "whether anything carries over cannot be told, since guessing is not ruled out."),
        (auc(0.55, 0.45, 0.64), "little or nothing carries over."),
        (auc(0.20, 0.10, 0.49), "wrong way round there."),
        (auc(0.90), "without an interval nothing can be said"),
    ],
)
def test_the_unseen_domain_is_judged_by_its_interval(unseen, words):
    assert words in verdict(Evidence(**GOOD | {"unseen": unseen})).sentences[1]


def test_what_was_not_measured_is_said():
    text = " ".join(verdict(Evidence(val=auc(0.9, 0.8, 0.95))).sentences)
    assert "not measured" in text
    assert "No control run" in text
    assert "whose people are not named" in text
