"""Build the maps of a head, and render it: shape, normals, colours, light."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np

from fasdata.synth.person.complexion import complexion
from fasdata.synth.person.head_shape import GRID, HALF_RANGE, directions, face_coordinates, relief
from fasdata.synth.person.identity import Identity, draw_identity
from fasdata.synth.scene.camera import FACING, Camera, Light, Patch, Window
from fasdata.synth.scene.fields import Array, sample

# -- Maps: shape, normals and colours over one grid of directions -----------------------------------------------------


@dataclass(frozen=True)
class HeadMaps:
    """The maps of a head over the grid of `head_shape.directions`.

    `distance` is in units of the semi-axes; `normals` holds x, y, z in the head's frame and the occlusion;
    `open_eyes` and `closed_eyes` hold linear reflectance and gloss.
    """

    who: Identity
    semi_axes: Array
    distance: Array
    normals: Array
    open_eyes: Array
    closed_eyes: Array


def build_maps(who: Identity) -> HeadMaps:
    """Return the maps of a person; about 60 ms."""
    at = face_coordinates(who)
    shape = relief(who, at)
    skin = complexion(who, at, shape)
    distance = at.plain + (shape.height + skin.hair_height) / at.radius
    semi_axes = np.array(who.semi_axes, np.float32)
    points = directions() * distance[..., None] * semi_axes
    normals = np.concatenate([surface_normals(points), skin.occlusion[..., None]], -1)
    pack = np.ascontiguousarray
    return HeadMaps(
        who, semi_axes, pack(distance, np.float32), pack(normals, np.float32), skin.open_eyes, skin.closed_eyes
    )


@lru_cache(maxsize=4)
def head_of(*key: object) -> HeadMaps:
    """Return the maps of the person of `key`; cached while a process works on the clips of that person."""
    return build_maps(draw_identity(*key))


def surface_normals(points: Array) -> Array:
    """Return outward unit normals from the cross product of the surface's two grid tangents."""
    du = cv2.Sobel(points, cv2.CV_32F, 1, 0, ksize=3)
    dv = cv2.Sobel(points, cv2.CV_32F, 0, 1, ksize=3)
    normals = np.stack(
        [
            du[..., 1] * dv[..., 2] - du[..., 2] * dv[..., 1],
            du[..., 2] * dv[..., 0] - du[..., 0] * dv[..., 2],
            du[..., 0] * dv[..., 1] - du[..., 1] * dv[..., 0],
        ],
        -1,
    )
    normals /= np.sqrt((normals * normals).sum(-1, keepdims=True)) + 1e-6
    outward = normals[GRID // 2, GRID // 2, 2] > 0
    return normals if outward else -normals


# -- Rendering: where rays hit the head, and the light that comes back ------------------------------------------------

EYES_FORWARD = 85.0  # mm from the head's centre to the plane of the eyes

_ITERATIONS = 3  # the step from the third to the fourth is below a tenth of a pixel
_SCALE, _OFFSET = GRID / (2 * HALF_RANGE), GRID / 2 - 0.5
_HALF_WIDTH, _HALF_HEIGHT = 98.0, 125.0  # mm that hold any head of `identity`, hair and ears included

# Light enters skin and leaves it nearby, red the furthest: shading wraps around the terminator by these amounts.
_WRAP = (0.28, 0.14, 0.08)
_SHARP_LOBE, _SHARP_POWER = 0.9, 36.0
_BROAD_LOBE, _BROAD_POWER = 0.14, 7.2


@dataclass(frozen=True)
class HeadView:
    """A head in the picture: its patch, and the map coordinates, normal and depth at every pixel.

    `u` and `v` are map coordinates, `normals` as in `HeadMaps`, `depth` in mm along the camera's axis.
    """

    patch: Patch
    u: Array
    v: Array
    normals: Array
    depth: Array


def render_head(
    maps: HeadMaps, turn: Array, centre: tuple[float, float, float], camera: Camera, light: Light, closed: float = 0.0
) -> Patch | None:
    """Return the patch of a head, or None if it is out of the picture; see `view_head`."""
    view = view_head(maps, turn, centre, camera, light, closed)
    return None if view is None else view.patch


def view_head(
    maps: HeadMaps, turn: Array, centre: tuple[float, float, float], camera: Camera, light: Light, closed: float = 0.0
) -> HeadView | None:
    """Return the camera's view of a head, or None if it is out of the picture.

    `turn` is the head's rotation, `centre` its place in mm in the camera's frame, `closed` how far the eyes are shut.
    """
    window = head_window(centre, camera)
    if window is None:
        return None
    u, v, silhouette, depth = _trace(maps, turn, centre, camera, window)
    coverage = np.clip(0.5 - silhouette * (camera.focal / centre[2]), 0, 1)
    colour = sample(maps.open_eyes, u, v)
    if closed > 0:
        colour = colour * (1 - closed) + sample(maps.closed_eyes, u, v) * closed
    normals = sample(maps.normals, u, v)
    return HeadView(Patch(window, _shade(normals, colour, turn, light), coverage), u, v, normals, depth)


def head_window(centre: tuple[float, float, float], camera: Camera) -> Window | None:
    """Return the pixels a head may cover."""
    x, y = camera.project(np.asarray(centre, np.float64))
    reach = camera.focal / (centre[2] - 60)  # pixels a mm at the face, which is nearer than the centre
    wide, high = _HALF_WIDTH * reach, _HALF_HEIGHT * reach
    return camera.window(x - wide, y - high, x + wide, y + high)


def eye_points(maps: HeadMaps, turn: Array, centre: tuple[float, float, float], camera: Camera) -> Array:
    """Return the pixels of the two eyes, image-left one first, 2 x 2."""
    e, ey = maps.who.half_interocular, maps.who.eye_y
    points = np.array([[-e, ey, EYES_FORWARD], [e, ey, EYES_FORWARD]], np.float32) @ (FACING @ turn).T
    return camera.project(points + np.asarray(centre, np.float32))


def _trace(
    maps: HeadMaps, turn: Array, centre: tuple[float, float, float], camera: Camera, window: Window
) -> tuple[Array, Array, Array, Array]:
    """Return the map coordinates each ray hits, its mm outside the silhouette (negative: inside), and the hit's depth.

    In space divided by the semi-axes the head is almost a sphere. The point of a ray closest to the centre tells the
    silhouette; the hit is the fixed point of "meet the sphere whose radius is the head's distance there".
    """
    into_head = (turn.T @ FACING) / maps.semi_axes[:, None]
    ox, oy, oz = (float(c) for c in -(into_head @ np.asarray(centre, np.float32)))
    u, v = camera.rays(window)
    m = into_head.tolist()
    dx, dy, dz = (row[0] * u + row[1] * v + row[2] for row in m)
    dd = dx * dx + dy * dy + dz * dz
    od = ox * dx + oy * dy + oz * dz
    oo = ox * ox + oy * oy + oz * oz
    per_dd = 1 / dd

    def look_up(t: Array) -> tuple[Array, Array, Array]:
        px, py, pz = ox + t * dx, oy + t * dy, oz + t * dz
        r = np.sqrt(px * px + py * py + pz * pz)
        k = _SCALE / (r + np.maximum(pz, -0.93 * r))  # the limit keeps the back of the head on the grid's border
        return px * k + _OFFSET, py * k + _OFFSET, r

    map_u, map_v, r = look_up(-od * per_dd)
    distance = sample(maps.distance, map_u, map_v)
    silhouette = (r - distance) * float(maps.semi_axes[0])
    od_squared, depth = od * od, -od * per_dd
    for _ in range(_ITERATIONS):
        discriminant = np.maximum(od_squared - dd * (oo - distance * distance), 0)
        depth = (-od - np.sqrt(discriminant)) * per_dd
        map_u, map_v, _r = look_up(depth)
        distance = sample(maps.distance, map_u, map_v)
    return map_u, map_v, silhouette, depth


def _shade(normals: Array, colour: Array, turn: Array, light: Light) -> Array:
    """Return radiance: wrapped Lambert and sky light on the reflectance, two Blinn-Phong lobes of gloss on top."""
    half_way = light.direction + np.array([0, 0, 1], np.float32)
    half_way = half_way / np.linalg.norm(half_way)
    rows = np.zeros((4, 4), np.float32)
    rows[0, :3], rows[1, :3], rows[2, :3], rows[3, :3] = light.direction @ turn, half_way @ turn, turn[1], turn[2]
    to_light, to_half, down, to_camera = cv2.split(cv2.transform(normals, rows))
    visible = normals[..., 3]
    cavity = 0.55 + 0.45 * visible
    sky = (0.7 - 0.3 * down) * visible * cavity
    edge = 1 - np.clip(to_camera, 0, 1)
    to_half = np.maximum(to_half, 0)
    lobes = cv2.pow(to_half, _SHARP_POWER) * _SHARP_LOBE + cv2.pow(to_half, _BROAD_POWER) * _BROAD_LOBE
    gloss = colour[..., 3] * (1 + 1.5 * edge * edge * edge) * lobes
    radiance = np.empty((*colour.shape[:2], 3), np.float32)
    for k in range(3):
        key, ambient = float(light.key[k]), float(light.ambient[k])
        diffuse = np.maximum(to_light + _WRAP[k], 0) * (key / (1 + _WRAP[k])) * cavity + sky * ambient
        radiance[..., k] = colour[..., k] * diffuse + gloss * key
    return radiance
