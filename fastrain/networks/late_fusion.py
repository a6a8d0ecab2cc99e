"""Late fusion: one number a modality, averaged over the modalities that a face has."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from fastrain.methods.base import Batch


def availability(batch: Batch, modalities: Sequence[str], like: Tensor) -> Tensor:
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
