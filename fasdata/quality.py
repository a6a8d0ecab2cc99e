"""How good a stored face is: sharpness and brightness of its pixels, size and pose from its box and points.

The names in `COLUMNS` are columns of a store's `index.parquet`, one row a frame, for filters, breakdowns and reports.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

COLUMNS = ("sharpness", "brightness", "face_size", "eye_distance", "roll", "yaw", "pitch")
SIDE = 128  # pixels of the longer side of a face at which sharpness is compared


# -- Grades, to group clips by ----------------------------------------------------------------------------------------

_GRADES: dict[str, tuple[tuple[float, str], ...]] = {
    "face_size": ((48, "under 48 px"), (96, "48 to 95 px"), (192, "96 to 191 px"), (math.inf, "192 px and more")),
    "sharpness": ((5, "blurred (under 5)"), (20, "5 to 20"), (80, "20 to 80"), (math.inf, "over 80")),
    "brightness": ((40, "dim (under 40)"), (100, "40 to 99"), (160, "100 to 159"), (220, "160 to 219"),
                   (math.inf, "bright (220 and more)")),
    "yaw": ((0.2, "frontal (to 0.2)"), (0.5, "turned (0.2 to 0.5)"), (math.inf, "far turned (over 0.5)")),
}  # fmt: skip
GRADED = tuple(_GRADES)


def grades_of(name: str) -> tuple[str, ...]:
    """Return the grades of a measure from low to high.

    >>> grades_of("yaw")
    ('frontal (to 0.2)', 'turned (0.2 to 0.5)', 'far turned (over 0.5)')
    """
    return tuple(words for _, words in _GRADES[name])


def grade(name: str, value: float) -> str:
    """Return the grade of a measure, for people and for tables; of `yaw` its side means nothing.

    >>> grade("face_size", 78.9), grade("yaw", -0.31)
    ('48 to 95 px', 'turned (0.2 to 0.5)')
    """
    number = abs(value) if name == "yaw" else value
    return next(words for end, words in _GRADES[name] if number < end)


# -- Of the pixels ----------------------------------------------------------------------------------------------------


def face_in_crop(image: np.ndarray, box: Sequence[float], region: Sequence[int], scale: float) -> np.ndarray:
    """Return the part of a stored crop inside the face box; all of it where there is no box."""
    if not all(map(math.isfinite, box)):
        return image
    x0, y0 = ((box[axis] - region[axis]) * scale for axis in (0, 1))
    x1, y1 = ((box[axis + 2] - region[axis]) * scale for axis in (0, 1))
    inside = image[max(0, math.floor(y0)) : math.ceil(y1) + 1, max(0, math.floor(x0)) : math.ceil(x1) + 1]
    return inside if inside.size else image


def measure(face: np.ndarray) -> tuple[float, float]:
    """Return the variance of the Laplacian and the mean luma (0 to 255) of a face (RGB or one channel, uint8).

    Sharpness depends on size, so the face is first scaled to 128 pixels on its longer side: a small, enlarged face
    counts as blurred, as a network sees it. Both have six digits at most.
    """
    import cv2

    grey: Any = cv2.cvtColor(face, cv2.COLOR_RGB2GRAY) if face.ndim == 3 else face
    height, width = grey.shape
    factor = SIDE / max(height, width)
    size = (max(1, round(width * factor)), max(1, round(height * factor)))
    resized = cv2.resize(grey, size, interpolation=cv2.INTER_AREA if factor < 1 else cv2.INTER_LINEAR)
    sharpness = float(cv2.Laplacian(resized, cv2.CV_64F).var())
    return _six_digits(sharpness), _six_digits(float(grey.mean()))


def _six_digits(value: float) -> float:
    return float(f"{value:.6g}")


# -- Of box and points, by geometry alone -----------------------------------------------------------------------------

# Points are (n, 5, 2): left eye, right eye (as seen in the image), nose, left and right mouth corner; x right, y down.


def geometry(box: Sequence[float] | None, landmarks: Sequence[Sequence[float]] | None) -> dict[str, float | None]:
    """Return size and pose of a face; None where they are not known.

    >>> five = [(30, 40), (70, 40), (50, 62), (35, 84), (65, 84)]
    >>> geometry((0, 0, 100, 120), five)
    {'face_size': 120.0, 'eye_distance': 40.0, 'roll': 0.0, 'yaw': 0.0, 'pitch': 0.5}
    """
    known = dict.fromkeys(COLUMNS[2:], math.nan)
    if box is not None:
        known["face_size"] = max(box[2] - box[0], box[3] - box[1])
    if landmarks is not None and len(landmarks) >= 2:
        points = np.full((1, 5, 2), np.nan)
        points[0, : len(landmarks)] = landmarks
        known["eye_distance"], known["roll"] = float(eye_distance(points)[0]), float(roll(points)[0])
        known["yaw"], known["pitch"] = float(yaw_ratio(points)[0]), float(pitch_ratio(points)[0])
    return {name: round(value, 4) + 0.0 if math.isfinite(value) else None for name, value in known.items()}


def eye_distance(points: np.ndarray) -> np.ndarray:
    """Return the distance between the eyes in pixels, (n,)."""
    return np.asarray(np.hypot(*_between_eyes(points).T))


def roll(points: np.ndarray) -> np.ndarray:
    """Return the angle of the line through the eyes in degrees, (n,); positive = turned clockwise in the image.

    It is exact: the angle that an alignment by the eyes removes.
    """
    dx, dy = _between_eyes(points).T
    return np.asarray(np.degrees(np.arctan2(dy, dx)))


def yaw_ratio(points: np.ndarray) -> np.ndarray:
    """Return the distance of the nose from the middle of the eyes, in halves of the eye distance, (n,).

    0 = frontal; -1 and 1 = the nose is level with the left or right eye of the image. The nose is projected onto the
    line through the eyes, so roll has no influence. It is a ratio: five points in a plane determine no angle. NaN
    where the eyes coincide.
    """
    line = _between_eyes(points)
    middle = (points[:, 0] + points[:, 1]) / 2
    squared = (line**2).sum(1)
    along = ((points[:, 2] - middle) * line).sum(1)
    return np.divide(2 * along, squared, out=np.full(len(points), np.nan), where=squared > 0)


def pitch_ratio(points: np.ndarray) -> np.ndarray:
    """Return how far down the nose lies from the middle of the eyes (0) to that of the mouth (1), (n,).

    Around 0.5 to 0.6 = frontal; less = the face looks up, more = it looks down. The nose is projected onto the line
    between the two. A ratio, as `yaw_ratio`. NaN where the two coincide.
    """
    eyes, mouth = (points[:, 0] + points[:, 1]) / 2, (points[:, 3] + points[:, 4]) / 2
    line = mouth - eyes
    squared = (line**2).sum(1)
    along = ((points[:, 2] - eyes) * line).sum(1)
    return np.divide(along, squared, out=np.full(len(points), np.nan), where=squared > 0)


def _between_eyes(points: np.ndarray) -> np.ndarray:
    return np.asarray(points[:, 1] - points[:, 0])
