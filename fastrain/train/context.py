"""The engine's side of a training step, and the search for samples that made a loss non-finite."""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch import Generator, Tensor, nn

from fasdata.errors import UserError
from fastrain.train.devices import GatherRows, average, average_gradients, gather

if TYPE_CHECKING:
    from lightning_fabric import Fabric

    from fastrain.data.loader import TrainLoader
    from fastrain.methods.base import Batch, Method, OptimSpec
    from fastrain.train.randomness import Generators


# -- The samples that made a loss non-finite --------------------------------------------------------------------------


def culprits(method: Method, batch: Batch) -> list[str]:
    """Find the samples that made a loss non-finite: those with non-finite pixels, else those with non-finite scores.

    Each sample is scored in evaluation mode, independently of its batch mates. When every score is non-finite the
    network is broken, and when none is it is the batch as a whole: then no id is returned.
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


# -- The engine's side of a training step -----------------------------------------------------------------------------


class TrainingContext:
    """Implements `fastrain.methods.base.StepContext` on Fabric.

    On several devices, gradients are averaged where an optimiser steps; every device draws its own images of the same
    domains, because `python_random` and `generator` are alike everywhere.
    """

    def __init__(
        self,
        fabric: Fabric,
        optimizers: Mapping[str, OptimSpec],
        loader: TrainLoader,
        generators: Generators,
        *,
        dtype: torch.dtype,
        n_domains: int,
        steps_per_epoch: int,
        method: Method | None = None,
    ) -> None:
        self._fabric, self._loader, self._dtype, self._method = fabric, loader, dtype, method
        self._first_of_epoch = method.first_of_epoch if method else 0
        self._parameters = {
            name: [parameter for group in spec.optimizer.param_groups for parameter in group["params"]]
            for name, spec in optimizers.items()
        }
        self._steppers: dict[str, Any] = {
            name: fabric.setup_optimizers(spec.optimizer) for name, spec in optimizers.items()
        }
        self.generator: Generator = generators.torch
        self.python_random: random.Random = generators.python
        self.n_domains = n_domains
        self.steps_per_epoch = steps_per_epoch
        self.devices = fabric.world_size
        self.iteration = 0
        self.epoch = 1
        self.images_drawn = 0
        self._drawn: Batch = {"id": []}

    def move_to(self, iteration: int) -> None:
        """Set iteration and epoch; the method decides which iteration opens an epoch."""
        self.iteration = iteration
        self.epoch = 1 + max(0, iteration - self._first_of_epoch) // self.steps_per_epoch

    def backward(self, loss: Tensor) -> None:
        """Backpropagate.

        Raises:
            UserError: the loss is not finite; names the iteration, and the clips that make it so or those of the batch.
        """
        self._require_finite(loss)
        self._fabric.backward(loss)

    def gradients(self, loss: Tensor, parameters: Sequence[nn.Parameter], *, keep_graph: bool = False) -> list[Tensor]:
        """Return the gradient of `loss` for each parameter, averaged over the devices; zeros where it has no part.

        Raises:
            UserError: as `backward`; or the precision is one that scales losses, which makes gradients useless as such.
        """
        self._require_finite(loss)
        if getattr(self._fabric.strategy.precision, "scaler", None) is not None:
            raise UserError(
                "the method works with gradients themselves, which 16-mixed precision scales",
                do="--precision bf16-mixed or 32-true",
            )
        gradients = torch.autograd.grad(loss, parameters, retain_graph=keep_graph, materialize_grads=True)
        average(self._fabric, gradients)
        return list(gradients)

    def gathered(self, tensor: Tensor) -> Tensor:
        """Return the rows of all devices, one device after the other; gradients flow back to each device's own."""
        return tensor if self.devices == 1 else GatherRows.apply(tensor)

    def step(self, name: str) -> None:
        """Step the optimiser `name`."""
        average_gradients(self._fabric, self._parameters[name])
        self._steppers[name].step()
        # Under mixed precision torch keeps the cast copies of weights for a whole autocast block; a method that steps
        # and runs forward again within one iteration would otherwise see the weights from before the step.
        torch.clear_autocast_cache()

    def zero_grad(self, name: str) -> None:
        """Drop the gradients of the parameters of the optimiser `name`."""
        for parameter in self._parameters[name]:
            parameter.grad = None

    def set_trainable(self, group: nn.Module | Iterable[nn.Parameter], on: bool) -> None:
        """Switch `requires_grad` of parameters; a checkpoint keeps the switches."""
        for parameter in group.parameters() if isinstance(group, nn.Module) else group:
            parameter.requires_grad_(on)

    def draw(self, domains: Sequence[int]) -> Batch:
        """Return the next images of `domains` on the device, k bona fide then k attacks of each."""
        self._drawn = on_device(self._fabric, self._loader.draw(domains), self._dtype)
        self.images_drawn += len(self._drawn["id"])
        return self._drawn

    def _require_finite(self, loss: Tensor) -> None:
        if all(gather(self._fabric, bool(torch.isfinite(loss.detach()).all()))):  # all devices stop, or none
            return
        bad = culprits(self._method, self._drawn) if self._method and self._drawn["id"] else []
        all_bad, everything = (
            [name for ids in gather(self._fabric, names) for name in ids] for names in (bad, self._drawn["id"])
        )
        raise UserError(
            f"the loss became {loss.item()} in iteration {self.iteration}",
            found=f"not finite by itself: {clips_in_words(all_bad)}"
            if all_bad
            else f"a batch of the clips {clips_in_words(everything)}",
            do="the checkpoints written before are kept; a smaller learning rate or 32-true precision may help",
        )


def on_device(fabric: Fabric, batch: dict[str, Any], dtype: torch.dtype) -> Batch:
    """Return the batch on the device of the run, images in the floating type of the network."""
    views = batch.get("views", [batch["modalities"]])
    rest = {name: value for name, value in batch.items() if name not in ("views", "modalities")}
    views = [{name: image.to(dtype) for name, image in view.items()} for view in fabric.to_device(views)]
    moved = {**fabric.to_device(rest), "modalities": views[0]}  # of several views the first, once on the device
    return {**moved, "views": views} if "views" in batch else moved
