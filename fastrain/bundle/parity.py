"""Compare a bundle with the run that it is made of: scores of real crops, and faces of whole pictures."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from fasdata.errors import UserError
from fasdata.records import ClipRecord
from fastrain.bundle.finding import Finding, PictureFinder, recordings_of
from fastrain.bundle.form import ParityFacts, Threshold
from fastrain.bundle.found import FoundClip, FoundFaces
from fastrain.bundle.predictor import Predictor
from fastrain.evaluation.metrics.counts import fuse

DIFFERENCE, BOX = 1e-4, 0.01
CHANGED = 0.005  # share of decisions that a variant of less precision may change
LEAST, MOST = 500, 1000  # crops; a part with fewer gives all
PICTURES = 20
SYNTHETIC = "pictures made in code"


def compared(
    run: Predictor, bundle: Predictor, images: Any, of: str, pictures: Sequence[np.ndarray], clips: Sequence[Path]
) -> ParityFacts:
    """Return how far a bundle is from its run: on `images` of the run's own data, and on whole pictures and clips."""
    theirs, ours = run.scorer.scores(images)["score"], bundle.scorer.scores(images)["score"]
    largest = float(np.abs(theirs - ours).max()) if len(theirs) else None
    changed = _changed(theirs, ours, _recordings(images), run.threshold)
    faces = [*_faces_of(run.finding, pictures), *_faces_in(run.finding, clips)]
    again = [*_faces_of(bundle.finding, pictures), *_faces_in(bundle.finding, clips)]
    gaps = [_gap(first, second) for first, second in zip(faces, again, strict=True)]
    same = [gap for gap in gaps if gap is not None]
    return ParityFacts(
        crops=len(theirs),
        of=of,
        largest_difference=largest,
        changed_decisions=changed,
        pictures=len(gaps),
        pictures_of=f"{SYNTHETIC}, and {len(clips)} files" if clips else SYNTHETIC,
        other_faces=len(gaps) - len(same),
        largest_box_difference=max(same, default=None),
    )


def require_parity(parity: ParityFacts, precision: str, *, allowed: bool) -> ParityFacts:
    """Return the report, marked where it passes only because drift is allowed.

    Raises:
        UserError: scores, decisions or faces are others than the run's.
    """
    wrong = []
    if precision == "fp32":
        if (parity.largest_difference or 0) > DIFFERENCE:
            wrong.append(f"scores differ by up to {parity.largest_difference:.2g}, expected at most {DIFFERENCE:g}")
        if parity.changed_decisions:
            wrong.append(f"{parity.changed_decisions} decisions change")
    elif parity.changed_decisions > CHANGED * parity.crops:
        wrong.append(f"{parity.changed_decisions} of {parity.crops} decisions change, expected at most {CHANGED:.1%}")
    if parity.other_faces or (parity.largest_box_difference or 0) > BOX:
        wrong.append(f"{parity.other_faces} of {parity.pictures} pictures show other faces, or boxes")
    if wrong and not allowed:
        raise UserError(
            "the bundle does not answer as the run does", found="; ".join(wrong),
            do="--allow-drift writes it all the same, with this report",
        )  # fmt: skip
    return parity.model_copy(update={"allowed_drift": bool(wrong)})


def faces_of_pictures(finding: Finding, like: Predictor, pictures: Sequence[np.ndarray]) -> FoundFaces:
    """Return the faces of pictures that are in memory, as a scorer sees them."""
    finder = PictureFinder(finding)
    clips = [FoundClip.of(*finder.record({"rgb": picture}), finding) for picture in pictures]
    return like.faces([clip for clip in clips if clip.frames])


def _recordings(images: Any) -> np.ndarray:
    samples = images.samples
    return np.asarray(samples.recordings()) if hasattr(samples, "recordings") else np.arange(len(samples))


def _changed(theirs: np.ndarray, ours: np.ndarray, recordings: np.ndarray, limit: Threshold | None) -> int:
    """Return how many decisions on recordings change."""
    if limit is None or not len(theirs):
        return 0
    first, second = (fuse(scores, recordings)[1] >= limit.value for scores in (theirs, ours))
    return int((first != second).sum())


def _faces_of(finding: Finding, pictures: Sequence[np.ndarray]) -> list[ClipRecord]:
    finder = PictureFinder(finding)
    return [finder.record({"rgb": picture})[0] for picture in pictures]


def _faces_in(finding: Finding, clips: Sequence[Path]) -> list[ClipRecord]:
    if not clips:
        return []
    records = {place: record for place, record, _ in finding.records(recordings_of(clips), 0)}
    return [records[place] for place in sorted(records)]


def _gap(first: ClipRecord, second: ClipRecord) -> float | None:
    """Return by how many pixels boxes differ at most, None where the faces are others."""
    pairs = list(zip(first.frames, second.frames, strict=False))
    alike = first.status == second.status and len(first.frames) == len(second.frames)
    if not alike or any((a.index, a.status, a.n_faces) != (b.index, b.status, b.n_faces) for a, b in pairs):
        return None
    boxes = [(a.box, b.box) for a, b in pairs if a.box and b.box]
    return max((abs(x - y) for a, b in boxes for x, y in zip(a, b, strict=True)), default=0.0)
