"""How many decisions of a bundle flip when the box of the face is moved a little, measured when it is written."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from fasdata.errors import UserError
from fasdata.records import FrameRecord
from fastrain.bundle.form import FlipFacts, JitterOfBundle
from fastrain.bundle.found import FoundClip, FoundFaces
from fastrain.bundle.predictor import Predictor
from fastrain.rescore.jitter import Move, moves, rows_of

if TYPE_CHECKING:
    import pandas as pd

AMOUNTS = (0.1, 0.2)
MOST = 100  # faces; each is seen in ten moves of each amount
STEPS = 1 + sum(len(moves(amount)) for amount in AMOUNTS)  # times that the faces are scored


def jitter_of(
    predictor: Predictor,
    images: Any,
    of: str,
    faces: pd.DataFrame | None = None,
    scored: Callable[[], None] = lambda: None,
) -> JitterOfBundle:
    """Return what moved boxes do to decisions on faces: `images` of a run, or faces that were found.

    `faces` says whose each is (dataset, clip_id, subject, label, attack_type, pai); then it is told by label and
    species too, with intervals over people. A view that reaches past what is stored once it is moved, and a bundle
    without a threshold, leave nothing to measure; the answer says so. `scored` is called each of the `STEPS` times.
    """
    if predictor.threshold is None:
        return JitterOfBundle(of=of, why="there is no threshold")
    if not isinstance(images, FoundFaces) and len(images.samples) > MOST:
        chosen = np.linspace(0, len(images.samples) - 1, MOST).astype(int)
        images, faces = images.only(chosen), None if faces is None else faces.iloc[chosen].reset_index(drop=True)
    limit = predictor.threshold.value
    rows = []

    def decided_on(shown: Any) -> np.ndarray:
        accepted = predictor.scorer.scores(shown)["score"] >= limit
        scored()
        return accepted

    try:
        still = decided_on(images)
        for amount in AMOUNTS:
            each = [decided_on(_moved(images, move)) for move in moves(amount)]
            rows += _rows(np.mean([decided != still for decided in each], axis=0), amount, faces)
    except UserError as error:
        return JitterOfBundle(of=of, why=str(error))
    return JitterOfBundle(of=of, moves=len(moves(AMOUNTS[0])), rows=rows)


def _rows(flips: np.ndarray, amount: float, faces: pd.DataFrame | None) -> list[FlipFacts]:
    """Return the shares of flips, of which `flips` are those of each face, of all and of each label and species."""
    if faces is None:
        share, ever = float(flips.mean()), float((flips > 0).mean())
        return [FlipFacts(amount=amount, label="", faces=len(flips), share=share, ever=ever)]
    rows = []
    for row in rows_of(faces, flips, amount):
        label = "attack" if row.group == "species" else row.name
        rows.append(
            FlipFacts(
                amount=amount, label=label, species=row.name if row.group == "species" else "", faces=row.clips,
                share=row.share, low=row.low, high=row.high, ever=row.ever,
            )
        )  # fmt: skip
    return rows


def _moved(images: Any, move: Move) -> Any:
    if not isinstance(images, FoundFaces):
        return images.relabelled(move.of(images.samples))
    return replace(images, clips=[_moved_clip(clip, move) for clip in images.clips])


def _moved_clip(clip: FoundClip, move: Move) -> FoundClip:
    return replace(clip, frames=tuple(_moved_frame(frame, move) for frame in clip.frames))


def _moved_frame(frame: FrameRecord, move: Move) -> FrameRecord:
    """Return a frame whose box and points are moved as `Move.of` moves those of samples."""
    assert frame.box is not None
    x0, y0, x1, y1 = frame.box
    middle, side = np.array([(x0 + x1) / 2, (y0 + y1) / 2]), max(x1 - x0, y1 - y0)
    shift = side * np.array([move.right, move.down])

    def moved(points: Any) -> np.ndarray:
        return np.asarray((np.asarray(points, float) - middle) * move.factor + middle + shift)

    box = tuple(moved([(x0, y0), (x1, y1)]).ravel().tolist())
    landmarks = tuple(map(tuple, moved(frame.landmarks).tolist())) if frame.landmarks else frame.landmarks
    return replace(frame, box=box, landmarks=landmarks)
