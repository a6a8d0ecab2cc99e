"""What a print does to a picture: inks on paper, in continuous tone or in the dots of a halftone screen."""

from __future__ import annotations

from dataclasses import dataclass
from math import cos, radians, sin

import numpy as np
from numpy.typing import NDArray

from fastrain.augmentation import Halftone, Printer
from fastrain.data.light import Light, light_of

# Reflectance in linear sRGB of the solid inks C, M, Y, K over that of their paper, from their CIELAB values in
# ISO 12647-2 (coated paper); the paper itself is a little blue.
INKS = np.array([(0.02, 0.35, 0.77), (0.80, 0.02, 0.22), (1.0, 0.85, 0.02), (0.024, 0.024, 0.024)], np.float32)
BLOCKS = np.array(
    [(0, 1, 1), (1, 0, 1), (1, 1, 0)], np.float32
)  # inks that take away one third of light, and all of it
PAPER = np.array((0.95, 0.965, 1.0), np.float32)
ANGLES = (
    15.0,
    75.0,
    0.0,
    45.0,
)  # of the screens of C, M, Y, K, in degrees (ISO 12647-2 keeps 30 between the dark ones)
_SHARP = 6.0  # how steep the edge of a dot is, in areas a unit
_BLACK = 0.6  # share of the common part of C, M, Y that is printed with K


def _thresholds() -> Light:
    """Return, by 256 heights of a screen function, which share of the plane lies above, so dots cover what is asked."""
    wave = np.cos(np.linspace(0, 2 * np.pi, 256, endpoint=False))
    heights = np.sort((wave[:, None] + wave[None]).ravel() / 2)
    below = np.searchsorted(heights, np.linspace(-1, 1, 256)) / heights.size
    return (1 - below).astype(np.float32)


_THRESHOLDS = _thresholds()


@dataclass(frozen=True)
class Printed:
    """A print: `gain` of a dot that covers half, density of the inks (None: blocks without gain), screen or None.

    `period` is that of the screen in pixels, `turn` its angle in degrees, `shift` its place.
    """

    gain: float | None
    density: float
    period: float | None
    turn: float = 0.0
    shift: tuple[float, float] = (0.0, 0.0)

    @classmethod
    def draw(cls, printer: Printer | None, halftone: Halftone | None, rng: np.random.Generator) -> Printed:
        """Draw the settings of a print; a step that is off takes none of the others' numbers."""
        gain, density = (rng.uniform(*pair) for pair in (printer.dot_gain, printer.density)) if printer else (None, 1.0)
        if halftone is None:
            return cls(gain, density, None)
        turn, x, y = rng.uniform(0, 90), rng.random(), rng.random()
        return cls(gain, density, float(rng.uniform(*halftone.period)), turn, (x, y))

    def light(self, image: NDArray[np.uint8]) -> Light:
        """Return the light of the printed picture: the mean over the inks' overlaps, weighted by how much they cover.

        Of inks whose screens are independent the overlaps cover the product of the single areas (Demichel 1924), and
        their light adds up (Neugebauer 1937); where an overlap reflects the product of its inks, the sum is a product:
        R = paper · Π (1 - a_i (1 - ink_i)). Without a printer the mean light of a screen is that of the picture.
        """
        if self.gain is None:
            inks, areas, paper = BLOCKS, 1 - light_of(image), np.ones(3, np.float32)
        else:
            inks, areas, paper = INKS**self.density, _separated(image, self.gain), PAPER
        reflected = np.ones(image.shape, np.float32) * paper
        for number, ink in enumerate(inks):
            area = areas[..., number]
            if self.period:
                area = self._dots(area, ANGLES[number] + self.turn, self.period)
            reflected *= 1 - area[..., None] * (1 - ink)
        return reflected

    def _dots(self, area: Light, angle: float, period: float) -> Light:
        """Return `area` in dots: 1 where the screen function stands above its threshold, 0 elsewhere, soft between.

        A camera's pixel is a square, no point: of a wave of one period it leaves sinc(1 / period) in each direction.
        """
        height, width = area.shape
        c, s = (2 * np.pi / period * turned for turned in (cos(radians(angle)), sin(radians(angle))))
        x, y = np.arange(width) + self.shift[0] * period, (np.arange(height) + self.shift[1] * period)[:, None]
        # cos(a + b) of a column's and a row's part, so that 256 cosines make an image of 65 536.
        along = np.cos(c * x) * np.cos(s * y) - np.sin(c * x) * np.sin(s * y)
        across = np.cos(s * x) * np.cos(c * y) + np.sin(s * x) * np.sin(c * y)
        threshold = _THRESHOLDS[((along + across) * 63.75 + 127.5).astype(np.uint8)]
        left = np.float32(np.sinc(1 / period) ** 2)
        return area + left * (np.clip((area - threshold) * _SHARP + 0.5, 0, 1) - area)


def _separated(image: NDArray[np.uint8], gain: float) -> Light:
    """Return the areas (H,W,4) that C, M, Y, K cover: complements of the pixels, black for what they share, grown.

    A dot of area a grows to a + 4 · gain · a (1 - a), `gain` at a half: the usual parabola for the tone value increase
    that the formula of Murray and Davies (1936) measures.
    """
    wanted = 1 - image.astype(np.float32) / 255
    black = _BLACK * wanted.min(axis=2, keepdims=True)
    areas = np.concatenate([(wanted - black) / np.maximum(1 - black, 1e-6), black], axis=2)
    return np.minimum(areas + 4 * gain * areas * (1 - areas), 1)
