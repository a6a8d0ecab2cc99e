"""Draw a person or a held sheet into registered layers of colour, infrared, depth and heat."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from fasdata.synth.person.body import render_body
from fasdata.synth.person.costume import living
from fasdata.synth.person.head import HeadMaps, HeadView, eye_points, head_of, view_head
from fasdata.synth.presentation import photo
from fasdata.synth.presentation.bona_fide import ClipSpec, Pose, blinks, trajectory
from fasdata.synth.presentation.instruments import Display, Print
from fasdata.synth.presentation.sheet import Sheet, SheetView, view_sheet
from fasdata.synth.scene.camera import FACING, Camera, Light, Patch, Window, rotation
from fasdata.synth.scene.fields import Array, blurred, bump, luminance, sample, smoothstep
from fasdata.synth.scene.places import Domain
from fasdata.synth.scene.sensors import Sensing

# -- Layers: radiance, infrared reflectance, warmth and depth ---------------------------------------------------------

_BACKDROP_WARMTH = 0.2


class Layers:
    """Registered float32 layers of one frame, H x W each.

    `light` is linear radiance (three channels), `nir` the share of a lamp's near-infrared light that comes back from
    beside the lamp, `warmth` 0-1 from room to body temperature, `depth` mm along the camera's axis.
    """

    def __init__(self, light: Array, reflectance: Array, depth: Array) -> None:
        """Start from a backdrop: its radiance, its reflectance (three channels) and its depth."""
        self.light, self.depth = light.copy(), depth.astype(np.float32, copy=True)
        self.nir = 0.8 * luminance(reflectance)
        self.warmth = np.full_like(self.depth, _BACKDROP_WARMTH)

    def lay(self, patch: Patch, nir: Array, warmth: Array | float, depth: Array) -> None:
        """Lay an object over the layers; the depth of a pixel is that of the object that covers most of it."""
        patch.over(self.light)
        for layer, value in ((self.nir, nir), (self.warmth, warmth)):
            under = layer[patch.window.slices]
            under += (value - under) * patch.coverage
        np.copyto(self.depth[patch.window.slices], depth, where=patch.coverage > 0.5, casting="same_kind")


# -- Heads, bare or under a mask --------------------------------------------------------------------------------------

Point = tuple[float, float, float]
_SHIRT_WARMTH = 0.42


@dataclass(frozen=True)
class Head:
    """A head to draw: maps, materials (`costume.living`), and how its surface reflects infrared.

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
    view = view_head(head.maps, turn, centre, camera, light, closed)
    if view is not None:
        stuff = sample(head.materials, view.u, view.v)
        layers.lay(view.patch, head.skin * _returned(view, turn, stuff[..., 0], head.soft), stuff[..., 1], view.depth)
    return eye_points(head.maps, turn, centre, camera)


def _body(window: Window, centre: Point, camera: Camera) -> tuple[Array, Array]:
    """Return how far the body faces the camera and its depth: a chest curved about the neck's axis."""
    across, _ = camera.rays(window)
    out = np.sqrt(np.clip(1 - ((across * (centre[2] + 30) - centre[0]) / 210) ** 2, 0.05, 1))
    return out, (centre[2] + 70 - 70 * out).astype(np.float32)


def _returned(view: HeadView, turn: Array, reflectance: Array, soft: float) -> Array:
    """Return the share of the light of a lamp beside the camera that comes back, with a gloss where skin faces it."""
    row = np.zeros((1, 4), np.float32)
    row[0, :3] = turn[2]
    facing = np.clip(cv2.transform(view.normals, row), 0, 1)
    shaded = reflectance * (soft + (1 - soft) * facing) * (0.6 + 0.4 * view.normals[..., 3])
    return shaded + 0.04 * cv2.pow(facing, 30.0)


# -- Sheets with a portrait: paper or a screen, held or worn before a face --------------------------------------------

_STRENGTH = (0.2, 0.9)
_BEND = (0.0012, 0.0045)  # 1/mm, the middle nearest: paper laid around a face
_HEAD_BEHIND = 98.0  # mm from the paper to the centre of the head behind it: a nose reaches through its hole
_EYES_APART = (57.0, 64.0)  # mm, of the live face that a shown one is as large as
_TOWARDS = np.array([0, 0, 1], np.float32)
# Holes in mm of a life-size face: offset from the middle of the eyes (the eyes' own from each eye), half sizes.
_HOLES = {"eyes": (0.0, 15.0, 8.0), "nose": (32.0, 15.0, 22.0), "mouth": (66.0, 28.0, 13.0)}


class HeldSheet:
    """One attack clip with a sheet; `face` is the place of a live face's eyes, in mm in the camera's frame."""

    def __init__(
        self, spec: ClipSpec, seed: int, face: Point, domain: Domain, sensing: Sensing, light: Light,
        rng: np.random.Generator,
    ) -> None:  # fmt: skip
        self._spec, self._seed, self._camera, self._light = spec, seed, domain.camera, light
        self._take = int(rng.integers(photo.TAKES))
        strength = float(rng.uniform(*_STRENGTH))
        on_screen = spec.presentation.startswith("display")
        magnify = float(rng.uniform(0.62, 0.95) if on_screen else rng.uniform(0.85, 1.05))
        worn = spec.presentation == "print-cut"
        self._magnify = float(rng.uniform(0.97, 1.04)) if worn else magnify
        draw_instrument = Display.draw if on_screen else Print.draw
        self._instrument: Print | Display = draw_instrument(rng, domain, strength)
        self._half = tuple(float(rng.uniform(*domain.sheet_reach)) * self._magnify for _ in range(2))
        self._border = float(rng.uniform(2, 10)) if on_screen else 0.0
        bent = spec.bent or spec.presentation == "print-warped"
        self._bend = -float(rng.uniform(*_BEND)) if bent else float(rng.uniform(-0.0003, 0.0003)) * (not on_screen)
        self._base = float(rng.uniform(*(sensing.screen if on_screen else sensing.paper)))
        self._contrast = float(rng.uniform(*(sensing.leak if on_screen else sensing.ink)))
        self._lamp_mirrored = float(rng.uniform(0.1, 0.6) * (rng.random() < 0.4)) if on_screen else 0.0
        self._warmth = float(rng.uniform(0.35, 0.5) if on_screen else rng.uniform(0.22, 0.45))
        self._poses = trajectory(rng, spec.frames, yaw=9, amount=0.7 * spec.sway)
        self._closed = blinks(rng, spec.frames)
        self._face, self._apart = face, float(rng.uniform(*_EYES_APART))
        self._attacker: Head | None = None
        if worn:
            behind = head_of(seed, spec.dataset, spec.subject, "attacker")
            skin, soft = float(rng.uniform(*sensing.skin)), float(rng.uniform(*sensing.soft))
            self._attacker = Head(behind, living(behind), skin, soft)

    def draw(self, layers: Layers, frame: int) -> Array:
        """Draw the frame into the layers and return the pixels of the portrait's eyes."""
        pose = self._poses[frame]
        shown = self._shown(frame)
        mm = photo.MM_PER_PIXEL * self._magnify
        eyes = (shown.eyes - (photo.WIDTH / 2 - 0.5, photo.HEIGHT / 2 - 0.5)) * mm
        between = float(np.hypot(*(eyes[1] - eyes[0])))
        # As near as makes the shown face appear as large as a live one.
        distance = self._face[2] * between / self._apart
        middle_x, middle_y = eyes.mean(0).tolist()
        x = self._face[0] * distance / self._face[2] - middle_x + 0.3 * pose.shift[0]
        y = self._face[1] * distance / self._face[2] - middle_y + 0.3 * pose.shift[1]
        centre = (x, y, distance + 0.3 * pose.shift[2])
        turn = rotation(pose.yaw, pose.pitch, pose.roll)
        half_width, half_height = self._half[0] + self._border, self._half[1] + self._border
        sheet = Sheet(half_width, half_height, self._bend, turn, centre)
        if self._attacker is not None:
            behind = (x + middle_x, y + middle_y, centre[2] + _HEAD_BEHIND)
            looking = Pose(0.8 * pose.yaw, 0.8 * pose.pitch, pose.roll, pose.shift)
            lay_person(layers, self._attacker, looking, behind, self._camera, self._light, self._closed[frame])
        view = view_sheet(sheet, self._camera)
        if view is not None:
            self._lay(layers, view, shown, eyes, mm, frame)
        return self._camera.project(sheet.to_camera(eyes))

    def _shown(self, frame: int) -> photo.Photo:
        inner = (frame // 2) % photo.VIDEO_FRAMES if self._spec.presentation == "display-video" else 0
        return photo.photo_of(self._seed, self._spec.dataset, self._spec.subject, self._take, inner)

    def _lay(self, layers: Layers, view: SheetView, shown: photo.Photo, eyes: Array, mm: float, frame: int) -> None:
        source = blurred(shown.pixels, max(0.3, 0.35 * view.footprint / mm))
        picture = sample(source, view.x / mm + (photo.WIDTH / 2 - 0.5), view.y / mm + (photo.HEIGHT / 2 - 0.5))
        inside = view.inside(*self._half)
        radiance = self._instrument.radiance(picture, inside, view, self._light, frame)
        # Printers and screens are driven to use their whole range.
        grey = np.minimum(luminance(picture) / max(float(np.percentile(luminance(shown.pixels), 95)), 0.1), 1)
        facing = view.facing(_TOWARDS)
        if isinstance(self._instrument, Display):
            mirrored = self._lamp_mirrored * bump(view.x, view.y, 8.0 - 60 * float(view.sheet.turn[0, 2]), 0, 9, 9)
            nir = self._base * (1 - self._contrast + 2 * self._contrast * grey) + mirrored
        else:
            nir = self._base * (1 - self._contrast * (1 - grey) * inside) * (0.15 + 0.85 * facing)
        patch = Patch(view.window, radiance, self._coverage(view, eyes))
        layers.lay(patch, nir.astype(np.float32), self._warmth, _depth(view))

    def _coverage(self, view: SheetView, eyes: Array) -> Array:
        coverage = view.inside(view.sheet.half_width, view.sheet.half_height)
        if self._attacker is None:
            return coverage
        middle = eyes.mean(0, keepdims=True)
        for hole in self._spec.holes:
            below, wide, high = (size * self._magnify for size in _HOLES[hole])
            for x, y in (eyes if hole == "eyes" else middle).tolist():
                far = ((view.x - x) / wide) ** 2 + ((view.y - y - below) / high) ** 2
                coverage = coverage * smoothstep(0.9, 1.1, far)
        return coverage


def _depth(view: SheetView) -> Array:
    row = (FACING @ view.sheet.turn)[2].tolist()
    lifted = row[0] * view.x + row[1] * view.y + row[2] * view.sheet.bend * view.x**2
    return (view.sheet.centre[2] + lifted).astype(np.float32)


# -- Depth and heat in eight bits, scaled to the face or to the frame, as in the releases -----------------------------


def face_relief(depth: Array, face: Array, margin: float, span: float) -> Array:
    """Return depth in mm as uint8 brightness: `margin` before the face is white, `span` mm behind that nearly black.

    0 is left to what is not the face and to what was not measured.
    """
    measured = face & (depth > 0)
    if not measured.any():
        return np.zeros(depth.shape, np.uint8)
    nearest = float(np.percentile(depth[measured], 2)) - margin
    behind = np.clip((depth.astype(np.float32) - nearest) / span, 0, 1)
    return np.where(measured, np.round(255 - 250 * behind), 0).astype(np.uint8)


def frame_scaled(values: Array, spread: float = 4.0) -> Array:
    """Return values as uint8: `spread` mean absolute deviations either side of the median fill the range.

    Values of 0 or below count as not measured, and become 0.
    """
    measured = values > 0
    if not measured.any():
        return np.zeros(values.shape, np.uint8)
    middle = float(np.median(values[measured]))
    deviation = max(float(np.median(np.abs(values[measured].astype(np.float32) - middle))), 1e-3)
    scaled = 127.5 + 127.5 * (values.astype(np.float32) - middle) / (spread * deviation)
    return np.where(measured, np.clip(np.round(scaled), 0, 255), 0).astype(np.uint8)
