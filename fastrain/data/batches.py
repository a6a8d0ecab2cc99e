"""Prepared samples to the batch dictionary that methods receive."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from fastrain.data.images import Images
from fastrain.data.room import Part, joined


def collate(images: Images, members: np.ndarray, parts: Sequence[Part]) -> dict[str, Any]:
    """Return the batch of `members`, whose images lie in these parts of rooms, in the same order.

    With more than one view the batch has them all in `views`, and the first in `modalities` as ever. A modality that a
    sample lacks is zero there, and False in `available`.
    """
    samples = images.samples
    label, domain = samples.label[members].astype(np.int64), samples.domain[members].astype(np.int64)
    views, available = joined(parts)
    batch = {
        "modalities": views[0],
        "label": torch.from_numpy(label),
        "domain": torch.from_numpy(domain),
        "group": torch.from_numpy(2 * domain + label),
        "id": samples.sample_ids(members),
        "available": available,
    }
    return batch if len(views) == 1 else {**batch, "views": views}
