"""Smooth scalar fields to build the world from, and its random generators; all arrays are float32."""

from __future__ import annotations

import hashlib

import cv2
import numpy as np

# -- Smooth scalar fields ---------------------------------------------------------------------------------------------

Array = np.ndarray


def smoothstep(start: float, end: float, x: Array) -> Array:
    """Return the cubic ramp from 0 at `start` to 1 at `end`; a falling ramp if `end` < `start`."""
    t = np.clip((x - start) / (end - start), 0, 1)
    return t * t * (3 - 2 * t)


def bump(x: Array, y: Array, cx: float, cy: float, sx: float, sy: float) -> Array:
    """Return a Gaussian of height 1 at (cx, cy) with standard deviations sx, sy."""
    return np.exp(-0.5 * (((x - cx) / sx) ** 2 + ((y - cy) / sy) ** 2))


def ridge(x: Array, centre: Array | float, sd: float) -> Array:
    """Return a Gaussian in one direction: a soft line along `centre`."""
    return np.exp(-0.5 * ((x - centre) / sd) ** 2)


def fractal_noise(
    rng: np.random.Generator, height: int, width: int, cell: float, octaves: int = 3, gain: float = 0.55
) -> Array:
    """Return fractional Brownian noise of about unit variance whose coarsest features span `cell` pixels."""
    total = np.zeros((height, width), np.float32)
    amplitude, power = 1.0, 0.0
    for octave in range(octaves):
        step = max(cell / 2**octave, 1.0)
        coarse = rng.standard_normal((int(height / step) + 3, int(width / step) + 3), dtype=np.float32)
        size = (int(coarse.shape[1] * step), int(coarse.shape[0] * step))
        total += amplitude * cv2.resize(coarse, size, interpolation=cv2.INTER_CUBIC)[:height, :width]
        power += amplitude**2
        amplitude *= gain
    return total / float(np.sqrt(power))


def luminance(image: Array) -> Array:
    """Return the mean of the three channels, HxW."""
    return cv2.transform(image, np.full((1, 3), 1 / 3, np.float32))


def sample(image: Array, u: Array, v: Array) -> Array:
    """Return `image` at the pixel coordinates (u, v), bilinear, the border repeated."""
    return cv2.remap(image, u, v, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)


def blurred(image: Array, sd: float) -> Array:
    """Return `image` blurred by a Gaussian of `sd` pixels."""
    return cv2.GaussianBlur(image, (0, 0), sd)


# -- Random numbers that depend on a name alone, never on earlier draws -----------------------------------------------


def generator(*key: object) -> np.random.Generator:
    """Return the generator of `key`: a PCG64 seeded with the sha256 of its parts joined by slashes.

    Because no stream is shared, any clip can be made alone, in any order and in any process, with the same result.
    """
    digest = hashlib.sha256("/".join(map(str, key)).encode()).digest()
    return np.random.Generator(np.random.PCG64(int.from_bytes(digest[:16], "little")))
