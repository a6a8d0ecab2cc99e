"""Paint the colours of a head, with open and with closed eyes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fasdata.synth.person.head_shape import EAR_HEIGHT, GRID, FaceCoordinates, Relief, lip_span
from fasdata.synth.person.identity import BALD, LONG, MEDIUM, SHORT, Identity
from fasdata.synth.scene.fields import Array, bump, fractal_noise, generator, ridge, smoothstep

_SIDE_HAIR_ENDS = {SHORT: 4.0, LONG: 85.0, MEDIUM: 16.0, BALD: -70.0}  # mm below the eyes
_HAIR_THICKNESS = {SHORT: 7.0, LONG: 13.0, MEDIUM: 11.0, BALD: 0.0}


@dataclass(frozen=True)
class Complexion:
    """Per grid sample: reflectance and gloss as four channels (r, g, b, specular), occlusion, and hair in mm."""

    open_eyes: Array
    closed_eyes: Array
    occlusion: Array
    hair_height: Array


class _Canvas:
    """A four-channel map (r, g, b, specular) that soft masks are painted on."""

    def __init__(self, pixels: Array) -> None:
        self.pixels = pixels

    def paint(self, mask: Array, colour: Array | tuple[float, ...], gloss: float | None = None) -> None:
        rows, columns = np.flatnonzero(mask.max(1) > 1e-3), np.flatnonzero(mask.max(0) > 1e-3)
        if not len(rows):
            return
        window = (slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1))
        cover, under, colour = mask[window], self.pixels[window], np.asarray(colour, np.float32)
        if colour.ndim == 3:  # a colour for every sample
            colour = colour[window]
        under[..., :3] += (colour - under[..., :3]) * cover[..., None]
        if gloss is not None:
            under[..., 3] += (gloss - under[..., 3]) * cover

    def copy(self) -> _Canvas:
        return _Canvas(self.pixels.copy())


def complexion(who: Identity, at: FaceCoordinates, shape: Relief) -> Complexion:
    """Return all colours of the head of `who`."""
    rng = generator("texture", who.texture_key)
    coarse, fine = fractal_noise(rng, GRID, GRID, 36), fractal_noise(rng, GRID, GRID, 4.5, 3, 0.8)
    canvas = _Canvas(_skin(who, at, rng, coarse, fine))
    _paint_beard(canvas, who, at, coarse, fine)
    _paint_mouth_and_nose(canvas, who, at)
    _paint_brows(canvas, who, at, fine)
    lids = _Eyelids(who, at)
    canvas.paint(0.25 * bump(at.side, at.y, who.half_interocular, who.eye_y - 4, 14, 6) * at.front, who.skin * _LID)
    crease = ridge(at.y, lids.upper - 3.6, 1.1) * smoothstep(0, 0.3, 1 - np.abs(lids.across) * 0.9)
    canvas.paint(0.55 * crease * at.front, who.skin * 0.35)
    closed = canvas.copy()
    lash_line = ridge(at.y, lids.lower - 0.5, 1.1) * smoothstep(0, 0.15, 1 - np.abs(lids.across))
    closed.paint(0.85 * lash_line * at.front, (0.03, 0.02, 0.018))
    _paint_eyes(canvas, who, at, lids, fine)
    cover, strands = _hair(who, at, shape, rng, coarse, fine)
    glasses = _glasses(who, at) if who.glasses else None
    for layer in (canvas, closed):
        layer.paint(cover, who.hair * (1 + 0.35 * strands[..., None]), 0.10)
        if glasses is not None:
            layer.paint(glasses, (0.02, 0.02, 0.02), 0.3)
    hair_height = cover * (_HAIR_THICKNESS[who.hair_style] + 0.7 * strands + 2 * coarse)
    return Complexion(canvas.pixels, closed.pixels, _occlusion(who, at, shape, lids), hair_height)


_LID = np.array([0.62, 0.50, 0.50], np.float32)
_LIP = np.array([0.80, 0.45, 0.46], np.float32)


def _skin(who: Identity, at: FaceCoordinates, rng: np.random.Generator, coarse: Array, fine: Array) -> Array:
    cheeks, nose = bump(at.side, at.y, 38, 32, 16, 14), bump(at.x, at.y, 0, who.nose_length - 2, 11, 8)
    red = 0.10 * cheeks + 0.12 * nose + 0.05 * bump(at.side, at.y, 72, 8, 10, 16)
    mottle = 1 + 0.05 * coarse + 0.03 * fine
    for _ in range(int(rng.integers(2, 9))):  # moles and freckles
        x, y, size = float(rng.uniform(-55, 55)), float(rng.uniform(-45, 90)), float(rng.uniform(0.8, 1.7))
        mottle = mottle * (1 - 0.6 * bump(at.x, at.y, x, y, size, size) * at.front)
    pixels = np.empty((GRID, GRID, 4), np.float32)
    for channel, redness in enumerate((0.35, -0.55, -0.5)):
        pixels[..., channel] = float(who.skin[channel]) * mottle * (1 + redness * red)
    # The nose, the forehead and the cheekbones shine most.
    shine = 0.12 * bump(at.x, at.y, 0, 20, 12, 24) + 0.10 * bump(at.x, at.y, 0, -40, 30, 14)
    pixels[..., 3] = (0.16 + shine + 0.06 * bump(at.side, at.y, 40, 24, 12, 12)) * (1 + 0.25 * fine)
    return pixels


def _paint_beard(canvas: _Canvas, who: Identity, at: FaceCoordinates, coarse: Array, fine: Array) -> None:
    if not who.beard:
        return
    my = who.mouth_y
    zone = smoothstep(45, 60, at.y + 0.22 * at.side + 4 * coarse) * smoothstep(-0.1, 0.2, at.qz)
    upper, lower = my - who.upper_lip, my + who.lower_lip
    lips = lip_span(who, at) ** 0.3 * smoothstep(upper - 2, upper, at.y) * (1 - smoothstep(lower, lower + 2, at.y))
    zone = zone * (1 - lips) * (1 - 0.8 * bump(at.side, at.y, 28, 48, 12, 10))
    canvas.paint(np.clip(who.beard * zone * (0.8 + 0.3 * fine), 0, 1) * at.front, who.hair * 1.2)


def _paint_mouth_and_nose(canvas: _Canvas, who: Identity, at: FaceCoordinates) -> None:
    my, span, across = who.mouth_y, lip_span(who, at), at.x / who.mouth_width
    cupid = 1 - 0.22 * ridge(at.x, 0.0, 3.5)
    above, below = who.upper_lip * span**0.8 * cupid, who.lower_lip * span**0.7
    lips = smoothstep(-1.2, 0.8, np.minimum(at.y - (my - above), (my + below) - at.y)) * (np.abs(across) < 1)
    canvas.paint(0.8 * lips * at.front, who.skin * _LIP, 0.3)
    parting = ridge(at.y, my + 0.8 * across**2, 1.25) * smoothstep(0, 0.25, 1 - np.abs(across))
    canvas.paint(0.82 * parting * at.front, who.skin * 0.12, 0.05)
    nostrils = bump(at.side, at.y, who.nose_width * 0.68, who.nose_length + 6.5, 3.4, 1.9)
    canvas.paint(0.85 * nostrils * at.front, who.skin * 0.08, 0.0)


def _paint_brows(canvas: _Canvas, who: Identity, at: FaceCoordinates, fine: Array) -> None:
    along = (at.side - who.half_interocular - 1) / who.brow_length
    centre = who.brow_y - who.brow_arch * (1 - (along - 0.25) ** 2) + 2.0 * np.clip(along, 0, 1) ** 2
    thickness = who.brow_thickness * np.maximum(1.1 - 0.35 * along, 0.2)
    hairs = np.exp(-(np.abs((at.y - centre) / thickness) ** 2.6)) * smoothstep(0, 0.25, 1 - np.abs(along))
    colour = np.minimum(who.hair * 0.9, who.skin * 0.35)
    canvas.paint(hairs * np.clip(0.86 + 0.25 * fine, 0, 1) * at.front, colour, 0.05)


class _Eyelids:
    """The two curves between which an eye opens, in mm; `across` runs from -1 to 1 over an eye."""

    def __init__(self, who: Identity, at: FaceCoordinates) -> None:
        self.across = (at.side - who.half_interocular) / who.eye_width
        span = np.clip(1 - self.across**2, 0, 1)
        self.upper = who.eye_y - who.eye_above * span**0.75
        self.lower = who.eye_y + who.eye_below * span**0.9
        opening = smoothstep(-0.6, 0.6, np.minimum(at.y - self.upper, self.lower - at.y))
        self.opening = opening * (np.abs(self.across) < 1) * at.front


def _paint_eyes(canvas: _Canvas, who: Identity, at: FaceCoordinates, lids: _Eyelids, fine: Array) -> None:
    e, ey, opening = who.half_interocular, who.eye_y, lids.opening
    white = np.array([0.40, 0.37, 0.35], np.float32) * (0.75 + 0.25 * min(1.0, float(who.skin.mean()) / 0.4))
    canvas.paint(opening, white, 0.16)
    from_pupil = np.sqrt((at.side - e) ** 2 + (at.y - ey + 0.6) ** 2)
    iris = opening * (1 - smoothstep(5.6, 6.4, from_pupil))
    canvas.paint(iris, who.iris, 0.2)
    canvas.paint(iris * 0.2 * (fine > 0), who.iris * 0.3)
    canvas.paint(opening * (1 - smoothstep(2.0, 2.7, from_pupil)), (0.008, 0.008, 0.008), 0.2)
    glint = bump(at.x, at.y, -e + 1.8, ey - 2.4, 0.9, 0.9) + bump(at.x, at.y, e + 1.8, ey - 2.4, 0.9, 0.9)
    canvas.paint(0.9 * opening * glint, (0.9, 0.9, 0.9))
    upper = ridge(at.y, lids.upper, 1.15) * smoothstep(0, 0.12, 1.06 - np.abs(lids.across))
    lower = 0.45 * ridge(at.y, lids.lower, 0.7) * smoothstep(0, 0.2, 1 - np.abs(lids.across))
    canvas.paint(0.9 * np.clip(upper + lower, 0, 1) * at.front, (0.02, 0.015, 0.012), 0.05)


def _hair(
    who: Identity, at: FaceCoordinates, shape: Relief, rng: np.random.Generator, coarse: Array, fine: Array
) -> tuple[Array, Array]:
    """Return how far hair covers the head, and its strands (unit variance, finer across than along)."""
    strands = fractal_noise(rng, GRID, GRID * 2, 4, 2)[:, ::2]
    if who.hair_style == BALD:
        return np.zeros_like(at.x), strands
    edge = who.hairline + 8 * (at.x / 45) ** 2 + 3.5 * coarse + 1.5 * fine
    top = smoothstep(4, -4, at.y - edge)
    end = _SIDE_HAIR_ENDS[who.hair_style]
    side = smoothstep(0.40, 0.25, at.qz + 0.03 * coarse) * smoothstep(end + 10, end - 10, at.y + 3 * coarse)
    if who.hair_style != LONG:  # only long hair hides the ears
        side = side * (1 - np.clip(shape.ears * (3.4 / EAR_HEIGHT), 0, 1))
    return np.clip(np.maximum(top, side), 0, 1), strands


def _glasses(who: Identity, at: FaceCoordinates) -> Array:
    e, ey = who.half_interocular, who.eye_y
    rims = ridge(np.sqrt(((at.side - e) / 21) ** 2 + ((at.y - ey - 2) / 16) ** 2), 1.0, 0.065)
    bridge = ridge(at.y, ey - 2, 1.6) * (at.side < e - 19)
    temples = ridge(at.y, ey - 2, 1.8) * (at.side > e + 19) * smoothstep(0.0, 0.1, at.qz + 0.1)
    return 0.9 * np.clip(rims + bridge + temples, 0, 1)


def _occlusion(who: Identity, at: FaceCoordinates, shape: Relief, lids: _Eyelids) -> Array:
    """Return the visible share of the sky at each point: less in eye sockets and under nose, lip and chin."""
    sockets = 0.40 * bump(at.side, at.y, who.half_interocular - 6, who.eye_y - 5, 12, 7) * (1 - 0.6 * lids.opening)
    nose = 0.45 * bump(at.side, at.y, 7, who.nose_length + 10, 11, 4)
    lip = 0.22 * bump(at.x, at.y, 0, who.mouth_y + who.lower_lip + 6, 15, 4)
    hidden = sockets + nose + lip + 0.3 * smoothstep(75, 120, at.y) + 0.18 * (shape.folds / -1.6)
    return np.clip(1 - hidden, 0.2, 1)
