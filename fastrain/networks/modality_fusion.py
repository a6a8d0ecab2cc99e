"""Fuse modalities: early, as the channels of one image, or late, as the mean of one number each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

import torch
from torch import Tensor, nn

from fasdata.errors import UserError
from fastrain.networks.trunk import normalized

# -- Early fusion -----------------------------------------------------------------------------------------------------

Statistics: TypeAlias = tuple[Sequence[float], Sequence[float]]
"""Three channel means and three deviations."""


def stacked(batch: Mapping[str, Any], modalities: Sequence[str], statistics: Statistics | None) -> Tensor:
    """Return (B,C,S,S): the images of `modalities` one after the other, rgb with three channels, the others with one.

    They are normalised by `statistics` unless that is None. An image that is not available is zero after that.
    """
    planes = []
    for name in modalities:
        image = batch["modalities"][name]
        if statistics is not None:
            image = normalized(image, *statistics)
        available = batch.get("available", {}).get(name)
        planes.append(image if available is None else image * available.view(-1, 1, 1, 1).to(image.dtype))
    return planes[0] if len(planes) == 1 else torch.cat(planes, dim=1)


def widen_first_layer(trunk: nn.Module, modalities: Sequence[str]) -> None:
    """Change the first convolution of a trunk for rgb, in place, so that it takes `modalities` stacked.

    On a stack it gives the mean of what the old layer gives for each modality alone, a modality of one channel being
    shown as grey: rgb keeps its kernels, the others get their sum over the channels, all divided by the number of
    modalities. So pretrained weights keep their meaning.

    Raises:
        UserError: the trunk does not begin with a convolution over three channels.
    """
    if tuple(modalities) == ("rgb",):
        return
    old = next((module for module in trunk.modules() if isinstance(module, nn.Conv2d)), None)
    if old is None or old.in_channels != 3 or old.groups != 1:
        raise UserError(
            f"the trunk cannot take {', '.join(modalities)}",
            expected="a trunk that begins with a convolution over three channels",
            found=repr(old),
        )
    rgb = old.weight.detach()
    kernels = torch.cat([rgb if name == "rgb" else rgb.sum(dim=1, keepdim=True) for name in modalities], dim=1)
    old.weight = nn.Parameter(kernels / len(modalities))
    old.in_channels = kernels.shape[1]


# -- Late fusion ------------------------------------------------------------------------------------------------------


def availability(batch: Mapping[str, Any], modalities: Sequence[str], like: Tensor) -> Tensor:
    """Return (B,M) of the type and device of `like` (B,...): 1 where a face has the modality, 0 where it has not.

    A modality that the batch's `available` does not name counts as present.
    """
    available = batch.get("available", {})
    present = like.new_ones(like.shape[0])
    return torch.stack([available[name].to(like) if name in available else present for name in modalities], dim=1)


def mean_of_available(values: Tensor, available: Tensor) -> Tensor:
    """Return (B,): the mean of values (B,M) over the `available` (B,M) modalities; over all where none is."""
    weight = torch.where(available.any(dim=1, keepdim=True), available, torch.ones_like(available))
    return (values * weight).sum(dim=1) / weight.sum(dim=1)
