"""Score a run's network on corrupted pictures: the same clips and threshold, one row a corruption and severity."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from fasdata.errors import UserError
from fasdata.progress import progress
from fastrain.rescore.corruptions import Corruption, kept_frames

if TYPE_CHECKING:
    from fastrain.data.images import Images
    from fastrain.data.samples import Samples
    from fastrain.evaluation.scores import ScoreTable
    from fastrain.evaluation.statistics.proportions import Interval

RESAMPLES = 2000  # for the AUC; the rates need none
MEASURES = ("auc", "hter", "apcer", "bpcer")


@dataclass(frozen=True)
class Rung:
    """The target's clip-level numbers under a corruption (None = the pictures as they are), shares, None = undefined.

    HTER, APCER (worst species) and BPCER hold at the threshold of the held-out sources, whose pictures stay as they
    are. `ends` are their 95 % intervals over people, `scores` is what the numbers are from.
    """

    corruption: Corruption | None
    numbers: dict[str, float | None]
    ends: dict[str, Interval]
    scores: ScoreTable

    @property
    def name(self) -> str:
        """Return kind and severity as they are printed."""
        return "as they are" if self.corruption is None else f"{self.corruption.kind} {self.corruption.severity}"


def robustness(folder: Path, wanted: Sequence[Corruption], *, seed: int = 0) -> list[Rung]:
    """Return the numbers of a run's target on the original pictures, then under every corruption.

    The run's own manifest and library are used.

    Raises:
        UserError: no finished run, its data are gone, or it has no held-out source to take a threshold from.
    """
    from fastrain.rescore.finished_run import FinishedRun

    run = FinishedRun.opened(folder)
    clean = run.scored(run.images)
    threshold = _source_threshold(run.table(clean), folder)
    rungs = [_rung(None, run.table({"test": clean["test"]}), threshold)]
    with progress(f"corrupt {folder.name}", len(wanted), "settings") as bar:
        for corruption in wanted:
            scored = run.scored({"test": _corrupted(run.images["test"], corruption, seed)})
            rungs.append(_rung(corruption, run.table(scored, f"{corruption.kind}:{corruption.severity}"), threshold))
            bar.advance()
    return rungs


def _corrupted(images: Images, corruption: Corruption, seed: int) -> Images:
    if corruption.kind != "frame-drop":
        from fastrain.rescore.corrupted_images import CorruptedImages

        return CorruptedImages(images, corruption, seed)
    rng = np.random.default_rng((seed, corruption.severity))
    kept = [kept_frames(rows, corruption.severity, rng) for rows in _by_clip(images.samples)]
    return images.only(np.sort(np.concatenate(kept)))


def _by_clip(samples: Samples) -> Iterator[np.ndarray]:
    clip = samples.recordings()
    order = np.argsort(clip, kind="stable")
    yield from np.split(order, np.flatnonzero(np.diff(clip[order])) + 1)


def _source_threshold(table: ScoreTable, folder: Path) -> float:
    from fastrain.evaluation.thresholds import held_out_threshold

    threshold = held_out_threshold(table)
    if np.isnan(threshold):
        raise UserError(f"the run {folder} has no held-out source of both labels", do="train it with --val auto")
    return threshold


def _rung(corruption: Corruption | None, table: ScoreTable, threshold: float) -> Rung:
    from fastrain.evaluation.measures import measured
    from fastrain.evaluation.scores import Samples as Scores
    from fastrain.evaluation.statistics.clusters import Clusters, affordable
    from fastrain.evaluation.statistics.intervals import resampled

    target = table.clips().part("test")
    assert target is not None
    samples = Scores.of(target, "count")
    values = {name: measured(name).plain(samples, threshold) for name in MEASURES}
    numbers = {name: None if np.isnan(value) else float(value) for name, value in values.items()}
    clusters, defined = Clusters.of(target.frame), [name for name in MEASURES if numbers[name] is not None]
    wanted = {name: measured(name).at(threshold) for name in defined if measured(name).resampled}
    drawn = resampled(samples, clusters, wanted, resamples=affordable(RESAMPLES, len(samples.scores)), seed=0)
    ends = {name: measured(name).interval([(samples, threshold)], clusters, drawn.get(name)) for name in defined}
    return Rung(corruption, numbers, ends, table)
