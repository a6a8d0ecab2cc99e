"""A head, as itself or under a mask, in all layers."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from fasdata.synth.body import render_body
from fasdata.synth.camera import Camera, Window, rotation
from fasdata.synth.fields import Array, sample
from fasdata.synth.headmaps import HeadMaps
from fasdata.synth.headrender import SeenHead, eye_points, see_head
from fasdata.synth.layers import Layers
from fasdata.synth.light import Light
from fasdata.synth.motion import Pose

Point = tuple[float, float, float]
_SHIRT_WARMTH = 0.42


@dataclass(frozen=True)
class Head:
    """A head to draw: maps, materials (`materials.living`), and how its surface answers infrared.

    `skin` scales what comes back; `soft` is the share that went below the skin and so comes back whatever the angle.
    """

    maps: HeadMaps
    materials: Array
    skin: float
    soft: float


def lay_person(
    layers: Layers, head: Head, pose: Pose, centre: Point, camera: Camera, light: Light, closed: float
) -> Array:
    """Draw a body and its head, centred at `centre`, into the layers; return the eyes' pixels."""
    turn = rotation(pose.yaw, pose.pitch, pose.roll)
    body = render_body(head.maps.who, centre, camera, light)
    if body is not None:
        facing, depth = _body(body.window, centre, camera)
        cloth = 0.25 + 0.5 * float(head.maps.who.shirt.mean())
        layers.lay(body, cloth * facing, _SHIRT_WARMTH, depth)
    seen = see_head(head.maps, turn, centre, camera, light, closed)
    if seen is not None:
        stuff = sample(head.materials, seen.u, seen.v)
        layers.lay(seen.patch, head.skin * _returned(seen, turn, stuff[..., 0], head.soft), stuff[..., 1], seen.depth)
    return eye_points(head.maps, turn, centre, camera)


def _body(window: Window, centre: Point, camera: Camera) -> tuple[Array, Array]:
    """Return how far the body faces the camera and its depth: a chest curved about the neck's axis."""
    across, _ = camera.rays(window)
    out = np.sqrt(np.clip(1 - ((across * (centre[2] + 30) - centre[0]) / 210) ** 2, 0.05, 1))
    return out, (centre[2] + 70 - 70 * out).astype(np.float32)


def _returned(seen: SeenHead, turn: Array, reflectance: Array, soft: float) -> Array:
    """Return the share of the light of a lamp beside the camera that comes back, with a gloss where skin faces it."""
    row = np.zeros((1, 4), np.float32)
    row[0, :3] = turn[2]
    facing = np.clip(cv2.transform(seen.normals, row), 0, 1)
    shaded = reflectance * (soft + (1 - soft) * facing) * (0.6 + 0.4 * seen.normals[..., 3])
    return shaded + 0.04 * cv2.pow(facing, 30.0)
