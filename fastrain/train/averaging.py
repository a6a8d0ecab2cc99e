"""Averages of weights beside training: exponential over all iterations (EMA), plain over the ends of epochs (SWA)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor, nn

from fasdata.errors import UserError
from fastrain.config import EMA, SWA, TrainConfig
from fastrain.networks.checkpoint import HELP, Checkpoint
from fastrain.networks.fine_tuning import learns
from fastrain.train.selection import ends_of_epochs

if TYPE_CHECKING:
    from fastrain.data.images import Images
    from fastrain.methods.base import Method
    from fastrain.train.scoring import Scorer


@dataclass
class Average:
    """An average of the parameters and buffers of a network, of as many networks as `count` says.

    What is no floating-point number (how many batches a batch norm has seen) is that of the latest.
    """

    name: str
    tensors: dict[str, Tensor]
    count: int = 0

    def take(self, state: Mapping[str, Tensor], weight: float) -> None:
        """Move towards the state of a network by a share of the distance; the first one is taken as it is."""
        if not self.count:
            self.tensors = {name: tensor.clone() for name, tensor in state.items()}
        else:
            moving = [name for name, tensor in state.items() if tensor.is_floating_point()]
            with torch.no_grad():
                torch._foreach_lerp_([self.tensors[name] for name in moving], [state[name] for name in moving], weight)
            for name in state.keys() - set(moving):
                self.tensors[name].copy_(state[name])
        self.count += 1


class Averages:
    """The averages that a configuration asks for; a checkpoint keeps them, so that a resumed run has the same ones."""

    def __init__(self, method: Method, config: TrainConfig) -> None:
        self._method, self._decay = method, config.ema
        self._ends = ends_of_epochs(config, config.swa) if config.swa else []
        names = [name for name, asked in ((EMA, config.ema), (SWA, config.swa)) if asked]
        self.by_name = {name: Average(name, {}) for name in names}

    def after(self, iteration: int) -> None:
        """Take the network in as it is after an iteration."""
        if self._decay:
            self.by_name[EMA].take(self._state(), 1 - self._decay)
        if iteration in self._ends:
            swa = self.by_name[SWA]
            swa.take(self._state(), 1 / (swa.count + 1))

    def _state(self) -> dict[str, Tensor]:
        """Return the network's tensors, less those that never change."""
        fixed = self._method.fixed
        return {name: tensor.detach() for name, tensor in self._method.state_dict().items() if name not in fixed}

    def added_to(self, checkpoint: Checkpoint) -> Checkpoint:
        """Return a checkpoint with the averages as they are, `<name>/<tensor>`."""
        if not self.by_name:
            return checkpoint
        tensors = {
            f"{name}/{key}": tensor for name, average in self.by_name.items() for key, tensor in average.tensors.items()
        }
        counts = {name: average.count for name, average in self.by_name.items()}
        return Checkpoint({**checkpoint.tensors, **tensors}, {**checkpoint.facts, "averages": counts})

    def restore(self, checkpoint: Checkpoint) -> None:
        """Take the averages of a checkpoint.

        Raises:
            UserError: they are not those of this network and configuration.
        """
        counts, own = checkpoint.training.averages, self._state()
        for name, average in self.by_name.items():
            tensors, count = checkpoint.part(name), counts.get(name, -1)
            fits = {key: (tensor.shape, tensor.dtype) for key, tensor in tensors.items()} == {
                key: (tensor.shape, tensor.dtype) for key, tensor in own.items()
            }
            if count < 0 or not (fits if count else not tensors):
                raise UserError(f"{checkpoint.where} has no fitting average {name}", expected="the run's own", do=HELP)
            average.count = count
            average.tensors = {key: tensor.to(own[key].device, copy=True) for key, tensor in tensors.items()}


def with_statistics(
    average: Mapping[str, Tensor], method: Method, scorer: Scorer, images: Images, seed: int
) -> dict[str, Tensor]:
    """Return an average with the statistics of its batch norms taken anew, over one pass of the training images.

    Those of the single networks are not those of the averaged one (Izmailov et al. 2018, section 3.2). Images come as
    evaluation prepares them, in a seeded order, and every batch counts alike; a short rest is left out. The method is
    given back as it was.
    """
    before = {name: tensor.detach().clone() for name, tensor in method.state_dict().items()}
    training = method.training
    norms = [module for module in method.modules() if isinstance(module, nn.modules.batchnorm._BatchNorm)]
    # The statistics of a part that is not trained are its own, as its weights are.
    norms = [norm for norm in norms if norm.track_running_stats and (learns(norm) or not norm.affine)]
    momenta = [norm.momentum for norm in norms]
    method.load_state_dict({**before, **average})
    method.eval()
    try:
        for norm in norms:
            norm.reset_running_stats()
            norm.momentum = None  # the plain mean over the batches
            norm.train()
        members = np.random.default_rng(seed).permutation(len(images.samples))
        if len(members) > scorer.batch_size:
            members = members[: len(members) - len(members) % scorer.batch_size]
        if norms:
            with torch.no_grad(), scorer.fabric.autocast():
                for batch in scorer.batches(images, members):
                    method.predict(batch)
        return {name: tensor.detach().clone() for name, tensor in method.state_dict().items()}
    finally:
        for norm, momentum in zip(norms, momenta, strict=True):
            norm.momentum = momentum
        method.load_state_dict(before)
        method.train(training)
