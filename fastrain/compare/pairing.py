"""Line up the clips of several runs: tests on the same people need the same clips in the same order."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from fasdata.errors import UserError
from fastrain.compare.system import ScoredRun, System
from fastrain.evaluation.score_facts import holdings
from fastrain.evaluation.score_rules import KEY_COLUMNS
from fastrain.evaluation.scores import ScoreTable
from fastrain.evaluation.statistics.clusters import Clusters

Order: TypeAlias = NDArray[np.int64]  # the places of the reference's clips in a run's own table


def target_of(scores: ScoreTable, folder: Path, order: Order | None = None) -> ScoreTable:
    """Return the clips of the target, in their own order or in the one given; `folder` names the run.

    Raises:
        UserError: the target was not scored.
    """
    clips = scores.clips().part("test")
    if clips is None:
        raise UserError(f"the run {folder} has no scores of the target", do="run 'fastrain eval' on it")
    return ScoreTable(clips.frame if order is None else clips.frame.iloc[order], str(folder))


@dataclass(frozen=True)
class LinedUp:
    """The target's clips of all runs: `reference` in the order of the first run, and the order of each run in it.

    `orders` has no entry of scores from outside whose clips are not known to be those of the others; `why` says so.
    """

    reference: ScoreTable
    clusters: Clusters
    orders: Mapping[Path, Order]
    why: Mapping[Path, str]
    dataset: str = ""
    """The one of several targets that is looked at; "": all clips of the target."""

    def of_dataset(self, dataset: str) -> LinedUp:
        """Return the clips of one of several targets alone."""
        rows = (self.reference.frame["dataset"] == dataset).to_numpy()
        reference = ScoreTable(self.reference.frame[rows].reset_index(drop=True), self.reference.source)
        orders = {folder: order[rows] for folder, order in self.orders.items()}
        return LinedUp(reference, Clusters.of(reference.frame), orders, self.why, dataset)

    def target_of(self, scores: ScoreTable, folder: Path) -> ScoreTable:
        """Return a run's clips of the target: in the order of the reference, or in their own where it stands apart.

        Raises:
            UserError: the target was not scored.
        """
        own = target_of(scores, folder, self.orders.get(folder))
        if not self.dataset or folder in self.orders:
            return own
        rows = own.frame[own.frame["dataset"] == self.dataset]
        if rows.empty:
            raise UserError(f"the run {folder} has no scores of {self.dataset}", do="leave it out of this comparison")
        return ScoreTable(rows.reset_index(drop=True), own.source)

    def clusters_of(self, run: ScoredRun) -> Clusters:
        """Return the people that a run's clips are resampled by: those of the reference, or its own."""
        if run.folder in self.orders:
            return self.clusters
        return Clusters.of(self.target_of(run.scores, run.folder).frame)

    def apart(self, system: System) -> str:
        """Return why a system cannot be tested clip by clip, "" where it can."""
        return next((self.why[run.folder] for run in system.runs if run.folder in self.why), "")


def line_up(systems: Sequence[System]) -> LinedUp:
    """Line up the target's clips of all runs with those of the first, of trained runs where there are any.

    Raises:
        UserError: two trained runs scored different clips, or a run did not score the target.
    """
    runs = [run for system in systems for run in system.runs]
    targets = {run.folder: target_of(run.scores, run.folder) for run in runs}
    first = min(runs, key=lambda run: (run.is_loose, not (targets[run.folder].frame["subject"] != "").any()))
    reference = targets[first.folder]
    orders: dict[Path, Order] = {}
    why: dict[Path, str] = {}
    for run in runs:
        order = _order(reference, targets[run.folder])
        if isinstance(order, str) and not run.is_loose:
            what = f"{first.folder} and {run.folder} scored different clips"
            raise UserError(what, found=order, do="compare runs of one manifest")
        if isinstance(order, str):
            why[run.folder] = order
        else:
            orders[run.folder] = order
    return LinedUp(reference, Clusters.of(reference.frame), orders, why)


def notes_on(systems: Sequence[System], lined_up: LinedUp) -> list[str]:
    """Return a sentence on each system of scores from outside: what they are, and what is not known of them."""
    notes = []
    together = sum(not lined_up.apart(system) for system in systems)
    for system in systems:
        about = system.about.contestant
        if about is None:
            continue
        run = system.runs[0]
        held = holdings(target_of(run.scores, run.folder)).get("test", "")
        source = f"scores from {about.file}" if about.kind == "scores" else f"{about.kind} {about.file}"
        sentence = f"{system.name}: {source}; {held}"
        if lined_up.clusters_of(run).level == "clip":
            sentence += "; its intervals resample clips, not people"
        if run.is_loose and not lined_up.apart(system) and together > 1:
            sentence += "; its clips are those of the others, by their ids and labels"
        topics = [unknown.partition(":")[0] for unknown in about.cannot]
        notes.append(sentence + (f"; not known: {', '.join(topics)} (its report says why)" if topics else ""))
    return notes


def _order(reference: ScoreTable, other: ScoreTable) -> Order | str:
    """Return the places of the reference's clips in the other table, or why they are not the same clips."""
    keys, others = (_keys(table) for table in (reference, other))
    if set(keys) != set(others):
        others = _by_clip_alone(keys, others)
    if set(keys) != set(others) or len(keys) != len(others):
        strange = sorted(set(keys) ^ set(others))
        if not set(keys) & set(others):
            return "its clips are not known to be those of the others"
        return f"{len(strange)} clips that only one of them has, such as {'/'.join(strange[0]).removeprefix('/')}"
    place = {key: number for number, key in enumerate(others)}
    order: Order = np.array([place[key] for key in keys], np.int64)
    labels = [table.frame["label"].to_numpy(object) for table in (reference, other)]
    if (labels[0] != labels[1][order]).any():
        return f"{int((labels[0] != labels[1][order]).sum())} clips that are labelled otherwise"
    return order


def _keys(table: ScoreTable) -> list[tuple[str, str]]:
    return list(zip(*(table.frame[name].astype(str) for name in KEY_COLUMNS), strict=True))


def _by_clip_alone(keys: list[tuple[str, str]], others: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """Return the other's keys as those of the reference, where its ids are `dataset/clip` or a clip of one dataset."""
    times = Counter(clip for _, clip in keys)
    known = {clip: (dataset, clip) for dataset, clip in keys if times[clip] == 1}
    known |= {f"{dataset}/{clip}": (dataset, clip) for dataset, clip in keys}
    return [known.get(clip, ("", clip)) for _, clip in others]
