"""The losses of HFN_MP and how its two outputs become one score."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional as F


def map_loss(maps: Tensor, label: Tensor) -> Tensor:
    """Return the mean squared error between maps (B,1,h,w) and maps that hold the label (B,) everywhere."""
    target = label.to(maps.dtype).view(-1, 1, 1, 1).expand_as(maps)
    return F.mse_loss(maps, target)


def class_loss(logits: Tensor, label: Tensor) -> Tensor:
    """Return the mean softmax cross entropy of logits (B,2) and labels (B,), 1 = bona fide."""
    return F.cross_entropy(logits, label)


def reconstruction_loss(reconstruction: Tensor, image: Tensor) -> Tensor:
    """Return the mean squared error between the decoder's output and the image it should give back."""
    return F.mse_loss(reconstruction, image)


def score_parts(maps: Tensor, logits: Tensor) -> dict[str, Tensor]:
    """Return the parts of the score, (B,) in [0,1], higher = bona fide: the map's mean, the class probability."""
    return {"map": maps.mean(dim=(1, 2, 3)), "cls": logits.softmax(dim=1)[:, 1]}


def fused_score(parts: dict[str, Tensor]) -> Tensor:
    """Return the mean of the two parts: the score of HFN_MP (`trainer.py:684-687` of the published code)."""
    return (parts["map"] + parts["cls"]) / 2
