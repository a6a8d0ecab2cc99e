"""Low-rank adapters beside the fixed weights of linear layers (LoRA): put them in, fold them into the weights.

Our own, though `peft` has them: it brings `transformers` and `accelerate` along, renames every entry of a state (files
of weights and older checkpoints would no longer fit by name) and has a checkpoint form of its own. What is needed here
is one layer and two functions; the entries of the trunk keep their names, and the adapters' stand beside them.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from fasdata.errors import UserError, nearest


@dataclass(frozen=True)
class LoRA:
    """What adapters are like: their rank, `alpha`, and the ends of the names of the linear layers that get one.

    An adapter adds alpha/rank · B·A·x to W·x + b, with A (rank, in) and B (out, rank) (Hu et al., ICLR 2022, 4.1).
    """

    rank: int
    alpha: float
    layers: Sequence[str]


class LowRankLinear(nn.Linear):
    """A linear layer whose weight and bias are fixed, with an adapter that learns; at first it changes nothing."""

    def __init__(self, fixed: nn.Linear, lora: LoRA) -> None:
        nn.Module.__init__(self)
        self.in_features, self.out_features = fixed.in_features, fixed.out_features
        self.weight, self.bias = fixed.weight, fixed.bias
        self.scale = lora.alpha / lora.rank
        like = fixed.weight
        self.lora_a = nn.Parameter(like.new_empty(lora.rank, fixed.in_features))
        self.lora_b = nn.Parameter(like.new_zeros(fixed.out_features, lora.rank))
        nn.init.kaiming_uniform_(self.lora_a, a=math.sqrt(5))  # as a linear layer of torch begins

    def forward(self, x: Tensor) -> Tensor:
        """Map (..., in) to (..., out)."""
        return F.linear(x, self.weight, self.bias) + self.scale * F.linear(F.linear(x, self.lora_a), self.lora_b)

    @torch.no_grad()
    def merged(self) -> nn.Linear:
        """Return a plain linear layer that does the same, with weights of its own, summed in double precision."""
        plain = nn.Linear(self.in_features, self.out_features, bias=self.bias is not None, device="meta")
        change = self.scale * (self.lora_b.double() @ self.lora_a.double())
        plain.weight = nn.Parameter((self.weight.double() + change).to(self.weight.dtype))
        plain.bias = None if self.bias is None else nn.Parameter(self.bias.clone())
        return plain


def put_adapters(trunk: nn.Module, lora: LoRA, image: Tensor) -> list[str]:
    """Put an adapter beside each layer that `lora` names and whose weight does not learn; return these layers' names.

    `image` (1,3,S,S) is shown to the trunk once, to see that each adapter is used: some trunks read the weights of a
    layer without calling it.

    Raises:
        UserError: a name fits no linear layer, all such layers learn in full already, or an adapter is passed by.
    """
    linear = [name for name, module in trunk.named_modules() if type(module) is nn.Linear]
    for end in lora.layers:
        if not any(_ends(name, end) for name in linear):
            kinds = sorted({".".join(name.split(".")[-2:]) for name in linear})
            close = nearest(end, kinds)
            raise UserError(
                f"no linear layer of the trunk is called {end!r}, beside which lora_layers wants an adapter",
                expected="ends of names such as " + ", ".join(kinds[:6]) if kinds else "a trunk with linear layers",
                do=f"did you mean {close!r}?" if close else "",
            )
    chosen = [name for name in linear if any(_ends(name, end) for end in lora.layers)]
    chosen = [name for name in chosen if not trunk.get_submodule(name).weight.requires_grad]
    if not chosen:
        raise UserError(
            "every layer of lora_layers learns in full already, so no adapter has a place",
            do="fewer last_blocks, or lora_rank=0",
        )
    for name in chosen:
        _replace(trunk, name, LowRankLinear(trunk.get_submodule(name), lora))  # type: ignore[arg-type]
    _require_called(trunk, chosen, image)
    return chosen


def merge_adapters(module: nn.Module) -> nn.Module:
    """Fold every adapter inside `module` into the weight beside it, in place; return the module."""
    for name in [name for name, inner in module.named_modules() if isinstance(inner, LowRankLinear)]:
        layer: Any = module.get_submodule(name)
        _replace(module, name, layer.merged())
    return module


def _ends(name: str, end: str) -> bool:
    return name == end or name.endswith("." + end)


def _replace(module: nn.Module, name: str, layer: nn.Module) -> None:
    parent, _, own = name.rpartition(".")
    layer.train(module.training)
    setattr(module.get_submodule(parent), own, layer)


@torch.no_grad()
def _require_called(trunk: nn.Module, names: Sequence[str], image: Tensor) -> None:
    called: set[str] = set()
    hooks = [
        trunk.get_submodule(name).register_forward_hook(lambda *_, name=name: called.add(name))  # type: ignore[misc]
        for name in names
    ]
    training = trunk.training
    trunk.eval()(image)
    trunk.train(training)
    for hook in hooks:
        hook.remove()
    passed_by = [name for name in names if name not in called]
    if passed_by:
        raise UserError(
            f"the trunk reads the weights of {passed_by[0]} without calling it, so an adapter there does nothing",
            do="leave it out of lora_layers",
        )
