"""The words of the report, for newcomers."""

from __future__ import annotations

from fasdata.report.page import Section
from fasdata.report.prose import Details, Facts

_TERMS = [
    ("Bona fide", "a real person in front of the camera"),
    ("Attack", "a printout, a screen, a mask or the like shown to the camera in a person's place"),
    ("Attack species", "one kind of attack, such as print or replay"),
    ("Clip", "one recording; its score is the mean of its frames' scores"),
    ("Subject", "the person a clip shows, or whose likeness an attack uses"),
    ("Domain", "a dataset with its cameras, places and attacks; the unseen domain took no part in training"),
    (
        "Held-out source",
        "clips of the training datasets kept back, of people whose other clips were not trained on either",
    ),
    ("AUC", "how often a bona fide clip scores above an attack clip; 1 is perfect, 0.5 guessing; needs no threshold"),
    ("Threshold", "the score from which on a clip is accepted as bona fide"),
    ("APCER", "share of attacks accepted as bona fide; counted by species, the worst one stands for all"),
    ("BPCER", "share of bona fide clips rejected"),
    ("ACER", "mean of APCER and BPCER"),
    ("HTER", "mean of the share of attacks accepted, all species together, and the share of bona fide clips rejected"),
    ("EER", "the error where both shares are equal; finding that point needs the labels of the very clips"),
    ("Non-response", "share of clips in which no face was found (failure to acquire, FTA)"),
    ("Honest", "nothing of the unseen domain was used to choose the checkpoint or the threshold"),
    ("Oracle", "something was chosen with the labels of the unseen domain, which a deployment would not have"),
]


def glossary_section() -> Section:
    """Return the list of terms, folded away."""
    return Section("words", "Words", [Details("What the terms mean", [Facts(_TERMS)])])
