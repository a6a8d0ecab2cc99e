"""A view: the square image that a method sees, made from a stored crop in one resampling, and its text form."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, Literal

import numpy as np

from fasdata.door import names_code
from fasdata.errors import UserError, unknown_name
from fasdata.faces.alignment import EYE_DISTANCE, EYE_HEIGHT, TEMPLATES, fas_points, matrix_of, solve_face
from fasdata.faces.context import context_region
from fasdata.faces.view_text import parameters as parameters
from fasdata.faces.warp import Border, Resize, warped
from fasdata.five_points import complex_points
from fasdata.records import Region

# -- The geometry -----------------------------------------------------------------------------------------------------


BOX_VIEWS = {"box": 256, "box-224": 224, "square": 256}
CONTEXT, CONTEXT_SIZE, CONTEXT_FACTOR = "context", 80, 2.7
NAMES = (*TEMPLATES, *BOX_VIEWS)  # without `context`, which has to know the size of the frame
MOVABLE = "fas-256"  # the template whose eyes can be put elsewhere

# The version of what a view's text means: it goes up when the same text makes other pixels of the same crop.
# Landmark views: 2 = five points always decide together; 1 = the two eyes alone where the five fitted badly, so that
# a head that turned beyond some 35 degrees was suddenly cut larger.
LANDMARK_GEOMETRY, BOX_GEOMETRY = 2, 1


@dataclass(frozen=True)
class View:
    """A named geometry at a side length.

    `mxnet-256`, `fas-256` and `arcface-112` rotate the face upright by its landmarks; `box` and `box-224` cut the
    detector's box, whole pixels towards zero and held inside the frame, and stretch it without rotation; with `scale`
    the box at so many times its size around its centre (`scaled_sides`). `square` cuts the central square of that, so
    that nothing is stretched, as SA-FAS tests. `context` does as `box` with the box at `factor` times its size, moved
    inside the frame, as deployed anti-spoofing networks are fed (`context_region`); it has to know the size of the
    frame, and to find all of it in the crop. `eye_dist` and `eye_y`, fractions of the side, are those of `fas-256`: how
    far apart its eyes stand and how far down. `border` is what a landmark view shows past the stored region: black, or
    the region mirrored. `resize` is how pixels are made: `area` averages where the view shrinks by more than 2 and is
    bilinear else; `linear` is OpenCV's bilinear always, which skips pixels when it shrinks; `pillow`, of the boxes, is
    Pillow's bilinear, which averages when it shrinks.

    >>> view = View.named("fas-256(size=224, eye_dist=0.35)")
    >>> view.size, view.eye_dist, view.needs_landmarks
    (224, 0.35, True)
    >>> str(view), view.geometry
    ('fas-256(size=224,eye_dist=0.35)', 'fas-256(eye_dist=0.35)')
    >>> str(View.named("box(resize=linear)", 224)), str(View.named("mxnet-256(border=reflect)"))
    ('box(size=224,resize=linear)', 'mxnet-256(border=reflect)')
    >>> str(View.named("context(factor=2.7,size=80)")), str(View.named("context(factor=1.5,size=224)"))
    ('context', 'context(size=224,factor=1.5)')

    A view of a face whose five points already lie where the view puts them is the image itself:

    >>> view = View.named("arcface-112")
    >>> points = [(point.real, point.imag) for point in view.targets()]
    >>> region = box = (0, 0, 112, 112)
    >>> bool(np.allclose(view.matrix(region, box, points), [[1, 0, 0], [0, 1, 0]]))
    True
    >>> view.render(np.zeros((112, 112, 3), np.uint8), region, 1.0, box, points).shape
    (112, 112, 3)
    """

    name: str
    size: int
    border: Literal["constant", "reflect"] = "constant"
    eye_dist: float = EYE_DISTANCE
    eye_y: float = EYE_HEIGHT
    resize: Resize = "area"
    factor: float = CONTEXT_FACTOR
    scale: float = 1.0

    @classmethod
    def named(cls, text: str, size: int | None = None) -> View:
        """Return the view that `text` describes: a name, or `fas-256(size=224,eye_dist=0.3,eye_y=0.4,border=reflect)`.

        The side is that of the text, else `size`, else the view's own.

        Raises:
            UserError: no such view (names the nearest) or parameter, one that the view does not have or out of range;
                the text states another side than `size`.
        """
        name, given = parameters(text)
        if names_code(name):
            raise UserError(f"the view {name} is code", expected="it to be named as an option: --view FILE.py:NAME")
        if name not in (*NAMES, CONTEXT):
            raise unknown_name("view", name, (*NAMES, CONTEXT))
        moving = sorted(given.keys() & {"eye_dist", "eye_y"})
        if moving and name != MOVABLE:
            raise UserError(f"the view {name} has no {' and '.join(moving)}", do=f"they are those of {MOVABLE}")
        if "factor" in given and name != CONTEXT:
            raise UserError(f"the view {name} has no factor", do=f"it is that of {CONTEXT}")
        by_box = name in BOX_VIEWS or name == CONTEXT
        if "scale" in given and name not in BOX_VIEWS:
            raise UserError(f"the view {name} has no scale", do=f"it is that of {' and '.join(BOX_VIEWS)}")
        if "border" in given and by_box:
            raise UserError(f"the view {name} has no border", do="a box lies inside the stored region")
        if given.get("resize") == "pillow" and not by_box:
            raise UserError(f"the view {name} cannot be resized by Pillow", do="it turns the face: area or linear")
        if size and given.get("size", size) != size:
            raise UserError(f"the view {text} is asked for at another size", found=str(size), do="state one of them")
        own: dict[str, Any] = {"size": TEMPLATES[name].size if name in TEMPLATES else BOX_VIEWS.get(name, CONTEXT_SIZE)}
        if name == CONTEXT:
            own["resize"] = "linear"  # as its networks were trained
        return cls(**{"name": name, **own, **({"size": size} if size else {}), **given})

    def __str__(self) -> str:
        """Return the text that `named` reads back, without what is the view's own anyway."""
        own = View.named(self.name)
        changes = {key: value for key, value in vars(self).items() if value != getattr(own, key)}
        inside = ",".join(f"{key}={_spelt(value)}" for key, value in changes.items())
        return f"{self.name}({inside})" if inside else self.name

    @property
    def geometry(self) -> str:
        """The text of the view without its side length."""
        return str(replace(self, size=View.named(self.name).size))

    @property
    def geometry_version(self) -> int:
        """The version of what this view makes of a crop; with another one its pixels can be others."""
        return LANDMARK_GEOMETRY if self.needs_landmarks else BOX_GEOMETRY

    @property
    def takes(self) -> tuple[str, ...]:
        """The parameters that its text may have."""
        if self.needs_landmarks:
            return ("size", "border", "resize", *(("eye_dist", "eye_y") if self.name == MOVABLE else ()))
        return ("size", "resize", "factor" if self.name == CONTEXT else "scale")

    @property
    def needs_landmarks(self) -> bool:
        """Whether the view is aligned by landmarks; the others go by the box."""
        return self.name in TEMPLATES

    def resized(self, size: int) -> View:
        """Return the same geometry at another side length in pixels."""
        return replace(self, size=size)

    def matrix(
        self,
        region: Sequence[int],
        box: Sequence[float],
        landmarks: Sequence[Sequence[float]] | None,
        frame: tuple[int, int] | None = None,
    ) -> np.ndarray:
        """Return the 2x3 matrix (float64) from upright source-frame pixels to view pixels.

        `frame` is the size of the source frame (width, height), of which only `context` asks; without it the frame is
        taken to end where the region does.

        Raises:
            UserError: the view rotates by landmarks and there are none, or they all lie in one point; or it reaches
                past the stored region and has no border.
        """
        if self.name in BOX_VIEWS:
            return _box_matrix(region, box, self.size, self.scale, square=self.name == "square")
        if self.name == CONTEXT:
            x0, y0, x1, y1 = self.context(region, box, frame)
            (left, across), (top, down) = _span(x0, x1, self.size), _span(y0, y1, self.size)
            return _stretching(left, top, across, down)
        if landmarks is None or len(landmarks) == 0:
            raise UserError(f"the view {self.name} needs landmarks and this face has none", do="use the view 'box'")
        points, eyes_at = complex_points(landmarks), TEMPLATES[self.name].eyes_at
        try:
            turn, move = solve_face(points, self.targets())
        except ValueError as error:
            raise UserError(f"a face cannot be aligned: {error}", do="use the view 'box'") from None
        if eyes_at is not None:
            move = complex(*eyes_at) * self.size - turn * (points[0] + points[1]) / 2
        return matrix_of(turn, move)

    def context(self, region: Sequence[int], box: Sequence[float], frame: tuple[int, int] | None) -> Region:
        """Return the pixels of the source frame that the view `context` shows.

        Raises:
            UserError: they are not all stored.
        """
        shown = context_region(box, frame or (int(region[2]), int(region[3])), self.factor)
        if not (region[0] <= shown[0] and region[1] <= shown[1] and shown[2] <= region[2] and shown[3] <= region[3]):
            named = f"{CONTEXT}(factor={self.factor:g},size={self.size})"  # in full, also what is usual
            raise UserError(
                f"the view {named} reaches past what is stored of a face",
                expected=f"pixels {shown[0]},{shown[1]} to {shown[2]},{shown[3]} of its frame",
                found=f"{region[0]},{region[1]} to {region[2]},{region[3]}",
                do=f"extract with --views '{named}', into a library of its own (--out) if they are stored already",
            )
        return shown

    def reach(
        self, box: Sequence[float], landmarks: Sequence[Sequence[float]] | None, frame: tuple[int, int]
    ) -> Region | None:
        """Return the smallest region of a frame (width, height) from which the view can be made as from all of it.

        None where the face lacks the landmarks that it needs, or all of it lies outside the frame.
        """
        width, height = frame
        if self.name == CONTEXT:
            return context_region(box, frame, self.factor)
        if self.needs_landmarks and not landmarks:
            return None
        inverse = np.linalg.inv(np.vstack([self.matrix((0, 0, width, height), box, landmarks), [0, 0, 1]]))[:2]
        edge = self.size - 0.5
        corners = np.array([(-0.5, -0.5), (edge, -0.5), (-0.5, edge), (edge, edge)]) @ inverse[:, :2].T + inverse[:, 2]
        # Bilinear takes one pixel more on each side, and where the view shrinks, one of the smaller picture's.
        margin = max(1.0, float(np.sqrt(abs(np.linalg.det(inverse[:, :2]))))) if self.resize == "area" else 1.0
        low, high = np.floor(corners.min(0) - margin), np.ceil(corners.max(0) + margin) + 1
        x0, y0 = (max(0, int(value)) for value in low)
        x1, y1 = min(width, int(high[0])), min(height, int(high[1]))
        return (x0, y0, x1, y1) if x1 - x0 > 1 and y1 - y0 > 1 else None

    def targets(self) -> tuple[complex, ...]:
        """Return where a landmark view puts the five points: x + iy in its pixels, in their order."""
        return _targets(self.name, self.size, self.eye_dist, self.eye_y)

    def render(
        self,
        crop: np.ndarray,
        region: Sequence[int],
        scale: float | None,
        box: Sequence[float],
        landmarks: Sequence[Sequence[float]] | None,
        frame: tuple[int, int] | None = None,
    ) -> np.ndarray:
        """Return the view of a stored crop: same dtype and channels, (size, size[, channels]).

        `scale` is stored pixels per source pixel. With None the crop shows the whole region at a size of its own, as
        depth and ir of a registered release do: the same warp then serves them. `frame` is as for `matrix`.

        8-bit images are resized as `resize` says; 16-bit depth takes the nearest pixel, so that no distance is invented
        between two surfaces.
        """
        # Of a box only halves of edge pixels lie outside: black would draw a frame.
        border: Border = self.border if self.needs_landmarks else "replicate"
        matrix = self.matrix(region, box, landmarks, frame)
        return warped(crop, matrix, region, scale, self.size, border=border, resize=self.resize)

    def stretched(self, image: np.ndarray) -> np.ndarray:
        """Return an image stretched to the view's square, for a modality whose position relative to rgb is unknown."""
        height, width = image.shape[:2]
        return View("box", self.size, resize=self.resize).render(
            image, (0, 0, width, height), 1.0, (0, 0, width, height), None
        )

    def outside(
        self, region: Sequence[int], box: Sequence[float], landmarks: Sequence[Sequence[float]] | None
    ) -> float:
        """Return the fraction of the view that reaches past the stored region (sampled on a 32 x 32 grid)."""
        if self.name == CONTEXT:
            return 0.0  # or it could not be made
        matrix = self.matrix(region, box, landmarks)
        grid = (np.arange(32) + 0.5) * self.size / 32 - 0.5
        points = np.stack(np.meshgrid(grid, grid), axis=-1).reshape(-1, 2)
        source = (points - matrix[:, 2]) @ np.linalg.inv(matrix[:, :2]).T
        low, high = np.array(region[:2]) - 0.5, np.array(region[2:]) - 0.5
        return float(1 - ((source >= low) & (source <= high)).all(axis=1).mean())


@lru_cache(maxsize=64)
def _targets(name: str, size: int, eye_dist: float, eye_y: float) -> tuple[complex, ...]:
    points = fas_points(size, eye_dist, eye_y) if name == MOVABLE else TEMPLATES[name].points(size)
    return tuple(complex_points(points))


def _spelt(value: object) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def scaled_sides(box: Sequence[float], scale: float) -> Region:
    """Return the whole pixels x0, y0, x1, y1 of a box at `scale` times its size around its centre; not clipped.

    At 1 edges are cut towards zero, as GAC-FAS cuts its boxes; otherwise down, as CDCN does.

    >>> scaled_sides((20, 15, 50, 40), 1.3)
    (15, 11, 54, 43)
    """
    if scale == 1:
        x0, y0, x1, y1 = (int(edge) for edge in box)
        return x0, y0, x1, y1
    (x, w), (y, h) = (((box[i] + (box[i + 2] - box[i]) / 2), scale * (box[i + 2] - box[i]) / 2) for i in (0, 1))
    return math.floor(x - w), math.floor(y - h), math.floor(x + w), math.floor(y + h)


def _box_matrix(region: Sequence[int], box: Sequence[float], size: int, scale: float, *, square: bool) -> np.ndarray:
    sides = scaled_sides(box, scale)
    edges = [(max(sides[i], int(region[i])), min(sides[i + 2], int(region[i + 2]))) for i in (0, 1)]
    if square:
        side = max(min(high - low for low, high in edges), 1)
        edges = [(low + (high - low - side) // 2, low + (high - low - side) // 2 + side) for low, high in edges]
    (left, across), (top, down) = (_span(low, high, size) for low, high in edges)
    return _stretching(left, top, across, down)


def _stretching(left: int, top: int, across: float, down: float) -> np.ndarray:
    """Return the matrix that stretches what begins at (left, top), edges of pixels onto edges."""
    return np.array([[across, 0, (0.5 - left) * across - 0.5], [0, down, (0.5 - top) * down - 0.5]])


def _span(low: int, high: int, size: int) -> tuple[int, float]:
    """Return where a side of the box begins, and how many pixels of the view one of its own becomes."""
    return low, size / max(high - low, 1)
