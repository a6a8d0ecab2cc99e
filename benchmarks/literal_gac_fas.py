"""The training step of GAC-FAS as the published code performs it, for timing ours against it.

One full copy of the network for every source domain, brought into line with the network, buffers included, in every
step; the running total of gradients; a loop over domains for the losses. The copies stand where the published code has
them, and only there: what a copy's gradient adds is taken from it at once.
"""

from __future__ import annotations

import copy

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class LiteralGACFAS:
    """The minimiser and its copies around `network`, which maps images to features and cosines.

    `rho`, `alpha`, `eta` are those of the ascending points; `loss` is bce (with `scale`) or ce. With `frozen` the
    copies' trunks do not learn, as the published script leaves them. The last parameter is the head's.
    """

    def __init__(
        self,
        network: nn.Module,
        *,
        domains: int = 3,
        rho: float = 0.1,
        alpha: float = 2e-4,
        eta: float = 0.0,
        loss: str = "bce",
        scale: float = 12.0,
        lr: float = 0.005,
        head_lr: float = 0.05,
        momentum: float = 0.9,
        weight_decay: float = 1e-4,
        contrast: float = 0.2,
        frozen: bool = False,
    ) -> None:
        self.network = network
        self.copies = [copy.deepcopy(network) for _ in range(domains)]
        for duplicate in self.copies if frozen else ():
            for parameter in list(duplicate.parameters())[:-1]:
                parameter.requires_grad_(False)
        self.rho, self.alpha, self.eta = rho, alpha, eta
        self.loss, self.scale, self.contrast = loss, scale, contrast
        trunk, head = list(network.parameters())[:-1], list(network.parameters())[-1:]
        groups = [{"params": trunk, "lr": lr}, {"params": head, "lr": head_lr}]
        self.optimiser = torch.optim.SGD(groups, momentum=momentum, weight_decay=weight_decay)

    def plain_step(self, first: Tensor, second: Tensor, label: Tensor, domain: Tensor) -> None:
        """Do one step without ascending points on two views of N images, their labels and their domains."""
        self.network.train()
        losses, contrast = self._losses(first, second, label, domain)
        (sum(losses) + contrast).backward()
        self.optimiser.step()
        self.optimiser.zero_grad()

    def step(self, first: Tensor, second: Tensor, label: Tensor, domain: Tensor) -> None:
        """Do one step with them."""
        self.network.train()
        losses, contrast = self._losses(first, second, label, domain)
        present, directions, total = self._climbed(losses)
        self._displace(present, directions, total)
        del directions, total
        contrast.backward()
        images, labels, domains = torch.cat([first, second]), label.repeat(2), domain.repeat(2)
        for k in present:
            network = self.copies[k].train()
            sum(self._by_domain(network(images)[1], labels, domains)).backward()
            for parameter, copied in zip(self.network.parameters(), network.parameters(), strict=True):
                if copied.grad is not None:
                    parameter.grad.add_(copied.grad, alpha=1 / len(present))
                    copied.grad = None
        self.optimiser.step()
        self.optimiser.zero_grad()

    def _climbed(self, losses: list[Tensor]) -> tuple[list[int], dict[int, list[Tensor]], list[Tensor]]:
        """Go back through one domain's loss after the other; return what is left of each after the running total."""
        parameters = list(self.network.parameters())
        total = [torch.zeros_like(parameter) for parameter in parameters]
        present, directions = [], {}
        for k, loss in enumerate(losses):
            if loss != 0:
                loss.backward(retain_graph=True)
                present.append(k)
            so_far = [torch.zeros_like(p) if p.grad is None else p.grad for p in parameters]
            if loss != 0:
                directions[k] = [now - before for now, before in zip(so_far, total, strict=True)]
            for before, now in zip(total, so_far, strict=True):
                before.add_(now)
        return present, directions, total

    @torch.no_grad()
    def _displace(self, present: list[int], directions: dict[int, list[Tensor]], total: list[Tensor]) -> None:
        """Bring the copies into line with the network, then each to the ascending point of its domain."""
        named = list(self.network.named_parameters())
        for k in present:
            network = self.copies[k]
            network.load_state_dict(self.network.state_dict())
            norms = [(self._size(*pair) * d).norm() for pair, d in zip(named, directions[k], strict=True)]
            length = torch.stack(norms).norm() + 1e-16
            for copied, pair, d, common in zip(network.parameters(), named, directions[k], total, strict=True):
                size = self._size(*pair)
                copied.add_(self.rho * size * size * d / length - self.alpha * common)

    def _size(self, name: str, parameter: Tensor) -> Tensor:
        return parameter.abs() + self.eta if "weight" in name else torch.ones_like(parameter)

    def _losses(self, first: Tensor, second: Tensor, label: Tensor, domain: Tensor) -> tuple[list[Tensor], Tensor]:
        features, cosines = self.network(torch.cat([first, second]))
        ahead, behind = F.normalize(features).split(len(first))
        contrast = self.contrast * contrastive(torch.stack([ahead, behind], dim=1), 10 * domain + label)
        return self._by_domain(cosines, label.repeat(2), domain.repeat(2)), contrast

    def _by_domain(self, cosines: Tensor, label: Tensor, domain: Tensor) -> list[Tensor]:
        losses = []
        for k in range(len(self.copies)):
            mine = domain == k
            if not mine.any():
                losses.append(cosines.new_zeros(()))
            elif self.loss == "bce":
                chance = torch.sigmoid(self.scale * cosines[mine].squeeze(1))
                losses.append(F.binary_cross_entropy(chance, label[mine].to(chance)) / len(self.copies))
            else:
                losses.append(F.cross_entropy(cosines[mine], label[mine]) / len(self.copies))
        return losses


def contrastive(features: Tensor, label: Tensor, temperature: float = 0.1) -> Tensor:
    """Return the supervised contrastive loss of unit vectors (N,2,width), as its authors' formula has it."""
    rows = torch.cat(features.unbind(dim=1))
    likeness = rows @ rows.T / temperature
    likeness = likeness - likeness.max(dim=1, keepdim=True).values.detach()
    others = 1 - torch.eye(len(rows), dtype=rows.dtype, device=rows.device)
    positive = (label[:, None] == label).to(rows.dtype).repeat(2, 2) * others
    logarithm = likeness - (likeness.exp() * others).sum(dim=1, keepdim=True).log()
    return -(temperature / 0.07) * ((positive * logarithm).sum(dim=1) / positive.sum(dim=1)).mean()
