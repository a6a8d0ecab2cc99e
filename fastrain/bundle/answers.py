"""What a prediction says: a decision with its score and threshold, or no answer and why; never a silent decision."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np

from fasdata.errors import in_line
from fasdata.records import Box, FrameRecord
from fastrain.bundle.form import Threshold
from fastrain.bundle.found import FoundClip
from fastrain.evaluation.metrics.counts import fuse

Reason: TypeAlias = Literal["no face", "several faces", "too small", "unreadable", "undecided", "unlike anything seen"]
ONE, CHOOSE = "one", "choose"
SEVERAL = (ONE, CHOOSE)


@dataclass(frozen=True)
class FrameScore:
    """A scored frame: its place in the recording, its time in seconds (-1 = unknown), score, box, and how it came."""

    index: int
    pts: float
    score: float
    box: Box
    status: str
    faces: int


@dataclass(frozen=True)
class Decision:
    """Bona fide or attack: the mean `score` of the `frames`, higher = bona fide, against the `threshold`.

    `unlike` says in what the face is unlike those of the training data; what was not measured is not said.
    """

    name: str
    score: float
    threshold: Threshold
    frames: tuple[FrameScore, ...]
    milliseconds: float = 0.0
    unlike: tuple[str, ...] = ()

    @property
    def bonafide(self) -> bool:
        """Whether it is taken for bona fide."""
        return self.score >= self.threshold.value

    @property
    def word(self) -> str:
        """The decision as a word."""
        return "bonafide" if self.bonafide else "attack"


@dataclass(frozen=True)
class NoAnswer:
    """No decision, the kind of reason, and the reason in words; `scored` is what was scored all the same."""

    name: str
    kind: Reason
    reason: str
    milliseconds: float = 0.0
    scored: Decision | None = None

    @property
    def word(self) -> str:
        """What stands where a decision would."""
        return "no answer"


Answer: TypeAlias = Decision | NoAnswer


def without_score(name: str, clip: FoundClip, smallest: int, several: str, small: float = 0.0) -> NoAnswer | None:
    """Return why a recording gets no decision, None where it gets one.

    `smallest` is the side of a face that counts, `small` the side of one that was too small for that, 0 without.
    """
    record = clip.record
    if record.status == "failed":
        return NoAnswer(name, "unreadable", in_line(record.reason))
    if not clip.frames:
        if small:
            return NoAnswer(name, "too small", f"a face of {small:.0f} pixels; faces count from about {smallest}")
        frames = "1 frame" if len(record.frames) == 1 else f"{len(record.frames)} frames"
        return NoAnswer(name, "no face", f"no face of {smallest} pixels or more in {frames}")
    most = max(clip.frames, key=lambda frame: frame.n_faces)
    if several == ONE and most.n_faces > 1:
        return NoAnswer(name, "several faces", f"{most.n_faces} faces in frame {most.index}")
    return None


def decision(
    name: str,
    frames: Sequence[FrameRecord],
    scores: np.ndarray,
    threshold: Threshold,
    unlike: tuple[str, ...] = (),
    *,
    strict: bool = False,
) -> Answer:
    """Return the decision on a recording from the scores of its frames: their mean, as evaluation takes it.

    Between two thresholds there is none, nor, if `strict`, of a face that is `unlike` those of the training data.
    """
    scored = tuple(
        FrameScore(frame.index, frame.pts, float(score), frame.box or (0, 0, 0, 0), frame.status, frame.n_faces)
        for frame, score in zip(frames, scores, strict=True)
    )
    made = Decision(name, float(fuse(scores, np.zeros(len(scores)))[1][0]), threshold, scored, unlike=unlike)
    if strict and unlike:
        return NoAnswer(name, "unlike anything seen", "; ".join(unlike), scored=made)
    if threshold.undecided(made.score):
        ends = f"from {threshold.attack_below:.4f} to {threshold.value:.4f}"
        return NoAnswer(name, "undecided", f"score {made.score:.4f} lies where there is no answer, {ends}", scored=made)
    return made
