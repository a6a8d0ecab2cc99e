"""Convolutions of one pixel as products: the same numbers, the same names, and nothing of it in an export."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import nn

from fastrain.networks.innermost import PixelProduct, keep_channels_innermost


def network() -> nn.Sequential:
    """Layers of which the first and the last are of one pixel, and the others are not quite."""
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(6, 8, 1),
        nn.ReLU(),
        nn.Conv2d(8, 8, 1, stride=2),
        nn.Conv2d(8, 8, 1, groups=2),
        nn.Conv2d(8, 8, 1, padding=1),
        nn.Conv2d(8, 8, 3),
        nn.Conv2d(8, 5, 1, bias=False),
    )


@pytest.mark.parametrize("innermost", [True, False])
def test_values_and_gradients_are_those_of_the_convolution(innermost: bool) -> None:
    plain = network().double()
    other = copy.deepcopy(plain)
    keep_channels_innermost(other)
    assert [type(layer) is PixelProduct for layer in other] == [True, False, False, False, False, False, True]
    assert list(other.state_dict()) == list(plain.state_dict())
    image = torch.rand(3, 6, 7, 9, dtype=torch.float64)
    if innermost:
        image = image.contiguous(memory_format=torch.channels_last)
    taken = []
    for each in (plain, other):
        pixels = image.clone().requires_grad_()
        out = each(pixels)
        first = torch.autograd.grad(out.square().sum(), [pixels, *each.parameters()], create_graph=True)
        (second,) = torch.autograd.grad(sum(of.square().sum() for of in first), [pixels])  # what GAC-FAS needs
        taken.append([out, *first, second])
    for own, of_plain in zip(*taken, strict=True):
        torch.testing.assert_close(own, of_plain, rtol=1e-12, atol=1e-12)
    assert taken[1][0].is_contiguous(memory_format=torch.channels_last) or not innermost


def test_products_are_used_where_channels_are_innermost_and_never_in_an_export(monkeypatch: pytest.MonkeyPatch) -> None:
    layer = nn.Sequential(nn.Conv2d(4, 4, 1))
    keep_channels_innermost(layer)
    image = torch.rand(2, 4, 5, 5).contiguous(memory_format=torch.channels_last)
    used = []
    linear = nn.functional.linear
    monkeypatch.setattr(nn.functional, "linear", lambda *of: (used.append(1), linear(*of))[1])
    layer(image)
    assert used == [1]
    layer(image.contiguous())
    assert used == [1]
    graph = str(torch.jit.trace(layer, image, check_trace=False).inlined_graph)
    exported = str(torch.export.export(layer, (image,)).graph)
    assert used == [1]
    assert (
        "aten::_convolution" in graph
        and "aten::linear" not in graph
        and "conv2d" in exported
        and "linear" not in exported
    )
