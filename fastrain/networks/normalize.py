"""The input conventions of pretrained networks."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)


def imagenet_normalized(image: Tensor) -> Tensor:
    """Return (B,3,S,S) images in [0,1] less ImageNet's channel means, over its deviations; one channel: see below."""
    return normalized(image, IMAGENET_MEAN, IMAGENET_STD)


def normalized(image: Tensor, mean: Sequence[float], std: Sequence[float]) -> Tensor:
    """Return (B,3,S,S) images in [0,1] less channel means, over deviations.

    Images of one channel (B,1,S,S) get the average of the three means and of the three deviations. The constants are
    made at the image's own precision, so that float64 gets them exactly.
    """
    means, deviations = image.new_tensor(mean).view(3, 1, 1), image.new_tensor(std).view(3, 1, 1)
    if image.shape[1] == 1:
        means, deviations = means.mean(), deviations.mean()
    return (image - means) / deviations


def statistics_of(trunk: str) -> tuple[Sequence[float], Sequence[float]]:
    """Return the channel means and deviations that the timm model `trunk` was trained with; ImageNet's if unknown."""
    import timm

    card = timm.get_pretrained_cfg(trunk, allow_unregistered=True)
    return (IMAGENET_MEAN, IMAGENET_STD) if card is None else (tuple(card.mean), tuple(card.std))
