"""Measure loss and accuracy on the images of a domain, and how sharply the loss rises around the weights."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import torch
from torch import Tensor, nn

from fastrain.landscape.directions import learnt
from fastrain.networks.displacement import displaced

Batch: TypeAlias = dict[str, Any]
LogOdds: TypeAlias = Callable[[Batch], Tensor]
"""Maps a batch to (B,) log odds of bona fide."""
Loss: TypeAlias = Callable[[Tensor, Tensor], Tensor]
"""Maps log odds (B,) and labels (B,), 1 = bona fide, to the loss of each image (B,)."""


def cross_entropy(log_odds: Tensor, label: Tensor) -> Tensor:
    """Return the binary cross entropy of each image (B,) in nats, exact for odds of any size.

    >>> cross_entropy(torch.tensor([0.0, 50.0, -50.0]), torch.tensor([1, 1, 1])).tolist()
    [0.6931471824645996, 1.9287498933537385e-22, 50.0]
    """
    toward = torch.where(label == 1, log_odds, -log_odds)
    return torch.logaddexp(torch.zeros_like(toward), -toward)


@dataclass(frozen=True)
class Gauge:
    """What is measured: a network in eval mode, the log odds it gives, and the loss of an image."""

    network: nn.Module
    log_odds: LogOdds
    loss: Loss = cross_entropy

    @torch.no_grad()
    def measured(self, batches: Sequence[Batch]) -> tuple[float, float]:
        """Return the mean loss over all images, and the share of them whose log odds have the sign of their label."""
        total, right, count = 0.0, 0, 0
        for batch in batches:
            odds, label = self._odds(batch)
            total += float(self.loss(odds, label).sum())
            right += int(((odds > 0) == (label == 1)).sum())
            count += len(label)
        return total / count, right / count

    def gradient(self, batches: Sequence[Batch], parameters: Sequence[nn.Parameter]) -> list[Tensor]:
        """Return the gradient of the mean loss, a tensor a parameter; zeros where it has no part."""
        count = sum(len(batch["label"]) for batch in batches)
        total = [torch.zeros_like(parameter) for parameter in parameters]
        for batch in batches:
            with torch.enable_grad():
                loss = self.loss(*self._odds(batch)).sum() / count
                parts = torch.autograd.grad(loss, parameters, materialize_grads=True)
            for whole, part in zip(total, parts, strict=True):
                whole += part
        return total

    def sharpness(self, batches: Sequence[Batch], radii: Sequence[float]) -> tuple[float, list[float]]:
        """Return the gradient's length |g|, and for each radius rho the rise L(w + rho g / |g|) - L(w).

        That is the first-order ascent of sharpness-aware minimisation (Foret et al., ICLR 2021), over all weights that
        the network learns, those of batch norm and biases included. Running statistics stay as they are.
        """
        parameters = learnt(self.network)
        gradient = self.gradient(batches, parameters)
        length = _length(gradient)
        here, _ = self.measured(batches)
        rises = []
        for radius in radii:
            offsets = [part * (radius / length if length else 0.0) for part in gradient]
            with displaced(self.network, parameters, offsets):
                rises.append(self.measured(batches)[0] - here)
        return length, rises

    def _odds(self, batch: Batch) -> tuple[Tensor, Tensor]:
        # On the CPU: there every machine has double precision.
        return self.log_odds(batch).cpu().double(), batch["label"].cpu()


def _length(tensors: Sequence[Tensor]) -> float:
    """Return the length of all tensors as a single vector."""
    squares = [float(torch.linalg.vector_norm(part.detach().cpu().double())) ** 2 for part in tensors]
    return float(sum(squares) ** 0.5)
