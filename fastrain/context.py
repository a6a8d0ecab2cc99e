"""The engine's side of a training step."""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch import Generator, Tensor, nn

from fasdata.errors import UserError
from fastrain.devices import average_gradients, gather

if TYPE_CHECKING:
    from lightning_fabric import Fabric

    from fastrain.checkpoints.randomness import Generators
    from fastrain.data.loader import TrainLoader
    from fastrain.methods.base import Batch, OptimSpec


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
    ) -> None:
        self._fabric, self._loader, self._dtype = fabric, loader, dtype
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
        self.iteration = 0
        self.epoch = 1
        self.last_drawn: list[str] = []

    def move_to(self, iteration: int) -> None:
        """Set iteration and epoch; epochs are counted as HFN_MP does: iteration S opens epoch 2."""
        self.iteration = iteration
        self.epoch = 1 + iteration // self.steps_per_epoch

    def backward(self, loss: Tensor) -> None:
        """Backpropagate.

        Raises:
            UserError: the loss is not finite; names the iteration and the clips of the batch.
        """
        if not all(gather(self._fabric, bool(torch.isfinite(loss.detach()).all()))):  # all devices stop, or none
            raise UserError(
                f"the loss became {loss.item()} in iteration {self.iteration}",
                found="a batch of " + _listed(self.last_drawn),
                do="the checkpoints written before are kept; a smaller learning rate or 32-true precision may help",
            )
        self._fabric.backward(loss)

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
        batch = self._loader.draw(domains)
        self.last_drawn = batch["id"]
        return on_device(self._fabric, batch, self._dtype)


def on_device(fabric: Fabric, batch: dict[str, Any], dtype: torch.dtype) -> Batch:
    """Return the batch on the device of the run, images in the floating type of the network."""
    moved = fabric.to_device(batch)
    moved["modalities"] = {name: image.to(dtype) for name, image in moved["modalities"].items()}
    return moved


def _listed(ids: Sequence[str], most: int = 8) -> str:
    clips = list(dict.fromkeys(sample.rpartition("/")[0] for sample in ids))
    rest = len(clips) - most
    return "the clips " + ", ".join(clips[:most]) + (f" and {rest} more" if rest > 0 else "")
