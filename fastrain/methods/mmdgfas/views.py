"""The 36 views that a test image is scored by."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor, stack

VIEWS = 36


def crop_corners(side: int, crop: int) -> list[tuple[int, int]]:
    """Return top and left of nine crops of `crop` pixels from a square image: the middle, the edges, the corners.

    The last row and column are in none of them, as published.

    Raises:
        ValueError: the image is smaller than a crop.
    """
    if crop > side:
        raise ValueError(f"an image of {side} pixels has no crop of {crop}")
    middle = (side - crop) // 2
    low, high = max(middle - crop, 0), middle + crop
    if high + crop >= side:
        high = max(side - crop - 1, 0)
    m = middle
    return [(m, m), (low, m), (m, low), (high, m), (m, high), (high, high), (low, low), (low, high), (high, low)]


def crops36(images: Mapping[str, Tensor], crop: int) -> dict[str, Tensor]:
    """Return the views (B * 36, C, crop, crop) of images (B,C,S,S), by modality; those of an image follow each other.

    Each of the nine crops comes as it is, mirrored, upside down, and both.
    """
    return {name: _views(image, crop) for name, image in images.items()}


def _views(image: Tensor, crop: int) -> Tensor:
    pieces = [image[..., top : top + crop, left : left + crop] for top, left in crop_corners(image.shape[-1], crop)]
    views = [view for one in pieces for view in (one, one.flip(-1), one.flip(-2), one.flip(-2, -1))]
    return stack(views, dim=1).flatten(0, 1)
