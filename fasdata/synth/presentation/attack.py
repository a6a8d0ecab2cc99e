"""Render a presentation attack: a portrait on paper or on a screen, held in the place of a face."""

from __future__ import annotations

import numpy as np

from fasdata.synth.person.head import EYES_FORWARD, head_of
from fasdata.synth.presentation import photo
from fasdata.synth.presentation.bona_fide import ClipSpec, Point, Pose, blinks, draw_person, trajectory
from fasdata.synth.presentation.instruments import Display, Print
from fasdata.synth.presentation.sheet import Sheet, SheetView, view_sheet
from fasdata.synth.scene.camera import Light, Patch, rotation
from fasdata.synth.scene.fields import Array, blurred, sample, smoothstep
from fasdata.synth.scene.places import Domain

_STRENGTH = (0.2, 0.9)  # no attack is without artefacts, none is only artefact
_BEND = (0.0010, 0.0024)  # 1/mm
_EYE_HOLE = (15.0, 7.5)  # mm on a life-size print
_HEAD_BEHIND = EYES_FORWARD + 15.0  # mm from the paper to the centre of the head that looks through it


class Attack:
    """One attack clip: the instrument, its movement, and the portrait on it."""

    def __init__(
        self,
        spec: ClipSpec,
        seed: int,
        place: Point,
        domain: Domain,
        light: Light,
        rng: np.random.Generator,
    ) -> None:
        self._spec, self._seed, self._domain, self._light = spec, seed, domain, light
        self._take = int(rng.integers(photo.TAKES))
        strength = float(rng.uniform(*_STRENGTH))
        on_screen = spec.presentation.startswith("display")
        cut = spec.presentation == "print-cut"
        # An instrument smaller than life is held nearer, so that its face appears as large as a bona fide one.
        self._magnify = float(rng.uniform(0.55, 0.95) if on_screen else rng.uniform(0.75, 1.05))
        if cut:
            self._magnify = float(rng.uniform(0.95, 1.05))
        nearer = self._magnify * photo.EYE_SCALE * (1 - EYES_FORWARD / place[2])
        self._place = (place[0] * nearer, place[1] * nearer, place[2] * nearer)
        draw_instrument = Display.draw if on_screen else Print.draw
        self._instrument: Print | Display = draw_instrument(rng, domain, strength)
        self._border = float(rng.uniform(4, 12) if on_screen else max(0.0, rng.uniform(-8, 8)))
        wide, high = (float(rng.uniform(*domain.sheet_reach)) * self._magnify for _ in range(2))
        self._half = (wide, high)
        self._bend = float(rng.choice([-1, 1]) * rng.uniform(*_BEND)) if spec.presentation == "print-warped" else 0.0
        self._poses = trajectory(rng, spec.frames, yaw=9, amount=spec.sway)
        self._attacker = head_of(seed, spec.dataset, spec.subject, "attacker") if cut else None
        self._closed = blinks(rng, spec.frames)

    def draw(self, picture: Array, frame: int) -> Array:
        """Draw the frame over a picture and return the pixels of the portrait's eyes."""
        pose = self._poses[frame]
        x, y, z = (a + 0.5 * b for a, b in zip(self._place, pose.shift, strict=True))
        half_width, half_height = self._half[0] + self._border, self._half[1] + self._border
        turn = rotation(pose.yaw, pose.pitch, pose.roll)
        sheet = Sheet(half_width, half_height, self._bend, turn, (x, y, z))
        shown = self._shown(frame)
        mm = photo.MM_PER_PIXEL * self._magnify
        eyes = (shown.eyes - (photo.WIDTH / 2 - 0.5, photo.HEIGHT / 2 - 0.5)) * mm
        camera = self._domain.camera
        if self._attacker is not None:
            # The head keeps still behind the moving paper, its eyes at the holes.
            behind = (x + float(eyes[:, 0].mean()), y + float(eyes[:, 1].mean()), z + _HEAD_BEHIND)
            looking = Pose(0.1 * pose.yaw, 0.1 * pose.pitch, pose.roll, pose.shift)
            draw_person(picture, self._attacker, looking, behind, camera, self._light, self._closed[frame])
        view = view_sheet(sheet, camera)
        if view is not None:
            Patch(view.window, self._radiance(shown, view, mm, frame), self._coverage(view, eyes)).over(picture)
        return camera.project(sheet.to_camera(eyes))

    def _shown(self, frame: int) -> photo.Photo:
        moving = self._spec.presentation == "display-video"
        inner = (frame // 2) % photo.VIDEO_FRAMES if moving else 0
        return photo.photo_of(self._seed, self._spec.dataset, self._spec.subject, self._take, inner)

    def _radiance(self, shown: photo.Photo, view: SheetView, mm: float, frame: int) -> Array:
        # One pixel of the camera averages over several of the photo.
        source = blurred(shown.pixels, max(0.3, 0.35 * view.footprint / mm))
        picture = sample(source, view.x / mm + (photo.WIDTH / 2 - 0.5), view.y / mm + (photo.HEIGHT / 2 - 0.5))
        return self._instrument.radiance(picture, view.inside(*self._half), view, self._light, frame)

    def _coverage(self, view: SheetView, eyes: Array) -> Array:
        coverage = view.inside(view.sheet.half_width, view.sheet.half_height)
        if self._attacker is not None:
            wide, high = _EYE_HOLE[0] * self._magnify, _EYE_HOLE[1] * self._magnify
            for x, y in eyes.tolist():
                coverage = coverage * smoothstep(0.9, 1.1, ((view.x - x) / wide) ** 2 + ((view.y - y) / high) ** 2)
        return coverage
