"""Tell which pixels of an image show anything: faces that were cut out stand on black."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor
from torch.nn import functional as F

_LEAST = 1e-3  # of the weights of lit pixels; less is the rounding of a weight that is zero


def lit(image: Tensor) -> Tensor:
    """Return (B,H,W), 1 where any channel of images (B,C,H,W) is above 0, else 0; in the type of the images."""
    return (image > 0).any(dim=1).to(image.dtype)


def lit_map(pixels: Tensor, side: int) -> Tensor:
    """Return the map (B,side,side) of lit pixels (B,H,W): 1 where plain bilinear resizing would see one of them.

    As OpenCV resizes: of an image that shrinks by more than two, pixels between are skipped.
    """
    if pixels.shape[-2:] == (side, side):
        return pixels
    resized = F.interpolate(pixels[:, None], size=(side, side), mode="bilinear", align_corners=False)[:, 0]
    return (resized > _LEAST).to(pixels.dtype)


def lit_map_of(images: Mapping[str, Tensor], side: int) -> Tensor:
    """Return the map (B,side,side) of faces: of each the first of `images` (by modality) that is not all black."""
    first, *others = (lit(image) for image in images.values())
    for other in others:
        first = first.where(first.amax(dim=(1, 2), keepdim=True) > 0, other)
    return lit_map(first, side)
