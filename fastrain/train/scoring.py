"""Score the samples of a part, and compute the metrics of a validation."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch

from fasdata.errors import UserError
from fastrain.augmentation import AugmentConfig
from fastrain.data.batches import ordered_batches
from fastrain.data.images import Images
from fastrain.data.samples import ClipFrames
from fastrain.evaluation.metrics.counts import fuse
from fastrain.evaluation.metrics.curve import auc, eer, min_hter
from fastrain.evaluation.metrics.rates import hter
from fastrain.train.context import on_device
from fastrain.train.devices import gather

if TYPE_CHECKING:
    from lightning_fabric import Fabric

    from fastrain.methods.base import Batch, Method

SCORE = "score"

Scored = Callable[[int], None]


def nobody(images: int) -> None:
    """Listen to no count of images."""


@dataclass(frozen=True)
class Scorer:
    """Lets a method score images in evaluation mode, each image once, shared among the devices."""

    fabric: Fabric
    method: Method
    changes: AugmentConfig
    batch_size: int
    workers: int
    one_frame: int | None = None
    """A seed: of every clip one random frame is scored instead of all."""

    def frames(self, images: Images, iteration: int) -> Images:
        """Return the images that an evaluation of the network of `iteration` scores."""
        if self.one_frame is None:
            return images
        rng = np.random.default_rng([self.one_frame, iteration])
        return images.only(ClipFrames.of(images.samples).random_frame_of_each(rng))

    def scores(self, images: Images, *, parts: bool = False, scored: Scored = nobody) -> dict[str, np.ndarray]:
        """Return `score` (N,) float64 in the order of the samples, with `parts` also the method's further scores.

        `scored` is told how many images were scored since it was told last, on this device.

        Raises:
            UserError: a score is not a number; names the sample.
        """
        mine = np.array_split(np.arange(len(images.samples)), self.fabric.world_size)[self.fabric.global_rank]
        gathered = gather(self.fabric, self._predicted(images, mine, parts, scored))
        scores = {
            name: np.concatenate([share[name] for share in gathered if share])
            for name in next(filter(None, gathered), {})
        }
        for name, values in scores.items():
            if not np.isfinite(values).all():
                bad = images.samples.sample_id(int(np.argmin(np.isfinite(values))))
                raise UserError(
                    f"the {name} of {bad} is not a number", do="the network has diverged: try a smaller learning rate"
                )
        return scores

    def batches(self, images: Images, members: np.ndarray, size: int | None = None) -> Iterator[Batch]:
        """Yield `members` in their order in batches on the method's device, by default of the size that is scored."""
        dtype = next(self.method.parameters()).dtype
        size = size or self.batch_size
        for batch in ordered_batches(images, self.changes, members, size=size, workers=self.workers):
            yield {**on_device(self.fabric, batch, dtype), "part": images.samples.part}

    def _predicted(self, images: Images, members: np.ndarray, parts: bool, scored: Scored) -> dict[str, np.ndarray]:
        training = self.method.training
        self.method.eval()
        collected: dict[str, list[torch.Tensor]] = {}
        with torch.no_grad(), self.fabric.autocast():
            for ready in self.batches(images, members):
                predicted = self.method.scores(ready) if parts else {SCORE: self.method.predict(ready)}
                for name, values in predicted.items():
                    collected.setdefault(name, []).append(values)
                scored(len(predicted[SCORE]))
        self.method.train(training)
        return {name: torch.cat(values).double().cpu().numpy() for name, values in collected.items()}


def validation_metrics(images: Images, scores: np.ndarray) -> dict[str, float]:
    """Return `auc`, `eer` and `min_hter` of clips (mean of the frames), and of frames as `auc_frame` and so on.

    `acer_frame` is the mean of both error rates at the score 0.5.
    """
    labels = images.samples.label
    first, fused = fuse(scores, images.samples.recordings())
    return {
        "auc": float(auc(fused, labels[first])),
        "eer": float(eer(fused, labels[first]).hter),
        "min_hter": float(min_hter(fused, labels[first]).hter),
        "auc_frame": float(auc(scores, labels)),
        "eer_frame": float(eer(scores, labels).hter),
        "min_hter_frame": float(min_hter(scores, labels).hter),
        "acer_frame": float(hter(scores, labels, 0.5)),
    }
