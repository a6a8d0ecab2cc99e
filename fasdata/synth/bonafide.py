"""A bona fide presentation: a living person who moves and blinks."""

from __future__ import annotations

import numpy as np

from fasdata.synth.body import render_body
from fasdata.synth.camera import Camera, rotation
from fasdata.synth.domains import Domain
from fasdata.synth.fields import Array
from fasdata.synth.headmaps import HeadMaps
from fasdata.synth.headrender import eye_points, render_head
from fasdata.synth.light import Light
from fasdata.synth.motion import Pose, blinks, trajectory

Point = tuple[float, float, float]


class BonaFide:
    """One clip of a person; `place` is where the head rests, in mm in the camera's frame."""

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
