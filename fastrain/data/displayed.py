"""What a display does to a picture: its own colours, and the moiré of its pixels with those of the camera."""

from __future__ import annotations

from dataclasses import dataclass
from math import cos, radians, sin

import numpy as np
from numpy.typing import NDArray

from fastrain.augmentation import Display, Moire
from fastrain.data.light import Light, light_of


def daylight(kelvin: float) -> Light:
    """Return the linear sRGB of daylight of a correlated colour temperature (CIE 15), of luminance 1.

    >>> [round(float(part), 2) for part in daylight(6504)]
    [1.0, 1.0, 1.0]
    """
    t = 1000 / kelvin
    x = (
        ((-4.6070 * t + 2.9678) * t + 0.09911) * t + 0.244063
        if kelvin <= 7000
        else ((-2.0064 * t + 1.9018) * t + 0.24748) * t + 0.237040
    )
    y = -3.0 * x * x + 2.870 * x - 0.275
    white = np.array((x / y, 1.0, (1 - x - y) / y))
    to_srgb = [(3.2406, -1.5372, -0.4986), (-0.9689, 1.8758, 0.0415), (0.0557, -0.2040, 1.0570)]
    return (np.array(to_srgb) @ white).astype(np.float32)


_TURN, _TILT, _BEND = 4.0, 0.05, 0.03  # of a hand-held display: degrees, shares of the side


@dataclass(frozen=True)
class Grid:
    """The pixels of a display as a camera samples them: `pitch` of them a pixel of the picture, and their `contrast`.

    `turn` is in radians, `tilt` the perspective and `bend` the distortion of the lens, over the side; `shift` is in
    periods.
    """

    pitch: float
    contrast: float
    turn: float
    tilt: tuple[float, float]
    bend: float
    shift: tuple[float, float]

    @classmethod
    def draw(cls, moire: Moire, rng: np.random.Generator) -> Grid:
        """Draw a display held before a camera."""
        pitch, contrast = rng.uniform(*moire.pitch), rng.uniform(*moire.contrast)
        turn, bend = radians(rng.uniform(-_TURN, _TURN)), rng.uniform(-_BEND, _BEND)
        tilt, shift = rng.uniform(-_TILT, _TILT, 2), rng.random(2)
        return cls(pitch, contrast, turn, (tilt[0], tilt[1]), bend, (shift[0], shift[1]))

    def seen(self, light: Light) -> Light:
        """Return the light times the grid at the camera's pixels.

        A stripe of red, green and blue subpixels is a wave whose channels are a third of a period apart; sampled at a
        pitch near one a pixel it comes back at the difference of the two frequencies: the moiré of two gratings
        (Amidror, The Theory of the Moiré Phenomenon, chapter 2), in colours. Rows have gaps, but no colours.
        """
        height, width = light.shape[:2]
        side = max(height, width)
        x = np.arange(width, dtype=np.float32)[None] - width / 2
        y = np.arange(height, dtype=np.float32)[:, None] - height / 2
        scale = self.pitch * (1 + self.bend * (x * x + y * y) / side**2)
        scale = scale / (1 + self.tilt[0] * x / side + self.tilt[1] * y / side)
        c, s = cos(self.turn), sin(self.turn)
        columns = (2 * np.pi * (scale * (c * x + s * y) + self.shift[0])).astype(np.float32)
        rows = (2 * np.pi * (scale * (c * y - s * x) + self.shift[1])).astype(np.float32)
        even, odd = self.contrast * np.cos(columns), self.contrast * np.sin(columns)
        lines = 1 + self.contrast / 2 * np.cos(rows)
        thirds = [(cos(2 * np.pi * number / 3), sin(2 * np.pi * number / 3)) for number in range(3)]
        return light * np.stack([lines * (1 + c * even - s * odd) for c, s in thirds], axis=2)


@dataclass(frozen=True)
class Shown:
    """A display: `gamma` of its light over sRGB's, its `white` in kelvin, the share of `flare` on it; its grid.

    Without `gamma` colours stay; without `grid` there is no moiré.
    """

    gamma: float | None
    white: float
    flare: float
    grid: Grid | None

    @classmethod
    def draw(cls, display: Display | None, moire: Moire | None, rng: np.random.Generator) -> Shown:
        """Draw a display."""
        pairs = (display.gamma, display.white, display.flare) if display else ()
        gamma, white, flare = [rng.uniform(*pair) for pair in pairs] or (None, 0.0, 0.0)
        return cls(gamma, white, flare, Grid.draw(moire, rng) if moire else None)

    def light(self, image: NDArray[np.uint8]) -> Light:
        """Return the light of the shown picture, white as `daylight`; flare lifts black, as in ITU-R BT.1886."""
        light = light_of(image)
        if self.gamma is not None:
            white = daylight(self.white)
            light = (1 - self.flare) * light**self.gamma * (white / white.max()) + np.float32(self.flare)
        return self.grid.seen(light) if self.grid else light
