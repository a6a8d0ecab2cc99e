"""Project the flat or bent sheet of an attack: paper or a screen, held before the camera."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fasdata.synth.scene.camera import FACING, Camera, Light, Window, unit
from fasdata.synth.scene.fields import Array


@dataclass(frozen=True)
class Sheet:
    """A rectangle of half sizes in mm; `bend` k curls it to z = k x^2 about its upright axis (1/mm)."""

    half_width: float
    half_height: float
    bend: float
    turn: Array
    centre: tuple[float, float, float]

    def to_camera(self, points: Array) -> Array:
        """Return points x, y of the sheet (mm), ... x 2, in the camera's frame, ... x 3."""
        lifted = np.concatenate([points, self.bend * points[..., :1] ** 2], -1).astype(np.float32)
        return lifted @ (FACING @ self.turn).T + np.asarray(self.centre, np.float32)


@dataclass(frozen=True)
class SheetView:
    """The camera's view of a sheet in a window: mm on the sheet and the tangent of its slope at each pixel."""

    sheet: Sheet
    window: Window
    x: Array
    y: Array
    footprint: float  # mm on the sheet that one pixel of the camera covers

    def inside(self, half_width: float, half_height: float) -> Array:
        """Return the soft coverage of a centred rectangle."""
        across = np.clip((half_width - np.abs(self.x)) / self.footprint + 0.5, 0, 1)
        return across * np.clip((half_height - np.abs(self.y)) / self.footprint + 0.5, 0, 1)

    def facing(self, direction: Array) -> Array | float:
        """Return the cosine between the sheet's normal and a direction in the head's frame, not below 0."""
        x, _, z = (float(c) for c in self.sheet.turn.T @ direction)
        if not self.sheet.bend:
            return max(z, 0.0)
        slope = -2 * self.sheet.bend * self.x
        return np.maximum((slope * x + z) / np.sqrt(1 + slope * slope), 0)

    def gloss(self, light: Light, power: float) -> Array | float:
        """Return the mirror-like lobe of the sheet's surface for a light."""
        return self.facing(unit(light.direction + np.array([0, 0, 1], np.float32))) ** power


def view_sheet(sheet: Sheet, camera: Camera) -> SheetView | None:
    """Return the view of a sheet, or None if it is out of the picture."""
    corners = np.array([[x, y] for x in (-1, 0, 1) for y in (-1, 1)], np.float32)
    outline = camera.project(sheet.to_camera(corners * (sheet.half_width + 3, sheet.half_height + 3)))
    (x0, y0), (x1, y1) = outline.min(0), outline.max(0)
    window = camera.window(x0 - 1, y0 - 1, x1 + 1, y1 + 1)
    if window is None:
        return None
    onto_sheet = sheet.turn.T @ FACING
    ox, oy, oz = (float(c) for c in -(onto_sheet @ np.asarray(sheet.centre, np.float32)))
    u, v = camera.rays(window)
    dx, dy, dz = (row[0] * u + row[1] * v + row[2] for row in onto_sheet.tolist())
    per_dz = 1 / dz
    t = -oz * per_dz
    x = ox + t * dx
    for _ in range(2 if sheet.bend else 0):  # the bend is slight: two steps of a fixed point are enough
        t = (sheet.bend * x * x - oz) * per_dz
        x = ox + t * dx
    return SheetView(sheet, window, x, oy + t * dy, sheet.centre[2] / camera.focal)


def waves(phase: Array) -> Array:
    """Return cos(2 pi phase)."""
    return np.cos(phase * (2 * np.pi))
