"""Define a pinhole camera, patches of light to lay over each other, and the light of a scene."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fasdata.synth.scene.fields import Array

# -- Camera and patches of light --------------------------------------------------------------------------------------

# From the head's frame (z towards the camera) to the camera's (z away from it); x right and y down in both.
FACING = np.diag([1, 1, -1]).astype(np.float32)


@dataclass(frozen=True)
class Window:
    """A rectangle of whole pixels: columns x0..x1-1, rows y0..y1-1."""

    x0: int
    y0: int
    x1: int
    y1: int

    @property
    def slices(self) -> tuple[slice, slice]:
        return slice(self.y0, self.y1), slice(self.x0, self.x1)


@dataclass(frozen=True)
class Camera:
    """A pinhole camera; focal length and size in pixels, the optical axis through the middle of the picture."""

    focal: float
    width: int
    height: int

    def rays(self, window: Window) -> tuple[Array, Array]:
        """Return x and y of the rays through a window's pixels, where z = 1."""
        u = (np.arange(window.x0, window.x1, dtype=np.float32) + 0.5 - self.width / 2) / self.focal
        v = (np.arange(window.y0, window.y1, dtype=np.float32) + 0.5 - self.height / 2) / self.focal
        return np.broadcast_to(u, (len(v), len(u))), np.broadcast_to(v[:, None], (len(v), len(u)))

    def project(self, points: Array) -> Array:
        """Return the pixel coordinates, ... x 2, of points in the camera's frame; pixel centres at integers."""
        z = points[..., 2]
        x = self.focal * points[..., 0] / z + self.width / 2 - 0.5
        y = self.focal * points[..., 1] / z + self.height / 2 - 0.5
        return np.stack([x, y], -1)

    def window(self, x0: float, y0: float, x1: float, y1: float) -> Window | None:
        """Return the window of a rectangle of pixels, clipped to the picture; None if nothing is left."""
        window = Window(
            max(0, int(np.floor(x0))),
            max(0, int(np.floor(y0))),
            min(self.width, int(np.ceil(x1)) + 1),
            min(self.height, int(np.ceil(y1)) + 1),
        )
        return window if window.x1 - window.x0 > 1 and window.y1 - window.y0 > 1 else None


@dataclass(frozen=True)
class Patch:
    """Linear radiance (HxWx3) and coverage (HxW) of an object inside a window."""

    window: Window
    radiance: Array
    coverage: Array

    def over(self, picture: Array) -> None:
        """Lay the patch over a picture, in place."""
        under = picture[self.window.slices]
        under += (self.radiance - under) * self.coverage[..., None]


def rotation(yaw: float, pitch: float, roll: float) -> Array:
    """Return the 3x3 rotation roll * pitch * yaw of the head's frame; radians."""
    cy, sy, cx, sx, cz, sz = np.cos(yaw), np.sin(yaw), np.cos(pitch), np.sin(pitch), np.cos(roll), np.sin(roll)
    about_y = np.array([[cy, 0, sy], [0, 1, 0], [-sy, 0, cy]])
    about_x = np.array([[1, 0, 0], [0, cx, sx], [0, -sx, cx]])
    about_z = np.array([[cz, -sz, 0], [sz, cz, 0], [0, 0, 1]])
    return (about_z @ about_x @ about_y).astype(np.float32)


def unit(vector: Array | tuple[float, ...]) -> Array:
    """Return a vector scaled to length 1, float32."""
    v = np.asarray(vector, np.float32)
    return v / np.linalg.norm(v)


# -- Light: a uniform sky and one key light ---------------------------------------------------------------------------


@dataclass(frozen=True)
class Light:
    """Linear radiance of the ambient and the key light (r, g, b), and the unit direction towards the key light.

    Directions are in the head's frame: x right, y down, z towards the camera.
    """

    ambient: Array
    key: Array
    direction: Array

    @property
    def level(self) -> float:
        """Brightness of both together, for objects that must look bright beside them."""
        return float(self.ambient.mean() + self.key.mean())


def photo_light(rng: np.random.Generator) -> Light:
    """Return the light under which an attacker's source photo was taken: anything from flat to one-sided."""
    share = float(rng.uniform(0.35, 0.75))
    ambient = np.full(3, 1.15 * (1 - share), np.float32)
    key = np.array([1.18, 1.14, 1.10], np.float32) * share
    return Light(ambient, key, unit((rng.normal(0, 0.6), rng.uniform(-0.6, -0.2), 0.75)))
