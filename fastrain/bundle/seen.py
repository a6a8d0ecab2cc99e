"""What the faces of the training data measure, and in what a face is unlike anything among them.

A network was fitted to faces of some sizes, some light, some poses; outside of these its score is a guess that looks
like any other. The middle 98 % of the training clips is what counts as seen, for each measure by itself.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from fasdata.errors import UserError
from fasdata.quality import geometry
from fasdata.records import FrameRecord
from fastrain.bundle.form import RangeFacts, SeenFacts
from fastrain.evaluation.training_range import LEAST, beyond, ranges_of

if TYPE_CHECKING:
    from fastrain.rundir import RunFacts

WORDS = {
    "face_size": ("size of the face", "px"), "sharpness": ("sharpness", ""), "brightness": ("brightness", ""),
    "roll": ("tilt of the head", "°"), "yaw": ("turn of the head", ""), "pitch": ("nod of the head", ""),
}  # fmt: skip


def seen_of(clips: Sequence[Mapping[str, float]], datasets: Sequence[str] = ()) -> SeenFacts | None:
    """Return the ranges of what clips measure; None of fewer than 10 clips.

    >>> seen = seen_of([{"brightness": float(i)} for i in range(101)])
    >>> seen.ranges["brightness"].low, seen.ranges["brightness"].high
    (1.0, 99.0)
    """
    if len(clips) < LEAST:
        return None
    ends = ranges_of(clips)
    outside = float(np.mean([bool(beyond(clip, ends)) for clip in clips]))
    ranges = {name: RangeFacts(low=low, high=high) for name, (low, high) in ends.items()}
    return SeenFacts(ranges=ranges, clips=len(clips), outside=outside, datasets=list(datasets)) if ranges else None


def seen_of_run(about: RunFacts) -> SeenFacts | None:
    """Return what the training clips of a run measure; None where its manifest or its stores are not at hand."""
    from fasdata.library import Library
    from fasdata.protocols.find_manifest import given_manifest
    from fasdata.store.reader import Store

    if not (about.manifest_path and about.library and Path(about.manifest_path).exists()):
        return None
    table = given_manifest(Path(about.manifest_path), None, None).manifest.table
    columns = (table[name].to_pylist() for name in ("dataset", "clip_id", "part"))
    trained = sorted({(dataset, clip) for dataset, clip, part in zip(*columns, strict=True) if part == "train"})
    library, measures = Library(Path(about.library)), []
    for dataset in dict.fromkeys(dataset for dataset, _ in trained):
        try:
            quality = Store.open(library.require_store(dataset)).quality()
        except UserError:
            return None  # half of the sources would be a range that the network was not trained in
        measures += [quality[clip] for of, clip in trained if of == dataset and clip in quality]
    return seen_of(measures, list(dict.fromkeys(dataset for dataset, _ in trained)))


def measured(frames: Sequence[FrameRecord]) -> dict[str, float]:
    """Return the medians of what the frames of a clip measure."""
    each: dict[str, list[float]] = {}
    for frame in frames:
        of = {"sharpness": frame.sharpness, "brightness": frame.brightness, **geometry(frame.box, frame.landmarks)}
        for name, value in of.items():
            if value is not None:
                each.setdefault(name, []).append(value)
    return {name: float(np.median(values)) for name, values in each.items()}


def unlike(frames: Sequence[FrameRecord], seen: SeenFacts) -> tuple[str, ...]:
    """Return in what the face of a clip is unlike those of the training data, a phrase each."""
    clip, phrases = measured(frames), []
    for name in beyond(clip, {name: (of.low, of.high) for name, of in seen.ranges.items()}):
        (words, unit), of = WORDS[name], seen.ranges[name]
        space = "" if unit in ("", "°") else " "
        phrases.append(f"{words} {clip[name]:.4g}{space}{unit}, seen were {of.low:.4g} to {of.high:.4g}")
    return tuple(phrases)
