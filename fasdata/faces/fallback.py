"""What to do on a frame without a face, as a pure function of the faces around it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from fasdata.records import Face, FaceStatus

REACH = 15  # frames: the oldest box that may be held, the widest gap that may be bridged


@dataclass(frozen=True)
class Outcome:
    """The face of a frame and how it was come by; `shift` frames away when another frame stands in."""

    status: FaceStatus
    face: Face | None = None
    shift: int = 0


def fall_back(index: int, faces: Mapping[int, Face]) -> Outcome:
    """Return the outcome for frame `index`, on which no face was observed, from the `faces` of other frames.

    In this order: landmarks interpolated between two hits at most 15 frames apart (`interp`); the last box, at most
    15 frames old (`hold`); the nearest later frame with a face, at most 15 away, which then stands in with its own
    pixels (`shift`); otherwise `skip`. Never the whole frame.
    """
    before = max((hit for hit in faces if index - REACH <= hit < index), default=None)
    after = min((hit for hit in faces if index < hit <= index + REACH), default=None)
    if before is not None and after is not None and after - before <= REACH:
        return Outcome("interp", interpolate(faces[before], faces[after], (index - before) / (after - before)))
    if before is not None:
        return Outcome("hold", faces[before])
    if after is not None:
        return Outcome("shift", faces[after], after - index)
    return Outcome("skip")


def neighbours(index: int, n: int, known: Mapping[int, bool], reach: int = REACH) -> list[int]:
    """Return the frames within `reach` of `index` that nobody has searched yet, nearest first."""
    nearby = [index + sign * step for step in range(1, reach + 1) for sign in (-1, 1)]
    return [place for place in nearby if 0 <= place < n and place not in known]


def interpolate(a: Face, b: Face, weight: float) -> Face:
    """Return the face that lies `weight` of the way from `a` to `b`; its score is the lower of the two."""

    def mix(p: float, q: float) -> float:
        return round(p + (q - p) * weight, 3)

    x0, y0, x1, y1 = (mix(p, q) for p, q in zip(a.box, b.box, strict=True))
    # Where one of the two lacks some (a release may give eyes on the one frame only), there is nothing between them.
    known = zip(a.landmarks, b.landmarks, strict=True) if len(a.landmarks) == len(b.landmarks) else ()
    points = tuple((mix(p[0], q[0]), mix(p[1], q[1])) for p, q in known)
    return Face((x0, y0, x1, y1), points, min(a.score, b.score))
