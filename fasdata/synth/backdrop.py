"""What is behind a face."""

from __future__ import annotations

import cv2
import numpy as np

from fasdata.synth.fields import Array, blurred, fractal_noise, smoothstep

KINDS = ("plain", "shelf", "office", "outdoor")
_USUAL_SHARE = 0.6
_PANEL_SHARE = 0.6


def draw_kind(usual: str, rng: np.random.Generator) -> str:
    """Return the usual kind of a place more often than not, else any: a backdrop alone must not tell an attack."""
    return usual if rng.random() < _USUAL_SHARE else KINDS[int(rng.integers(len(KINDS)))]


def draw_backdrop(kind: str, rng: np.random.Generator, height: int, width: int) -> Array:
    """Return the linear reflectance of a backdrop, HxWx3."""
    clouds = fractal_noise(rng, height, width, 60)[..., None]
    drawn = {"plain": _plain, "shelf": _shelf, "office": _office, "outdoor": _outdoor}[kind](rng, height, width, clouds)
    return np.clip(drawn, 0.005, 2).astype(np.float32)


def _muted(rng: np.random.Generator, low: float, high: float) -> Array:
    """Return a colour as walls and things have it: a grey with a little of a hue."""
    return (0.3 * rng.uniform(low, high, 3) + 0.7 * rng.uniform(low, high)).astype(np.float32)


def _plain(rng: np.random.Generator, height: int, width: int, clouds: Array) -> Array:
    x = np.linspace(-0.5, 0.5, width, dtype=np.float32)[None, :, None]
    y = np.linspace(0, 1, height, dtype=np.float32)[:, None, None]
    picture = np.ones((height, width, 3), np.float32) * _muted(rng, 0.25, 0.55)
    if rng.random() < _PANEL_SHARE:  # a door or a board: not every straight edge is that of an attack
        left, top = int(width * rng.uniform(0.1, 0.4)), int(height * rng.uniform(-0.1, 0.25))
        right, bottom = left + int(width * rng.uniform(0.35, 0.6)), int(height * rng.uniform(0.6, 1.1))
        panel, edge = ([float(c) for c in _muted(rng, 0.05, 0.7)] for _ in range(2))
        cv2.rectangle(picture, (left, top), (right, bottom), panel, -1)
        cv2.rectangle(picture, (left, top), (right, bottom), edge, int(rng.integers(1, 6)))
        picture = blurred(picture, 1.2)
    return picture * (1 + 0.15 * x - 0.12 * y + 0.03 * clouds)


def _shelf(rng: np.random.Generator, height: int, width: int, clouds: Array) -> Array:
    shelf = height // 5
    picture = np.ones((height, width, 3), np.float32) * _muted(rng, 0.12, 0.4)
    for _ in range(26 * width // 320):  # books
        left, floor = int(rng.integers(-20, width)), (int(rng.integers(0, 5)) + 1) * shelf
        wide, high = int(rng.integers(6, 26)), int(rng.integers(height // 9, shelf))
        colour = [float(c) for c in _muted(rng, 0.03, 0.5)]
        cv2.rectangle(picture, (left, floor - high), (left + wide, floor), colour, -1)
    for board in range(1, 6):
        cv2.line(picture, (0, board * shelf), (width, board * shelf), (0.05, 0.035, 0.02), 3)
    return blurred(picture, 1.6) * (1 + 0.05 * clouds)


def _office(rng: np.random.Generator, height: int, width: int, clouds: Array) -> Array:
    picture = np.ones((height, width, 3), np.float32) * np.array([0.16, 0.18, 0.20], np.float32)
    wide, top, bottom = int(width * 0.28), height // 24, int(height * 0.54)
    left = int(rng.integers(0, width - wide))
    picture[top:bottom, left : left + wide] = rng.uniform(0.5, 0.9) * np.array([0.8, 0.95, 1.1], np.float32)
    picture[top:bottom, left + wide // 2 - 2 : left + wide // 2 + 2] = 0.1
    picture[int(height * 0.7) :] *= 0.5  # a desk
    return blurred(picture, 3) * (1 + 0.08 * clouds)


def _outdoor(rng: np.random.Generator, height: int, width: int, clouds: Array) -> Array:
    leaves = fractal_noise(rng, height, width, 26, 4, 0.7)
    green = np.stack([0.22 + 0.08 * leaves, 0.30 + 0.11 * leaves, 0.12 + 0.06 * leaves], -1)
    y = np.linspace(0, 1, height, dtype=np.float32)[:, None]
    sky = smoothstep(0.45, 0.2, y + 0.12 * clouds[..., 0])[..., None]
    picture = green * (1 - sky) + sky * np.array([0.75, 0.88, 1.1], np.float32)
    return blurred(picture.astype(np.float32), 1.8)
