"""Several modalities in one network: as channels of one image, or as one number each, averaged over those present."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

import torch
from torch import Tensor, nn

from fasdata.errors import UserError
from fastrain.networks.trunk import normalized

# -- Early fusion: several modalities as the channels of one image ----------------------------------------------------


Statistics: TypeAlias = tuple[Sequence[float], Sequence[float]]
"""Three channel means and three deviations."""


def stacked(batch: Mapping[str, Any], modalities: Sequence[str], statistics: Statistics | None) -> Tensor:
    """Return (B,C,S,S): the images of `modalities` one after the other, rgb with three channels, the others with one.

    They are normalised by `statistics` unless that is None.

    An image that is not available is zero after normalisation too, which is the middle grey of the others.
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
    """Let the first convolution of a trunk for rgb take `modalities` stacked; it is changed in place.

    Its weights become those that, on a stack, give the mean of what the old layer gives for each modality alone, a
    modality of one channel being shown as grey: rgb keeps its kernels, the others get their sum over the channels,
    all divided by the number of modalities. So pretrained weights keep their meaning.

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
    kernels = torch.cat([rgb if one == "rgb" else rgb.sum(dim=1, keepdim=True) for one in modalities], dim=1)
    old.weight = nn.Parameter(kernels / len(modalities))
    old.in_channels = kernels.shape[1]


# -- Late fusion: one number a modality, averaged over the modalities that a face has ---------------------------------


def availability(batch: Mapping[str, Any], modalities: Sequence[str], like: Tensor) -> Tensor:
    """Return (B,M) of the type and device of `like` (B,...): 1 where a face has the modality, 0 where it has not.

    A batch that does not say has everything.
    """
    there = batch.get("available", {})
    everything = like.new_ones(len(like))
    return torch.stack([there[name].to(like) if name in there else everything for name in modalities], dim=1)


def mean_of_available(values: Tensor, there: Tensor) -> Tensor:
    """Return (B,): the mean of values (B,M) over the modalities that are `there` (B,M); over all where none is."""
    weight = torch.where(there.any(dim=1, keepdim=True), there, torch.ones_like(there))
    return (values * weight).sum(dim=1) / weight.sum(dim=1)
