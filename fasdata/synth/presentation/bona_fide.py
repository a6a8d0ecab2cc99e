"""Specify a clip, move and blink, and render a bona fide presentation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from fasdata.synth.person.body import render_body
from fasdata.synth.person.head import HeadMaps, eye_points, render_head
from fasdata.synth.scene.camera import Camera, Light, rotation
from fasdata.synth.scene.fields import Array
from fasdata.synth.scene.places import Domain

# -- The content of a clip --------------------------------------------------------------------------------------------

Presentation = Literal[
    "bonafide", "print-flat", "print-warped", "print-cut", "display-photo", "display-video",
    "mask-rigid", "mask-silicone", "mask-paper", "mask-transparent", "mask-half",
    "glasses-funny", "glasses-paper", "mannequin",
]  # fmt: skip


@dataclass(frozen=True)
class ClipSpec:
    """The content of a clip; `name` is unique in its dataset and, with the seed, determines every pixel.

    `sway` scales how far an instrument moves (0 = on a stand), `dim` is the poor light of a session.
    `holes` is what is cut out of a "print-cut" in the multi-modal sets, `bent` whether its paper is.
    """

    dataset: str
    subject: str
    name: str
    presentation: Presentation
    frames: int
    dim: bool = False
    sway: float = 0.7
    holes: tuple[Literal["eyes", "nose", "mouth"], ...] = ("eyes",)
    bent: bool = False


# -- Movements and blinks ---------------------------------------------------------------------------------------------

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
    """Return how far the eyes are closed (0-1) in each frame; a clip has one blink."""
    closed = [0.0] * frames
    at = int(rng.integers(1, max(2, frames - 2)))
    for frame, amount in ((at, 1.0), (at + 1, 0.5)):
        if frame < frames:
            closed[frame] = amount
    return closed


# -- Bona fide presentations ------------------------------------------------------------------------------------------

Point = tuple[float, float, float]


class BonaFide:
    """One clip of a person; `place` is the rest position of the head, in mm in the camera's frame."""

    def __init__(
        self, maps: HeadMaps, place: Point, domain: Domain, light: Light, rng: np.random.Generator, frames: int
    ) -> None:
        self._maps, self._place, self._camera, self._light = maps, place, domain.camera, light
        self._poses, self._closed = trajectory(rng, frames, domain.yaw), blinks(rng, frames)

    def draw(self, picture: Array, frame: int) -> Array:
        """Draw the frame over a picture of linear light and return the eyes' pixels."""
        pose = self._poses[frame]
        x, y, z = (rest + shift for rest, shift in zip(self._place, pose.shift, strict=True))
        return draw_person(picture, self._maps, pose, (x, y, z), self._camera, self._light, self._closed[frame])


def draw_person(
    picture: Array, maps: HeadMaps, pose: Pose, centre: Point, camera: Camera, light: Light, closed: float
) -> Array:
    """Draw a body and its head, centred at `centre`, over a picture of linear light; return the eyes' pixels."""
    turn = rotation(pose.yaw, pose.pitch, pose.roll)
    body = render_body(maps.who, centre, camera, light)
    head = render_head(maps, turn, centre, camera, light, closed)
    for patch in (body, head):
        if patch is not None:
            patch.over(picture)
    return eye_points(maps, turn, centre, camera)
