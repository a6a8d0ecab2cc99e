"""The page of a calibration: what the threshold of a place changes, and how far that can be trusted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from markupsafe import Markup

from fasdata.page.figures import Chart, Charts
from fasdata.page.histograms import Group, histogram_rows
from fasdata.page.page import Page, Section
from fasdata.page.parts import Card, Cards, Column, Notice, Row, Table
from fasdata.page.spelling import count, percent, score
from fastrain.bundle.form import BundleFacts, Threshold

if TYPE_CHECKING:
    from fastrain.bundle.place_clips import PlaceClips

MOST_SPECIES = 10  # rows of the histogram


def calibration_page(facts: BundleFacts, clips: PlaceClips) -> Page:
    """Return the page of a bundle that was calibrated on these clips."""
    assert facts.threshold is not None
    return Page(
        f"A threshold for a place: {facts.name}",
        [_promises(facts), _changes(facts, clips), _scores(facts, clips)],
        [("Clips", f"{len(clips.scores)} of {clips.source}"), ("Threshold", str(facts.threshold))],
        "Higher scores mean: more like a bona fide face.",
    )


def _promises(facts: BundleFacts) -> Section:
    threshold = facts.threshold
    assert threshold is not None
    cards = [Card("Bona fide from", score(threshold.value), f"by {threshold.policy}")]
    if threshold.attack_below is not None:
        cards.append(Card("Attack below", score(threshold.attack_below), "in between: no answer"))
    before = facts.source_threshold
    if before is not None:
        cards.append(Card("Before", score(before.value), f"by {before.policy}"))
    columns = [
        Column("Promise"),
        *(Column(name, True) for name in ("At threshold", "95 %", "People", "Clips", "Seen", "At most")),
    ]
    rows = [
        Row((place.promise, score(place.value), f"{place.low:.4f} to {place.high:.4f}",
             count(place.people), count(place.presentations),
             percent(place.observed), percent(place.bound)))
        for place in facts.place
    ]  # fmt: skip
    confidence = facts.place[0].confidence if facts.place else 0.9
    note = (
        "95 %: between what thresholds other draws of as many of these people give. Seen: the rate among them. "
        "At most: its one-sided upper bound over people (Clopper and Pearson), with "
        f"{confidence:.0%} confidence for each promise by itself."
    )
    trust = Notice(
        "How far this holds",
        [
            "The promise is about other people of this place, in front of this camera, in this light, with attacks of "
            "these kinds.",
            "It says nothing of another place, of attacks that were not among these clips, or of a change of camera: "
            "calibrate again then.",
        ],
        "mixed",
    )
    return Section("promise", "What is promised", [Cards(cards), Table("Promises", columns, rows, note), trust])


def _changes(facts: BundleFacts, clips: PlaceClips) -> Section:
    """Return what the threshold before and the new one decide on the place's own clips."""
    after, before = facts.threshold, facts.source_threshold
    assert after is not None
    names = ("Clips", "People", "Errors before", "Errors now", "No answer now", "Decided otherwise")
    columns = [Column("Clips of"), *(Column(name, True) for name in names)]
    rows = [_row(name, members, live, clips, before, after) for name, members, live in _groups(clips)]
    note = (
        "Errors: bona fide clips rejected (BPCER), attacks accepted (APCER). A clip without a usable face has no "
        "answer. The new threshold was chosen on these clips: its errors here are lower than they will be; the bounds "
        "above are what is promised."
    )
    return Section("changes", "What changes", [Table("Decisions on the place's own clips", columns, rows, note)])


def _groups(clips: PlaceClips) -> list[tuple[str, np.ndarray, bool]]:
    kinds = np.asarray(clips.species, object)
    groups = [("bona fide", clips.bonafide, True)]
    attacks = ~clips.bonafide
    groups += [(f"attack, {kind}", attacks & (kinds == kind), False) for kind in dict.fromkeys(kinds[attacks])]
    return [group for group in groups if group[1].any()]


def _row(
    name: str, members: np.ndarray, live: bool, clips: PlaceClips, before: Threshold | None, after: Threshold
) -> Row:
    scores = clips.scores[members]
    old, new = decisions(scores, before), decisions(scores, after)
    wrong = -1 if live else 1
    people = len({person for person, inside in zip(clips.people, members, strict=True) if inside and person})
    return Row(
        (
            name, count(len(scores)), count(people),
            percent(float((old == wrong).mean()) if before else None, "no threshold before"),
            percent(float((new == wrong).mean())), percent(float((new == 0).mean())),
            percent(float((old != new).mean()) if before else None, "no threshold before"),
        )
    )  # fmt: skip


def decisions(scores: np.ndarray, threshold: Threshold | None) -> np.ndarray:
    """Return 1 for bona fide, -1 for attack and 0 for no answer.

    >>> decisions(np.array([0.1, 0.45, 0.9, np.nan]), Threshold(value=0.5, policy="p", attack_below=0.4)).tolist()
    [-1, 0, 1, 0]
    """
    if threshold is None:
        return np.zeros(len(scores), int)
    low = threshold.value if threshold.attack_below is None else threshold.attack_below
    return np.where(scores >= threshold.value, 1, np.where(scores < low, -1, 0))


def _scores(facts: BundleFacts, clips: PlaceClips) -> Section:
    groups = [
        Group(name, clips.scores[members & np.isfinite(clips.scores)].tolist(), 0 if live else 1)
        for name, members, live in _groups(clips)
        if (members & np.isfinite(clips.scores)).any()
    ]
    marks: list[tuple[str, float]] = []
    assert facts.threshold is not None
    marks.append(("bona fide from", facts.threshold.value))
    if facts.threshold.attack_below is not None:
        marks.append(("attack below", facts.threshold.attack_below))
    if facts.source_threshold is not None:
        marks.append(("before", facts.source_threshold.value))
    svg: Any = Markup("")
    if groups:
        alt = "Histograms of the scores of the place's clips, with the thresholds"
        svg = histogram_rows(
            groups[:MOST_SPECIES], "score of a clip", "clips", name="calibration", alt=alt, marks=marks,
            same_height=False,
        )  # fmt: skip
    return Section("scores", "Scores of the place", [Charts([Chart("By label and species", svg)])])
