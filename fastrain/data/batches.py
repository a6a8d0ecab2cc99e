"""Prepared samples to the batch dictionary that methods receive."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from fastrain.data.images import Images

_CHANNELS = {"rgb": 3, "depth": 1, "ir": 1}


def collate(images: Images, members: np.ndarray, prepared: Sequence[Mapping[str, Tensor]]) -> dict[str, Any]:
    """Return the batch of `members`, whose prepared images (modality -> float32 CxSxS) are given in the same order.

    A modality that a sample lacks is zero there, and False in `available`.
    """
    samples = images.samples
    label = torch.from_numpy(samples.label[members].astype(np.int64))
    domain = torch.from_numpy(samples.domain[members].astype(np.int64))
    side = next((image.shape[-1] for sample in prepared for image in sample.values()), images.size)
    nothing = {name: torch.zeros(_CHANNELS[name], side, side) for name in images.modalities}
    return {
        "modalities": {name: torch.stack([sample.get(name, nothing[name]) for sample in prepared]) for name in nothing},
        "label": label,
        "domain": domain,
        "group": 2 * domain + label,
        "id": [samples.sample_id(int(i)) for i in members],
        "available": {name: torch.tensor([name in sample for sample in prepared]) for name in nothing},
    }
