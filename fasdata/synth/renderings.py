"""Depth and heat as releases store them: eight bits, scaled to the face or to the frame."""

from __future__ import annotations

import numpy as np

from fasdata.synth.fields import Array


def face_relief(depth: Array, face: Array, margin: float, span: float) -> Array:
    """Return depth in mm as uint8 brightness: `margin` before the face is white, `span` mm behind that nearly black.

    0 is left to what is not the face and to what was not measured.
    """
    measured = face & (depth > 0)
    if not measured.any():
        return np.zeros(depth.shape, np.uint8)
    nearest = float(np.percentile(depth[measured], 2)) - margin
    behind = np.clip((depth.astype(np.float32) - nearest) / span, 0, 1)
    return np.where(measured, np.round(255 - 250 * behind), 0).astype(np.uint8)


def frame_scaled(values: Array, spread: float = 4.0) -> Array:
    """Return values as uint8: `spread` mean absolute deviations either side of the median fill the range.

    Values of 0 or below count as not measured, and become 0.
    """
    measured = values > 0
    if not measured.any():
        return np.zeros(values.shape, np.uint8)
    middle = float(np.median(values[measured]))
    deviation = max(float(np.median(np.abs(values[measured].astype(np.float32) - middle))), 1e-3)
    scaled = 127.5 + 127.5 * (values.astype(np.float32) - middle) / (spread * deviation)
    return np.where(measured, np.clip(np.round(scaled), 0, 255), 0).astype(np.uint8)
