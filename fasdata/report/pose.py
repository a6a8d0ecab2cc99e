"""What five points tell of a face: size, and how the head is turned. Pure geometry, no model."""

from __future__ import annotations

import numpy as np

# Points are (n, 5, 2): left eye, right eye (as seen in the image), nose, left and right mouth corner; x right, y down.


def eye_distance(points: np.ndarray) -> np.ndarray:
    """Return the distance between the eyes in pixels, (n,)."""
    return np.asarray(np.hypot(*_between_eyes(points).T))


def roll(points: np.ndarray) -> np.ndarray:
    """Return the angle of the line through the eyes in degrees, (n,); positive = turned clockwise in the image.

    This one is exact: it is the angle that an alignment by the eyes takes out.
    """
    dx, dy = _between_eyes(points).T
    return np.asarray(np.degrees(np.arctan2(dy, dx)))


def yaw_ratio(points: np.ndarray) -> np.ndarray:
    """Return how far the nose lies off the middle of the eyes, in halves of the eye distance, (n,).

    0 = frontal; -1 and 1 = the nose stands over the left or right eye of the image. The nose is projected onto the
    line through the eyes, so roll does not count. A ratio, no angle: five points in a plane hold none. NaN where the
    eyes coincide.
    """
    line = _between_eyes(points)
    middle = (points[:, 0] + points[:, 1]) / 2
    squared = (line**2).sum(1)
    along = ((points[:, 2] - middle) * line).sum(1)
    return np.divide(2 * along, squared, out=np.full(len(points), np.nan), where=squared > 0)


def _between_eyes(points: np.ndarray) -> np.ndarray:
    return np.asarray(points[:, 1] - points[:, 0])
