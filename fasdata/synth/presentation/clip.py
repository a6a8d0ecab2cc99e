"""Render a colour clip: a person before a camera, or an attack with that person's face."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from fasdata.synth.person.head import head_of
from fasdata.synth.presentation.attack import Attack
from fasdata.synth.presentation.bona_fide import BonaFide, ClipSpec
from fasdata.synth.scene.camera import Camera, Window
from fasdata.synth.scene.fields import Array, generator
from fasdata.synth.scene.places import DOMAINS, draw_backdrop, draw_kind
from fasdata.synth.scene.sensors import Sensor


@dataclass(frozen=True)
class Shot:
    """One frame, uint8 RGB, and the true place of the face: eyes 2 x 2 (image-left first), box x0, y0, x1, y1."""

    picture: Array
    eyes: Array
    box: tuple[int, int, int, int]


def render_clip(spec: ClipSpec, seed: int) -> Iterator[Shot]:
    """Yield the frames of a clip."""
    rng = generator(seed, spec.dataset, spec.subject, spec.name)
    domain = DOMAINS[spec.dataset]
    camera, light = domain.camera, domain.light(rng, spec.dim)
    distance = float(rng.uniform(*domain.distance))
    place = (float(np.clip(rng.normal(0, 20), -40, 40)), float(np.clip(rng.normal(-8, 8), -24, 8)), distance)
    kind = draw_kind(domain.backdrop, rng)
    backdrop = draw_backdrop(kind, rng, camera.height, camera.width) * (light.ambient + 0.5 * light.key)
    maps = head_of(seed, spec.dataset, spec.subject)
    sensor = Sensor(domain, rng, maps.who.skin)
    if spec.presentation == "bonafide":
        scene: Attack | BonaFide = BonaFide(maps, place, domain, light, rng, spec.frames)
    else:
        scene = Attack(spec, seed, place, domain, light, rng)
    for frame in range(spec.frames):
        picture = backdrop.copy()
        eyes = scene.draw(picture, frame)
        box = face_box(eyes)
        if frame == 0:
            sensor.meter(picture, _metered(eyes, camera))
        yield Shot(sensor.develop(picture), eyes, box)


def _metered(eyes: Array, camera: Camera) -> list[Window]:
    """Return the areas that a camera meters: squares in, about and around the face, so that its middle counts most."""
    x, y = eyes.mean(0).tolist()
    between = float(np.hypot(*(eyes[1] - eyes[0])))
    y += 0.3 * between
    halves = [half * between for half in (1.0, 1.4, 1.85)]
    windows = [camera.window(x - half, y - half, x + half, y + half) for half in halves]
    return [window or Window(0, 0, camera.width, camera.height) for window in windows]


def face_box(eyes: Array) -> tuple[int, int, int, int]:
    """Return the box of a face from its eyes, in proportion to their distance, as detectors place it."""
    (lx, ly), (rx, ry) = eyes.tolist()
    x, y, between = (lx + rx) / 2, (ly + ry) / 2, float(np.hypot(rx - lx, ry - ly))
    left, top, right, bottom = x - 1.06 * between, y - 1.14 * between, x + 1.06 * between, y + 1.68 * between
    return round(left), round(top), round(right), round(bottom)
