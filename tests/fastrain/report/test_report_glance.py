"""The answer to "did it learn?" follows from the numbers."""

import pytest

from fastrain.report.glance import Evidence, verdict

GOOD = {"val_auc": [0.93], "subjects": 12, "clips": 48, "target": "msu-mfsd", "target_auc": [0.70], "probe_auc": 0.6}


def test_yes_needs_auc_subjects_and_a_weak_probe():
    answer = verdict(Evidence(**GOOD))
    assert answer.title == "Did it learn? Yes."
    assert answer.kind == "good"


@pytest.mark.parametrize(
    ("changed", "words", "kind"),
    [
        ({"val_auc": [0.60]}, "No:", "bad"),
        ({"val_auc": [0.649]}, "No:", "bad"),
        ({"val_auc": [0.65], "probe_auc": 0.5}, "A little", "mixed"),
        ({"val_auc": [0.799], "probe_auc": 0.5}, "A little", "mixed"),
        ({"val_auc": [0.80]}, "Yes", "good"),
        ({"subjects": 7}, "too few people", "mixed"),
        ({"subjects": 8}, "Yes", "good"),
        ({"subjects": None}, "not known", "mixed"),
        ({"probe_auc": 0.75}, "Yes", "good"),
        ({"probe_auc": 0.76}, "colour statistics alone show much", "mixed"),
        ({"probe_auc": 0.93}, "Nothing beyond what colour statistics", "bad"),
        ({"probe_auc": None}, "Yes", "good"),
        ({"control_given": True, "control_auc": [0.64]}, "Yes", "good"),
        ({"control_given": True, "control_auc": [0.66]}, "Do not trust", "bad"),
        ({"control_given": True, "control_auc": [0.34]}, "Do not trust", "bad"),
        ({"val_auc": []}, "no number", "bad"),
        ({"shuffled": True}, "control run", "plain"),
        ({"val_auc": [0.2, 0.9, 0.95]}, "Yes", "good"),  # the median decides, neither the mean nor the first
    ],
)
def test_answer(changed, words, kind):
    answer = verdict(Evidence(**GOOD | changed))
    assert words in answer.title
    assert answer.kind == kind


def test_numbers_are_in_the_sentences():
    text = " ".join(verdict(Evidence(**GOOD | {"control_given": True, "control_auc": [0.52]})).sentences)
    for part in ("12 held-out people", "48 clips", "93 of 100 pairs", "0.930", "msu-mfsd", "0.700", "0.600", "0.520"):
        assert part in text


def test_several_runs_are_told_by_median_and_range():
    sentence = verdict(Evidence(**GOOD | {"val_auc": [0.91, 0.97, 0.93]})).sentences[0]
    assert "median AUC of 0.930 over 3 runs (0.910 to 0.970)" in sentence


@pytest.mark.parametrize(
    ("auc", "words"),
    [(0.85, "carries over."), (0.7, "carries over in part"), (0.5, "little or nothing"), (0.2, "wrong way round")],
)
def test_unseen_domain_is_judged(auc, words):
    assert words in verdict(Evidence(**GOOD | {"target_auc": [auc]})).sentences[1]


def test_what_was_not_measured_is_said():
    text = " ".join(verdict(Evidence(val_auc=[0.9])).sentences)
    assert "not measured" in text
    assert "No control run" in text
    assert "whose people are not named" in text
