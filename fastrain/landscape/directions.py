"""Draw filter-normalised random directions, and move a network's weights in the plane that two of them span.

The method is that of Li, Xu, Taylor, Studer and Goldstein, "Visualizing the Loss Landscape of Neural Nets", NeurIPS
2018.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Generator, Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from fastrain.landscape.surfaces import BatchNorm
from fastrain.networks.displacement import displaced

TINY = 1e-10  # as published: a filter of zeros gets a direction of zeros


def filter_normalised(direction: Tensor, weight: Tensor) -> Tensor:
    """Return `direction` with each filter, a row along the first dimension, as long as the same filter of `weight`.

    A filter makes one feature map; of a linear layer it is the weights of one neuron.

    >>> filter_normalised(torch.tensor([[3.0, 4.0], [1.0, 0.0]]), torch.tensor([[0.0, 1.0], [2.0, 0.0]])).tolist()
    [[0.6000000238418579, 0.800000011920929], [2.0, 0.0]]
    """
    lengths = [torch.linalg.vector_norm(each.flatten(1), dim=1) for each in (weight, direction)]
    factor = lengths[0] / (lengths[1] + TINY)
    return direction * factor.view(-1, *[1] * (direction.dim() - 1))


@torch.no_grad()
def random_direction(parameters: Sequence[nn.Parameter], generator: Generator, batchnorm: BatchNorm) -> list[Tensor]:
    """Return a filter-normalised direction, a tensor a parameter, each of its parameter's type and on its device.

    It is drawn and normalised on the CPU in double precision, so that a seed means the same everywhere.
    """
    direction = []
    for parameter in parameters:
        weight = parameter.detach().cpu().double()
        drawn = torch.randn(weight.shape, generator=generator, dtype=torch.float64)
        if weight.dim() > 1:
            drawn = filter_normalised(drawn, weight)
        else:
            drawn = weight.clone() if batchnorm == "move" else torch.zeros_like(weight)
        direction.append(drawn.to(parameter.device, parameter.dtype))
    return direction


@dataclass(frozen=True)
class Plane:
    """The plane through a network's weights that two directions span."""

    network: nn.Module
    parameters: Sequence[nn.Parameter]
    directions: tuple[Sequence[Tensor], Sequence[Tensor]]

    @classmethod
    def random(cls, network: nn.Module, seed: int, batchnorm: BatchNorm = "ignore") -> Plane:
        """Draw a plane for the weights that the network learns; frozen ones stay where they are."""
        generator = Generator().manual_seed(seed)
        parameters = learnt(network)
        first, second = (random_direction(parameters, generator, batchnorm) for _ in range(2))
        return cls(network, parameters, (first, second))

    @contextmanager
    def at(self, alpha: float, beta: float) -> Iterator[None]:
        """Move the weights by alpha of the first direction and beta of the second inside a `with`."""
        offsets = [alpha * first + beta * second for first, second in zip(*self.directions, strict=True)]
        with displaced(self.network, self.parameters, offsets):
            yield


def learnt(network: nn.Module) -> list[nn.Parameter]:
    """Return the parameters that the network learns."""
    return [parameter for parameter in network.parameters() if parameter.requires_grad]


def batch_norms(network: nn.Module) -> list[nn.Module]:
    """Return the layers that have running statistics."""
    return [layer for layer in network.modules() if isinstance(layer, _BatchNorm) and layer.track_running_stats]


@torch.no_grad()
def refit_statistics(network: nn.Module, forward: Callable[[], object]) -> None:
    """Estimate the running statistics of every batch norm anew: each is the mean over the batches that `forward` shows.

    All other layers stay in the mode they are in. Buffers are overwritten; inside `Plane.at` they come back.
    """
    layers = batch_norms(network)
    before = [(layer, layer.training, layer.momentum) for layer in layers]
    try:
        for layer in layers:
            layer.reset_running_stats()  # type: ignore[operator]
            layer.momentum = None  # type: ignore[assignment]
            layer.train()
        forward()
    finally:
        for layer, training, momentum in before:
            layer.momentum = momentum
            layer.train(training)
