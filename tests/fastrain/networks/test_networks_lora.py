"""Adapters: what they change, where they may stand, and that folding them in changes no output."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from fasdata.errors import UserError
from fastrain.methods.settings import SMALL_VIT
from fastrain.networks.lora import LoRA, LowRankLinear, merge_adapters, put_adapters
from fastrain.networks.trunk import pooled_trunk

ATTENTION = LoRA(2, 16.0, ("attn.qkv", "attn.proj"))
IMAGE = torch.rand(1, 3, 32, 32, generator=torch.Generator().manual_seed(1))


@pytest.fixture
def trunk() -> nn.Module:
    torch.manual_seed(0)
    module = pooled_trunk(str(SMALL_VIT["trunk"]), dict(SMALL_VIT["trunk_kwargs"]), 32)[0]  # type: ignore[call-overload]
    return module.requires_grad_(False).eval()


def test_new_adapters_change_nothing_and_folded_ones_give_the_same(trunk: nn.Module) -> None:
    before = trunk(IMAGE)
    names = put_adapters(trunk, ATTENTION, IMAGE)
    assert names == [f"blocks.{n}.attn.{part}" for n in (0, 1) for part in ("qkv", "proj")]
    assert torch.equal(trunk(IMAGE), before)
    learning = {name for name, parameter in trunk.named_parameters() if parameter.requires_grad}
    assert learning == {f"{name}.lora_{part}" for name in names for part in "ab"}
    for name in names:
        nn.init.normal_(trunk.get_submodule(name).lora_b)
    unmerged = trunk(IMAGE)
    merged = merge_adapters(trunk)(IMAGE)
    assert (unmerged - before).abs().max() > 0.01
    assert (merged - unmerged).abs().max() < 1e-6
    assert not any("lora" in name for name in trunk.state_dict())


def test_an_adapter_adds_alpha_over_rank_times_b_a_x() -> None:
    layer = LowRankLinear(nn.Linear(2, 1), LoRA(1, 3.0, ("any",)))
    for parameter, value in ((layer.weight, [[1.0, 2.0]]), (layer.bias, [5.0]), (layer.lora_a, [[1.0, -1.0]])):
        parameter.data = torch.tensor(value)
    layer.lora_b.data = torch.tensor([[10.0]])
    x = torch.tensor([[4.0, 1.0]])
    assert layer(x).item() == pytest.approx(4 + 2 + 5 + 3 * 10 * (4 - 1))
    assert layer.merged()(x).item() == pytest.approx(101)


@pytest.mark.parametrize(
    ("layers", "message"),
    [(("attn.qvk",), "'attn.qvk'.*did you mean 'attn.qkv'"), (("head",), "expected ends of names such as attn.proj")],
)
def test_a_layer_that_is_not_there_is_refused(trunk: nn.Module, layers: tuple[str, ...], message: str) -> None:
    with pytest.raises(UserError, match=message):
        put_adapters(trunk, LoRA(2, 16.0, layers), IMAGE)


def test_layers_that_learn_in_full_need_no_adapter(trunk: nn.Module) -> None:
    trunk.get_submodule("blocks.1").requires_grad_(True)
    assert put_adapters(trunk, ATTENTION, IMAGE) == ["blocks.0.attn.qkv", "blocks.0.attn.proj"]
    with pytest.raises(UserError, match="learns in full already"):
        put_adapters(trunk.requires_grad_(True), LoRA(2, 1.0, ("fc1",)), IMAGE)


def test_an_adapter_that_would_be_passed_by_is_refused() -> None:
    class Bypassing(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.qkv = nn.Linear(3, 3).requires_grad_(False)

        def forward(self, image: Tensor) -> Tensor:
            return F.linear(image.mean(dim=(2, 3)), self.qkv.weight)

    with pytest.raises(UserError, match="reads the weights of qkv without calling it"):
        put_adapters(Bypassing(), LoRA(1, 1.0, ("qkv",)), IMAGE)
