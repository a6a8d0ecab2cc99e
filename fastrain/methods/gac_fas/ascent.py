"""Compute ascending points."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

TINY = 1e-16


def mixing(n_domains: int, *, running_total: bool) -> tuple[list[list[float]], list[float]]:
    """Return how the domains' gradients mix: row k for the direction of domain k, and one row for the common descent.

    Without the running total each direction is the domain's own gradient and the descent is their sum. With it, as in
    the published optimiser class, M_k = g_0 + … + g_k, A_k = A_(k-1) + M_k from A_(-1) = 0, direction k is
    M_k - A_(k-1) and the descent is the last A: of three domains g_0, g_1, g_2 - g_0 and 3 g_0 + 2 g_1 + g_2.
    """
    domains = range(n_domains)
    if not running_total:
        return [[float(j == k) for j in domains] for k in domains], [1.0] * n_domains
    directions = [[1.0 - max(0, k - j) if j <= k else 0.0 for j in domains] for k in domains]
    return directions, [float(n_domains - j) for j in domains]


class Ascent:
    """The ascending points of one step.

    With g_k the gradient of domain k over all parameters w, mixed to a direction d_k and a descent A (`mixing`), and
    T = |w| + eta for a weight, 1 for a bias and for everything when not `adaptive`, the offset of domain k is
    rho T² d_k / |T d_k| - alpha A, element by element.

    Args:
        names: the parameters' names; a name with "weight" in it is a weight's.
        gradients: for each domain present, the gradients in the order of the parameters; their memory is reused for
            the offsets.
    """

    def __init__(
        self,
        names: Sequence[str],
        parameters: Sequence[nn.Parameter],
        gradients: dict[int, list[Tensor]],
        n_domains: int,
        *,
        rho: float,
        alpha: float,
        eta: float,
        adaptive: bool,
        running_total: bool,
    ) -> None:
        self._scaled = [adaptive and "weight" in name for name in names]
        self._parameters, self._gradients = parameters, gradients
        self._rho, self._alpha, self._eta = rho, alpha, eta
        rows, descent = mixing(n_domains, running_total=running_total)
        self._rows = {k: [rows[k][j] for j in gradients] for k in gradients}
        self._descent = [descent[j] for j in gradients]

    @torch.no_grad()
    def lengths(self) -> dict[int, Tensor]:
        """Return |T d_k| for each domain present, with 1e-16 added."""
        parts: dict[int, list[Tensor]] = {k: [] for k in self._gradients}
        for place in range(len(self._parameters)):
            own, size = self._at(place), self._size(place)
            for k, row in self._rows.items():
                direction = _mixed(own, row)
                parts[k].append(torch.linalg.vector_norm(direction if size is None else direction * size))
        return {k: torch.linalg.vector_norm(torch.stack(lengths)) + TINY for k, lengths in parts.items()}

    @torch.no_grad()
    def offsets(self) -> dict[int, list[Tensor]]:
        """Return the offsets by domain, in the order of the parameters; they overwrite the gradients."""
        steps = {k: self._rho / length for k, length in self.lengths().items()}
        for place in range(len(self._parameters)):
            own, size = self._at(place), self._size(place)
            descent = _mixed(own, self._descent) * self._alpha
            for k, row in self._rows.items():
                offset = _mixed(own, row) * steps[k]
                if size is not None:
                    offset.mul_(size).mul_(size)
                self._gradients[k][place] = offset.sub_(descent)
        return self._gradients

    def _at(self, place: int) -> list[Tensor]:
        return [of[place] for of in self._gradients.values()]

    def _size(self, place: int) -> Tensor | None:
        return self._parameters[place].abs().add_(self._eta) if self._scaled[place] else None


def _mixed(tensors: Sequence[Tensor], row: Sequence[float]) -> Tensor:
    """Return the sum of the tensors times their numbers; a single tensor times 1 is returned itself."""
    terms = [(tensor, number) for tensor, number in zip(tensors, row, strict=True) if number]
    total = terms[0][0] if terms[0][1] == 1 else terms[0][0] * terms[0][1]
    for tensor, number in terms[1:]:
        total = torch.add(total, tensor, alpha=number)
    return total
