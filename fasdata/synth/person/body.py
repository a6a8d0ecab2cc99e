"""Render neck and shoulders, so that a head does not float."""

from __future__ import annotations

import numpy as np

from fasdata.synth.person.identity import Identity
from fasdata.synth.scene.camera import Camera, Light, Patch, Window

_BEHIND = 30.0  # mm the body stands behind the head's centre
_TOP = 38.0  # mm below the head's centre where the neck comes out
_SHOULDER_HALF_WIDTH = 195.0


def render_body(who: Identity, centre: tuple[float, float, float], camera: Camera, light: Light) -> Patch | None:
    """Return neck (a cylinder) and shoulders (a soft bump) below a head at `centre`; they only follow its shifts."""
    z = centre[2] + _BEHIND
    per_mm = camera.focal / z
    middle, top = camera.width / 2 + per_mm * centre[0], camera.height / 2 + per_mm * (centre[1] + _TOP)
    reach = per_mm * (_SHOULDER_HALF_WIDTH + 2)
    window = camera.window(middle - reach, top, middle + reach, camera.height)
    if window is None:
        return None
    return Patch(window, *_shade(who, centre, z, camera, window, light))


def _shade(
    who: Identity, centre: tuple[float, float, float], z: float, camera: Camera, window: Window, light: Light
) -> tuple[np.ndarray, np.ndarray]:
    u, v = camera.rays(window)
    across, y = u[0] * z - centre[0], v[:, :1] * z - centre[1]  # one row and one column: most things depend on one
    from_axis = np.abs(across)
    neck_radius = 58 + 0.06 * np.clip(y - 100, -20, 60)
    ratio = across / neck_radius
    neck_out = np.sqrt(np.clip(1 - ratio * ratio, 0, 1))
    neck = np.clip((neck_radius - from_axis) * (camera.focal / z) + 0.5, 0, 1) * (y > 40)
    collar = 128 + 34 * (from_axis / 110) ** 2.2 - 6 * np.exp(-((across / 40) ** 2))
    sides = np.clip((_SHOULDER_HALF_WIDTH - from_axis) * (camera.focal / z) + 0.5, 0, 1)
    shirt = np.clip((y - collar) * (camera.focal / z) + 0.5, 0, 1) * sides
    chest_out = np.sqrt(np.clip(1 - (across / 210) ** 2, 0.05, 1))
    lx, lz = float(light.direction[0]), float(light.direction[2])
    on_neck = 0.8 * np.clip(ratio * lx + neck_out * lz, 0, 1)
    on_shirt = 0.9 * np.clip(across / 210 * lx + chest_out * lz * 0.9, 0, 1)
    under_chin = np.clip((y - 60) / 70, 0.35, 1)
    radiance = np.empty((*neck.shape, 3), np.float32)
    for k in range(3):
        key, ambient = float(light.key[k]), float(light.ambient[k])
        skin = float(who.skin[k]) * (on_neck * key + 0.45 * ambient) * under_chin
        cloth = float(who.shirt[k]) * (on_shirt * key + 0.6 * ambient)
        radiance[..., k] = skin + (cloth - skin) * shirt
    return radiance, np.maximum(neck, shirt).astype(np.float32)
