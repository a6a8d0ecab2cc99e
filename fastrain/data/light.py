"""Pixels and linear light, by the transfer function of sRGB (IEC 61966-2-1)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Light = NDArray[np.float32]
"""Linear light (H,W,3), 1 = white."""

_STEPS = 4095  # of the table back


def _tables() -> tuple[Light, NDArray[np.uint8]]:
    value, light = np.arange(256) / 255, np.arange(_STEPS + 1) / _STEPS
    to_light = np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4)
    to_value = np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)
    return to_light.astype(np.float32), np.rint(255 * to_value).astype(np.uint8)


_TO_LIGHT, _TO_PIXELS = _tables()


def light_of(image: NDArray[np.uint8]) -> Light:
    """Return the linear light of pixels."""
    return _TO_LIGHT[image]


def pixels_of(light: Light) -> NDArray[np.uint8]:
    """Return the pixels of linear light; what is out of range is clipped."""
    return _TO_PIXELS[(np.clip(light, 0, 1) * _STEPS + 0.5).astype(np.uint16)]
