"""A head ready to be rendered: shape, normals and colours over the same grid of directions."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np

from fasdata.synth.complexion import complexion
from fasdata.synth.fields import Array
from fasdata.synth.headshape import GRID, directions, face_coordinates, relief
from fasdata.synth.identity import Identity, draw_identity


@dataclass(frozen=True)
class HeadMaps:
    """Maps over the grid of `headshape.directions`.

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
    """Return the maps of the person of `key`, kept while a process works on that person's clips."""
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
