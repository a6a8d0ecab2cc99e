"""What to do on a frame without a face, as a pure function of the faces around it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from fasdata.records import Face, FaceStatus

REACH = 15  # frames: the oldest box that may be held or followed, the widest gap that may be bridged


@dataclass(frozen=True)
class Outcome:
    """The face of a frame and how it was come by; `shift` frames away when another frame stands in."""

    status: FaceStatus
    face: Face | None = None
    shift: int = 0


def fall_back(index: int, faces: Mapping[int, Face], given: Mapping[int, Face] = {}) -> Outcome:
    """Return the outcome for frame `index`, on which no face was observed, from the `faces` of other frames.

    In this order: landmarks interpolated between two hits at most 15 frames apart (`interp`); the last box, at most
    15 frames old (`hold`); the release's own box (`given`); the nearest later frame with a face, at most 15 away,
    which then stands in with its own pixels (`shift`); otherwise `skip`. Never the whole frame.
    """
    before, after = (next((at for at in side if at in faces), None) for side in _around(index))
    if before is not None and after is not None and after - before <= REACH:
        return Outcome("interp", interpolate(faces[before], faces[after], (index - before) / (after - before)))
    if before is not None:
        return Outcome("hold", faces[before])
    if index in given:
        return Outcome("given", given[index])
    if after is not None:
        return Outcome("shift", faces[after], after - index)
    return Outcome("skip")


def still_to_search(index: int, n: int, searched: Mapping[int, bool], reach: int = REACH) -> list[int]:
    """Return the frames up to `reach` away that may yet show a face nearer to `index` than those known.

    Once they are searched, the outcome of the frame depends on no other frame, so that it is the same whatever else
    was searched.
    """
    wanted = []
    for side in _around(index):
        for at in side[:reach]:
            if searched.get(at, False) or not 0 <= at < n:
                break
            if at not in searched:
                wanted.append(at)
    return sorted(wanted)


def _around(index: int) -> tuple[range, range]:
    """The frames before and after, nearest first."""
    return range(index - 1, index - REACH - 1, -1), range(index + 1, index + REACH + 1)


def interpolate(a: Face, b: Face, weight: float) -> Face:
    """Return the face that lies `weight` of the way from `a` to `b`; its score is the lower of the two."""

    def mix(p: float, q: float) -> float:
        return round(p + (q - p) * weight, 3)

    x0, y0, x1, y1 = (mix(p, q) for p, q in zip(a.box, b.box, strict=True))
    # Where one of the two lacks some (a release may give eyes on the one frame only), there is nothing between them.
    known = zip(a.landmarks, b.landmarks, strict=True) if len(a.landmarks) == len(b.landmarks) else ()
    points = tuple((mix(p[0], q[0]), mix(p[1], q[1])) for p, q in known)
    return Face((x0, y0, x1, y1), points, min(a.score, b.score))
