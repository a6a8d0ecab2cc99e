"""Render a clip of a multi-modal dataset: registered frames of colour, infrared, depth and heat."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from fasdata.synth.person.costume import COSTUMES, living, put_on
from fasdata.synth.person.head import head_of
from fasdata.synth.presentation.bona_fide import ClipSpec, blinks, trajectory
from fasdata.synth.presentation.clip import face_box
from fasdata.synth.presentation.layers import Head, HeldSheet, Layers, Point, lay_person
from fasdata.synth.scene.camera import Camera, Light, Window
from fasdata.synth.scene.fields import Array, blurred, fractal_noise, generator
from fasdata.synth.scene.places import CROP_DOMAINS, Domain, draw_backdrop, draw_kind
from fasdata.synth.scene.sensors import SENSING, DepthCamera, InfraredCamera, Sensing, Sensor

_EYES_ABOVE = 0.13  # of the picture's height, above its middle
_EYES_DEEP = 85.0  # mm the eyes lie before the centre of the head
_OVAL = (0.96, 0.34, 1.18)  # half width, middle below the eyes, half height; in distances of the eyes
_BACKDROP = (900.0, 1600.0)  # mm
_THERMAL_NOISE = 0.012


@dataclass(frozen=True)
class Capture:
    """One frame: uint8 RGB, infrared and heat in [0, 1], depth in uint16 mm (0 = none), and where the face is."""

    colour: Array
    infrared: Array
    thermal: Array
    depth: Array
    face: Array  # bool


class _Person:
    """A person, bare or under a costume."""

    def __init__(
        self, head: Head, centre: Point, domain: Domain, light: Light, rng: np.random.Generator, frames: int
    ) -> None:
        self._head, self._centre, self._camera, self._light = head, centre, domain.camera, light
        self._poses, self._closed = trajectory(rng, frames, domain.yaw), blinks(rng, frames)

    def draw(self, layers: Layers, frame: int) -> Array:
        pose = self._poses[frame]
        x, y, z = (rest + 0.3 * shift for rest, shift in zip(self._centre, pose.shift, strict=True))
        return lay_person(layers, self._head, pose, (x, y, z), self._camera, self._light, self._closed[frame])


def render_capture(spec: ClipSpec, seed: int) -> Iterator[Capture]:
    """Yield the frames of a clip of one of `CROP_DOMAINS`; the face fills the picture."""
    rng = generator(seed, spec.dataset, spec.subject, spec.name)
    domain, sensing = CROP_DOMAINS[spec.dataset], SENSING[spec.dataset]
    camera, light = domain.camera, domain.light(rng, spec.dim)
    away = float(rng.uniform(*domain.distance))
    off_x, off_y = (float(np.clip(rng.normal(0, 4), -8, 8)) for _ in range(2))
    face_away = away - _EYES_DEEP
    face = (off_x, off_y - _EYES_ABOVE * camera.height * face_away / camera.focal, face_away)
    reflectance, depth = _backdrop(domain.backdrop, rng, camera)
    backdrop = reflectance * (light.ambient + 0.5 * light.key)
    maps = head_of(seed, spec.dataset, spec.subject)
    sensor = Sensor(domain, rng, maps.who.skin)
    infrared, depths = InfraredCamera(sensing, rng), DepthCamera(sensing, rng)
    if spec.presentation.startswith(("print", "display")):
        scene: HeldSheet | _Person = HeldSheet(spec, seed, face, domain, sensing, light, rng)
    else:
        centre = (face[0] * away / face_away, face[1] * away / face_away, away)
        scene = _Person(_head(spec, seed, sensing, rng), centre, domain, light, rng, spec.frames)
    for frame in range(spec.frames):
        layers = Layers(backdrop, reflectance, depth)
        eyes = scene.draw(layers, frame)
        outline = _outline(eyes, camera) & (layers.depth < float(depth.min()) - 1)
        if frame == 0:
            whole = Window(0, 0, camera.width, camera.height)
            sensor.meter(layers.light, [camera.window(*face_box(eyes)) or whole])
        heat = blurred(layers.warmth, 1.5) + _THERMAL_NOISE * rng.standard_normal(depth.shape, dtype=np.float32)
        yield Capture(
            sensor.develop(layers.light),
            infrared.develop(layers.nir, layers.depth, outline),
            np.clip(heat, 0, 1),
            depths.measure(layers.depth, layers.nir),
            outline,
        )


def _head(spec: ClipSpec, seed: int, sensing: Sensing, rng: np.random.Generator) -> Head:
    """Return the person before the camera: a bona fide subject, or someone with a mask of the subject."""
    maps = head_of(seed, spec.dataset, spec.subject)
    materials, skin, soft = living(maps), float(rng.uniform(*sensing.skin)), float(rng.uniform(*sensing.soft))
    if spec.presentation != "bonafide":
        maps, materials = put_on(maps, materials, COSTUMES[spec.presentation], rng)
    return Head(maps, materials, skin, soft)


def _backdrop(usual: str, rng: np.random.Generator, camera: Camera) -> tuple[Array, Array]:
    reflectance = draw_backdrop(draw_kind(usual, rng), rng, camera.height, camera.width)
    uneven = 1 + 0.04 * fractal_noise(rng, camera.height, camera.width, 60)
    return reflectance, (float(rng.uniform(*_BACKDROP)) * uneven).astype(np.float32)


def _outline(eyes: Array, camera: Camera) -> Array:
    """Return an oval from forehead to chin about the eyes: the part that a release with black background keeps.

    It stays inside a head seen from the front, so that its edge is the same curve whether a head or paper is below.
    """
    (lx, ly), (rx, ry) = eyes.tolist()
    between = float(np.hypot(rx - lx, ry - ly))
    ux, uy = (rx - lx) / between, (ry - ly) / between
    y, x = np.mgrid[: camera.height, : camera.width].astype(np.float32)
    x, y = x - (lx + rx) / 2, y - (ly + ry) / 2
    across, down = (x * ux + y * uy) / between, (y * ux - x * uy) / between
    inside: Array = (across / _OVAL[0]) ** 2 + ((down - _OVAL[1]) / _OVAL[2]) ** 2 < 1
    return inside
