"""The input convention of networks trained on ImageNet."""

from __future__ import annotations

from torch import Tensor

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)


def imagenet_normalized(image: Tensor) -> Tensor:
    """Return (B,3,S,S) images in [0,1] less ImageNet's channel means, over its deviations.

    Images of one channel (B,1,S,S) get the average of the three means and of the three deviations. The constants are
    made at the image's own precision, so that float64 gets them exactly.
    """
    mean = image.new_tensor(IMAGENET_MEAN).view(3, 1, 1)
    std = image.new_tensor(IMAGENET_STD).view(3, 1, 1)
    if image.shape[1] == 1:
        mean, std = mean.mean(), std.mean()
    return (image - mean) / std
