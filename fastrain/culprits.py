"""Whose fault a loss is that is not finite."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor

if TYPE_CHECKING:
    from fastrain.methods.base import Batch, Method


def culprits(method: Method, batch: Batch) -> list[str]:
    """Return the ids of the samples whose pixels, or else whose own scores, are not finite.

    A sample is scored in evaluation mode, where its batch mates have no part in it. When every score fails it is the
    network that is broken, and when none does it is the batch as a whole: then no id is returned.
    """
    broken = _broken_pixels(batch)
    if not broken.any():
        training = method.training
        method.eval()
        with torch.no_grad():
            broken = ~torch.isfinite(method.predict(batch)).cpu()
        method.train(training)
    if bool(broken.all()):
        return []
    return [name for name, bad in zip(batch["id"], broken.tolist(), strict=True) if bad]


def clips_in_words(ids: list[str], most: int = 8) -> str:
    """Return the clips of some sample ids (`<dataset>/<clip_id>/<frame_index>`), the first few by name."""
    clips = list(dict.fromkeys(sample.rpartition("/")[0] for sample in ids))
    rest = len(clips) - most
    return ", ".join(clips[:most]) + (f" and {rest} more" if rest > 0 else "")


def _broken_pixels(batch: Batch) -> Tensor:
    views = batch.get("views", [batch["modalities"]])
    images = [image for view in views for image in view.values()]
    return torch.stack([~torch.isfinite(image).flatten(1).all(dim=1) for image in images]).any(dim=0).cpu()
