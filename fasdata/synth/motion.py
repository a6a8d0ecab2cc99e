"""How a head or a hand moves during a clip, and when eyes close."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

_DEGREE = float(np.pi / 180)


@dataclass(frozen=True)
class Pose:
    """Angles in radians, shifts in mm along the camera's axes."""

    yaw: float
    pitch: float
    roll: float
    shift: tuple[float, float, float]


def trajectory(rng: np.random.Generator, frames: int, yaw: float, amount: float = 1.0) -> list[Pose]:
    """Return a smooth path of poses: two sines a degree of freedom about a random rest; `yaw` in degrees.

    Pitch stays within about 8 degrees, because face detectors lose faces that look up or down further.
    """
    time = np.arange(frames) / frames

    def sway(size: float) -> np.ndarray:
        slow = np.sin(2 * np.pi * (time * rng.uniform(0.3, 1.1) + rng.random()))
        fast = np.sin(2 * np.pi * (time * rng.uniform(1.5, 3) + rng.random()))
        return size * (slow + 0.25 * fast)

    def rest(sd: float) -> float:
        return float(np.clip(rng.normal(0, sd), -1.5 * sd, 1.5 * sd)) * _DEGREE

    yaws = sway(yaw * _DEGREE * amount * rng.uniform(0.4, 1)) + rest(3)
    pitches = sway(4 * _DEGREE * amount) + rest(2.5)
    rolls = sway(4 * _DEGREE * amount) + rest(2)
    xs, ys, zs = sway(10 * amount), sway(6 * amount), sway(12 * amount)
    paths = zip(yaws.tolist(), pitches.tolist(), rolls.tolist(), xs.tolist(), ys.tolist(), zs.tolist(), strict=True)
    return [Pose(a, b, c, (x, y, z)) for a, b, c, x, y, z in paths]


def blinks(rng: np.random.Generator, frames: int) -> list[float]:
    """Return how far the eyes are closed (0-1) in each frame: one blink a clip."""
    closed = [0.0] * frames
    at = int(rng.integers(1, max(2, frames - 2)))
    for frame, amount in ((at, 1.0), (at + 1, 0.5)):
        if frame < frames:
            closed[frame] = amount
    return closed
