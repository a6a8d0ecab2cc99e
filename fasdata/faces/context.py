"""The box with its surroundings, as deployed anti-spoofing networks are fed: enlarged, and moved into the picture."""

from __future__ import annotations

from collections.abc import Sequence

from fasdata.records import Region


def context_region(box: Sequence[float], picture: tuple[int, int], factor: float) -> Region:
    """Return x0, y0, x1, y1 (whole pixels, end exclusive) of the box enlarged to `factor` times its width and height.

    `picture` is its width and height. The rule is that of Silent-Face-Anti-Spoofing (`get_bbox` and `CropImage`), to
    the pixel: the corner and the size of the box cut to integers; a factor that would pass the picture lowered to what
    fits; where the enlarged box reaches past an edge it is moved back inside, so that it keeps its size and the face
    leaves its middle; its corners cut to integers again, both belonging to it.

    >>> context_region((40.7, 30.2, 79.9, 89.5), (640, 480), 2.7)
    (6, 0, 115, 163)
    """
    width, height = picture
    x, y = int(box[0]), int(box[1])
    across, down = max(1, int(box[2] - box[0] + 1)), max(1, int(box[3] - box[1] + 1))
    factor = min((height - 1) / down, (width - 1) / across, factor)
    x0, x1 = _inside(x, across, factor, width)
    y0, y1 = _inside(y, down, factor, height)
    return x0, y0, x1 + 1, y1 + 1


def to_thousandths(box: Sequence[float]) -> tuple[float, float, float, float]:
    """Return a box with three decimals, as far as stores and the 32 bits of manifests agree about it.

    What is stored for `context` and what is shown of it are computed from this one: cut to integers, others differ.
    """
    x0, y0, x1, y1 = (round(float(value), 3) for value in box)
    return x0, y0, x1, y1


def _inside(start: int, length: int, factor: float, limit: int) -> tuple[int, int]:
    """Return the first and the last pixel of the enlarged side, inside a picture of `limit` pixels."""
    half, middle = length * factor / 2, length / 2 + start
    low, high = middle - half, middle + half
    if low < 0:
        low, high = 0.0, high - low
    if high > limit - 1:
        low, high = low - (high - limit + 1), float(limit - 1)
    return max(0, int(low)), int(high)
