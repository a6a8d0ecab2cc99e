"""Prepared samples to the batch dictionary that methods receive."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from fastrain.data.samples import Samples


def collate(samples: Samples, members: np.ndarray, images: Sequence[Mapping[str, Tensor]]) -> dict[str, Any]:
    """Return the batch of `members`, whose prepared images (modality -> float32 CxSxS) are given in the same order."""
    label = torch.from_numpy(samples.label[members].astype(np.int64))
    domain = torch.from_numpy(samples.domain[members].astype(np.int64))
    return {
        "modalities": {name: torch.stack([image[name] for image in images]) for name in images[0]},
        "label": label,
        "domain": domain,
        "group": 2 * domain + label,
        "id": [samples.sample_id(int(i)) for i in members],
        "available": {name: torch.ones(len(members), dtype=torch.bool) for name in images[0]},
    }
