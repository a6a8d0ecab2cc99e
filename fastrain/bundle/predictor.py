"""Predict: find the faces of recordings, score them a batch at a time, and decide; of a run and of a bundle alike."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from fasdata.errors import UserError
from fasdata.faces.view import View
from fastrain.bundle.answers import CHOOSE, ONE, SEVERAL, Answer, decision, without_score
from fastrain.bundle.finding import DATASET, Finding, Recording, recordings_of
from fastrain.bundle.form import SeenFacts, Threshold
from fastrain.bundle.found import FoundClip, FoundFaces
from fastrain.bundle.seen import unlike
from fastrain.data.by_dataset import AS_THEY_ARE, Preparation

if TYPE_CHECKING:
    import pandas as pd

AT_ONCE = 64  # faces that are collected before they are scored


class Scorer(Protocol):
    """Scores images: a run's network, a contestant's, or those of a bundle."""

    def scores(self, images: Any, *, parts: bool = False) -> dict[str, np.ndarray]:
        """Return `score` (N,) in the order of the samples."""
        ...


@dataclass(frozen=True)
class Judged:
    """A recording with its answer, and what was found in it."""

    recording: Recording
    answer: Answer
    clip: FoundClip


@dataclass(frozen=True)
class Predictor:
    """Answers what a recording shows. Made by `fastrain.load`; `predict` is all that is needed.

    `several` says what becomes of a recording with several faces: `one` gives no answer, `choose` takes the face that
    evaluation would take. `seen` is what the training data measure; if `strict`, a face unlike them gets no answer.
    `by_dataset` is what is done to images of some datasets; `shown` what is done to those that are judged here.
    `run` is the folder of a run.
    """

    name: str
    finding: Finding
    scorer: Scorer
    view: View
    modalities: tuple[str, ...]
    threshold: Threshold | None
    several: str = ONE
    seen: SeenFacts | None = None
    strict: bool = False
    by_dataset: Preparation = AS_THEY_ARE
    shown: Preparation = AS_THEY_ARE
    details: dict[str, Any] = field(default_factory=dict)
    run: Path | None = None

    def __post_init__(self) -> None:
        if self.several not in SEVERAL:
            raise UserError(f"no way to treat several faces is called {self.several!r}", expected=" or ".join(SEVERAL))
        if self.strict and self.seen is None:
            raise UserError(
                f"{self.name} does not say what its training data measure: --strict means nothing",
                expected="a bundle of a run whose stores were at hand", do="export it again, with its stores",
            )  # fmt: skip

    def predict(
        self, *inputs: str | Path, threshold: float | None = None, several: str | None = None, workers: int = 0,
        like: str = "",
    ) -> list[Answer]:  # fmt: skip
        """Return the answer to each picture or video, and to those of each folder; for `like` see `Predictor.like`.

        Raises:
            UserError: there is no such file, or there is no threshold.
        """
        ready = self.with_threshold(threshold)
        ready = ready.like(like) if like else ready
        ready = replace(ready, several=several) if several else ready
        recordings = recordings_of([Path(path) for path in inputs])
        return [judged.answer for judged in ready.judge(recordings, workers)]

    def scores(
        self, *inputs: str | Path, frames: bool = False, threshold: float | None = None, several: str | None = None,
        workers: int = 0, like: str = "",
    ) -> pd.DataFrame:  # fmt: skip
        """Return the answers as a pandas frame: a row a file, with `frames` a row a scored frame.

        Its columns are those of `fastrain predict --csv` (`--schema` explains them). Without `inputs` it is the score
        table that a run wrote of the parts it was tested on.

        Raises:
            UserError: as `predict`; without inputs, a bundle, which holds no scores.
        """
        if not inputs:
            if self.run is None:
                raise UserError(f"{self.name} holds no scores", do="name pictures or videos, or load the run folder")
            from fastrain.evaluation.scores import ScoreTable

            return ScoreTable.read_csv(self.run / "scores.csv").frame
        import pandas as pd

        from fastrain.bundle.text import columns_of, rows_of

        answers = self.predict(*inputs, threshold=threshold, several=several, workers=workers, like=like)
        return pd.DataFrame(list(rows_of(answers, frames=frames)), columns=list(columns_of(frames=frames)))

    def with_threshold(self, value: float | None) -> Predictor:
        """Return the same with a threshold of one's own; None keeps what there is.

        Raises:
            UserError: it is no number.
        """
        if value is None:
            return self
        if not np.isfinite(value):
            raise UserError(f"the threshold {value} is no number")
        return replace(self, threshold=Threshold(value=float(value), policy=f"fixed({value:g})", data="given"))

    def like(self, dataset: str) -> Predictor:
        """Return the same for recordings that are shown as evaluation shows those of a dataset: in grey, or cut.

        Raises:
            UserError: those of that dataset are shown as they are.
        """
        return replace(self, shown=self.by_dataset.as_for(dataset, DATASET))

    def judge(self, recordings: Sequence[Recording], workers: int = 0) -> Iterator[Judged]:
        """Yield every recording with its answer, in order; a recording that cannot be used stops nothing.

        Raises:
            UserError: there is no threshold; the detector or the network cannot be used.
        """
        if self.threshold is None:
            raise UserError(f"{self.name} has no threshold of its sources", do="give one: --threshold 0.5")
        ready: dict[int, Judged] = {}
        waiting: list[tuple[int, FoundClip, float]] = []
        due = 0
        for place, clip, seconds in self._found(recordings, workers):
            waiting.append((place, clip, seconds))
            if _enough(waiting, workers):
                ready.update(self.judged(recordings, waiting))
                waiting = []
            while due in ready:
                yield ready.pop(due)
                due += 1
        ready.update(self.judged(recordings, waiting))
        yield from (ready[place] for place in sorted(ready))

    def _found(self, recordings: Sequence[Recording], workers: int) -> Iterator[tuple[int, FoundClip, float]]:
        before = time.perf_counter()
        for place, record, crops in self.finding.records(recordings, workers):
            now = time.perf_counter()
            yield place, FoundClip.of(record, crops, self.finding), now - before
            before = time.perf_counter()

    def judged(
        self, recordings: Sequence[Recording], clips: Sequence[tuple[int, FoundClip, float]], *, smaller: bool = True
    ) -> dict[int, Judged]:
        """Return the answers to recordings whose faces were found, by place; they are scored together.

        `clips` are the place of each in `recordings`, its faces, and the seconds that these took. Where there are none,
        the recording is looked through again for `smaller` ones.
        """
        assert self.threshold is not None
        smallest = self.finding.smallest
        answers: dict[int, Answer] = {}
        scored: list[tuple[int, FoundClip]] = []
        for place, clip, _ in clips:
            lost = smaller and not clip.frames and clip.record.status != "failed"
            small = self.finding.finds_smaller(recordings[place]) if lost else 0.0
            none = without_score(recordings[place].name, clip, smallest, self.several, small)
            if none is None:
                scored.append((place, clip))
            else:
                answers[place] = none
        before = time.perf_counter()
        scores = self.scores_of([clip for _, clip in scored])
        each = (time.perf_counter() - before) / max(1, len(scored))
        for (place, clip), own in zip(scored, scores, strict=True):
            answers[place] = self.decided(recordings[place].name, clip, own)
        judged = {}
        for place, clip, seconds in clips:
            spent = 1000 * (seconds + (each if place in dict(scored) else 0.0))
            judged[place] = Judged(recordings[place], replace(answers[place], milliseconds=round(spent, 1)), clip)
        return judged

    def decided(self, name: str, clip: FoundClip, scores: np.ndarray) -> Answer:
        """Return what the scores of a clip's frames decide."""
        assert self.threshold is not None
        others = unlike(clip.frames, self.seen) if self.seen else ()
        return decision(name, clip.frames, scores, self.threshold, others, strict=self.strict)

    def scores_of(self, clips: Sequence[FoundClip]) -> list[np.ndarray]:
        """Return the scores of the frames of each clip."""
        faces = self.faces(clips)
        if not len(faces.samples):
            return [np.zeros(0) for _ in clips]
        scores = self.scorer.scores(faces)["score"]
        return np.split(scores, np.cumsum([len(clip.frames) for clip in clips])[:-1])

    def faces(self, clips: Sequence[FoundClip]) -> FoundFaces:
        """Return the faces of clips as the scorer sees them."""
        return FoundFaces(clips, self.view, self.modalities, self.finding.store, self.shown)

    def choosing(self) -> Predictor:
        """Return the same, for recordings of which evaluation takes one of several faces."""
        return replace(self, several=CHOOSE)


def _enough(waiting: Sequence[tuple[int, FoundClip, float]], workers: int) -> bool:
    """Tell whether it is time to score: with one process at once, so that each answer comes as soon as it is known."""
    return workers == 0 or sum(len(clip.frames) for _, clip, _ in waiting) >= AT_ONCE
