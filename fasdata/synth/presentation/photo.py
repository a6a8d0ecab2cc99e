"""Render the photo of an attack: a portrait of the subject, taken earlier in other light."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from fasdata.synth.person.head import EYES_FORWARD, head_of
from fasdata.synth.presentation.bona_fide import Pose, blinks, draw_person, trajectory
from fasdata.synth.scene.camera import Camera, photo_light
from fasdata.synth.scene.fields import Array, generator
from fasdata.synth.scene.places import CROP_DOMAINS, DOMAINS, draw_backdrop, draw_kind

WIDTH, HEIGHT = 312, 312
MM_PER_PIXEL = 1.25  # of a life-size face
TAKES = 2  # different portraits of a person
VIDEO_FRAMES = 4  # frames of a portrait video; it is shown at half the camera's rate and starts again

_DISTANCE = 800.0
EYE_SCALE = _DISTANCE / (_DISTANCE - EYES_FORWARD)  # the eyes are nearer than the head's centre, thus larger
_EYES_ABOVE_MIDDLE = 8.0  # mm
_SAME_PLACE = 0.5  # share of portraits taken in the light of the dataset
_EXPOSURE = 1.2  # linear level of the light in the portrait


@dataclass(frozen=True)
class Photo:
    """Linear radiance about 0-1, HEIGHT x WIDTH x 3, and the pixels of the two eyes in it, 2 x 2."""

    pixels: Array
    eyes: Array


@lru_cache(maxsize=TAKES * VIDEO_FRAMES)
def photo_of(seed: int, dataset: str, subject: str, take: int, frame: int) -> Photo:
    """Return one frame of a portrait; all attack clips on a person share the same few."""
    rng = generator(seed, dataset, subject, "portrait", take)
    domain = DOMAINS[dataset] if dataset in DOMAINS else CROP_DOMAINS[dataset]
    light = domain.light(rng, dim=False) if rng.random() < _SAME_PLACE else photo_light(rng)
    backdrop = draw_backdrop(draw_kind(domain.backdrop, rng), rng, HEIGHT, WIDTH)
    pixels = backdrop * (light.ambient + 0.5 * light.key)
    moved = trajectory(rng, VIDEO_FRAMES, yaw=8)[frame]
    closed = blinks(rng, VIDEO_FRAMES)[frame] if frame else 0.0
    pose = Pose(0.7 * moved.yaw, moved.pitch, moved.roll, moved.shift)
    centre = (0.5 * moved.shift[0], 0.4 * moved.shift[1] - _EYES_ABOVE_MIDDLE, _DISTANCE)
    camera = Camera(_DISTANCE / MM_PER_PIXEL, WIDTH, HEIGHT)
    eyes = draw_person(pixels, head_of(seed, dataset, subject), pose, centre, camera, light, closed)
    return Photo((pixels * (_EXPOSURE / light.level)).clip(0, 1), eyes)
