"""What a method sees of the trainer during a step."""

from __future__ import annotations

from types import SimpleNamespace

import torch
from torch import nn

from fastrain.context import TrainingContext
from fastrain.devices import open_devices
from fastrain.methods.base import OptimSpec


def test_a_forward_pass_after_a_step_sees_the_new_weights_under_mixed_precision() -> None:
    """HFN_MP steps its extractor several times within one iteration, all inside one autocast block."""
    fabric = open_devices("cpu", "1", "bf16-mixed")
    layer = nn.Linear(4, 1, bias=False)
    specs = {"all": OptimSpec(torch.optim.SGD(layer.parameters(), lr=1.0))}
    context = TrainingContext(
        fabric,
        specs,
        None,
        SimpleNamespace(torch=None, python=None),
        dtype=torch.float32,
        n_domains=1,
        steps_per_epoch=1,
    )
    ones = torch.ones(2, 4)
    with fabric.autocast():
        before = layer(ones).mean()
        context.backward(before)
        context.step("all")
        after = layer(ones).mean()
    assert abs(float((before - after).detach()) - 4.0) < 0.1
