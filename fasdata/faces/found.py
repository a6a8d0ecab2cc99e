"""From what a network put out to faces."""

from __future__ import annotations

import numpy as np

from fasdata.records import Face


def found_face(corners: np.ndarray, points: np.ndarray, score: float) -> Face:
    """Return the face of two box corners (2, 2), landmarks (n, 2) and a score.

    Coordinates are rounded to 1/1000 px, far below any detector's precision: it keeps records short and their hashes
    steady.
    """
    (x0, y0), (x1, y1) = ((round(float(x), 3), round(float(y), 3)) for x, y in corners)
    marks = tuple((round(float(x), 3), round(float(y), 3)) for x, y in points)
    return Face((x0, y0, x1, y1), marks, round(min(1.0, max(0.0, float(score))), 5))
