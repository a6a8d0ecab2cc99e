"""What a method sees of the trainer during a step."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch
from lightning_fabric import Fabric
from torch import nn

from fasdata.errors import UserError
from fastrain.methods.base import OptimSpec
from fastrain.train.context import TrainingContext
from fastrain.train.devices import open_devices


def context_of(layer: nn.Module, fabric: Fabric) -> TrainingContext:
    specs = {"all": OptimSpec(torch.optim.SGD(layer.parameters(), lr=1.0))}
    nothing = SimpleNamespace(torch=None, python=None)
    return TrainingContext(fabric, specs, None, nothing, dtype=torch.float32, n_domains=1, steps_per_epoch=1)


def test_a_forward_pass_after_a_step_sees_the_new_weights_under_mixed_precision() -> None:
    """HFN_MP steps its extractor several times within one iteration, all inside one autocast block."""
    fabric = open_devices("cpu", "1", "bf16-mixed")
    layer = nn.Linear(4, 1, bias=False)
    context = context_of(layer, fabric)
    ones = torch.ones(2, 4)
    with fabric.autocast():
        before = layer(ones).mean()
        context.backward(before)
        context.step("all")
        after = layer(ones).mean()
    assert abs(float((before - after).detach()) - 4.0) < 0.1


def test_gradients_leave_what_is_accumulated_alone_and_are_zero_where_there_is_none() -> None:
    used, idle = nn.Linear(4, 1, bias=False), nn.Linear(2, 1, bias=False)
    both = nn.ModuleList([used, idle])
    context = context_of(both, open_devices("cpu", "1", "32-true"))
    loss = used(torch.ones(2, 4)).mean()
    used.weight.grad = torch.full((1, 4), 7.0)
    for keep in (True, False):
        gradients = context.gradients(loss, list(both.parameters()), keep_graph=keep)
        assert [gradient.tolist() for gradient in gradients] == [[[1.0] * 4], [[0.0] * 2]]
    assert used.weight.grad.tolist() == [[7.0] * 4] and idle.weight.grad is None
    with pytest.raises(RuntimeError, match="second time"):
        context.gradients(loss, [used.weight])
    rows = torch.ones(2, 3)
    assert context.gathered(rows) is rows


def test_precision_that_scales_losses_is_refused_for_gradients(monkeypatch: pytest.MonkeyPatch) -> None:
    fabric = open_devices("cpu", "1", "bf16-mixed")
    monkeypatch.setattr(fabric.strategy.precision, "scaler", object())
    layer = nn.Linear(4, 1)
    context = context_of(layer, fabric)
    with pytest.raises(UserError, match=r"16-mixed precision scales; --precision bf16-mixed"):
        context.gradients(layer(torch.ones(2, 4)).mean(), list(layer.parameters()))
