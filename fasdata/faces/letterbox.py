"""A frame laid into the canvas a detector was trained for, and the way back to its own pixels."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Letterbox:
    """The map from frame to canvas, canvas = scale * frame + shift on both axes, pixel centres at integers.

    `width` and `height` are those of the canvas. Because the map is exact, not rounded to a whole number of pixels,
    what is found on the canvas goes back to the frame without a systematic error.
    """

    width: int
    height: int
    scale: float
    shift: tuple[float, float] = (0.0, 0.0)

    @classmethod
    def fixed(cls, width: int, height: int, canvas: tuple[int, int], margin: float = 0.0) -> Letterbox:
        """Return the map of a frame into a canvas (width, height), as large as fits, from its top left corner on.

        A `margin` leaves that share of the frame's longer side free on all sides of it, with the frame in the middle.
        """
        free = 2 * margin * max(width, height)
        scale = min(canvas[0] / (width + free), canvas[1] / (height + free))
        shift = ((canvas[0] - scale * width) / 2, (canvas[1] - scale * height) / 2) if margin else (0.0, 0.0)
        return cls(*canvas, scale, shift)

    @classmethod
    def within(cls, width: int, height: int, side: int, margin: float = 0.0) -> Letterbox:
        """Return the map of a frame into a canvas of its own shape, shrunk only if its longer side passes `side`.

        A `margin` leaves that share of the frame's longer side free on all sides of it.
        """
        free = margin * max(width, height)
        scale = min(1.0, side / (max(width, height) + 2 * free))
        across, down = (max(1, round((length + 2 * free) * scale)) for length in (width, height))
        return cls(across, down, scale, (free * scale, free * scale))

    def lay(self, image: np.ndarray) -> np.ndarray:
        """Return the canvas with the image on black."""
        import cv2

        if (image.shape[1], image.shape[0], self.scale, self.shift) == (self.width, self.height, 1.0, (0.0, 0.0)):
            return image
        matrix = np.array([[self.scale, 0, self.shift[0]], [0, self.scale, self.shift[1]]])
        return cv2.warpAffine(image, matrix, (self.width, self.height), flags=cv2.INTER_LINEAR)

    def back(self, points: np.ndarray) -> np.ndarray:
        """Return canvas points (..., 2) in pixels of the frame."""
        return (np.asarray(points, np.float64) - self.shift) / self.scale
