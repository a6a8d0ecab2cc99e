"""Early fusion: what the widened first layer sees."""

from __future__ import annotations

import pytest
import timm
import torch
from pydantic import ValidationError
from torch import nn

from fasdata.errors import UserError
from fastrain.methods.erm.settings import ERMSettings
from fastrain.networks.modality_fusion import stacked, widen_first_layer
from fastrain.networks.trunk import IMAGENET_MEAN, IMAGENET_STD, imagenet_normalized
from tests.fastrain.methods.tiny import images, scored, tiny, trained

ALL = ("rgb", "depth", "ir")
IMAGENET = (IMAGENET_MEAN, IMAGENET_STD)


def test_rgb_alone_is_exactly_the_image() -> None:
    batch = images([0])
    assert torch.equal(stacked(batch, ("rgb",), None), batch["modalities"]["rgb"])
    assert torch.equal(stacked(batch, ("rgb",), IMAGENET), imagenet_normalized(batch["modalities"]["rgb"]))


def test_modalities_are_stacked_and_what_is_missing_is_zero_after_normalisation() -> None:
    batch = images([0])
    batch["available"]["depth"][1] = False
    whole = stacked(batch, ALL, IMAGENET)
    assert whole.shape[1] == 5
    assert not whole[1, 3].any() and whole[0, 3].any() and whole[1, 4].any()
    assert torch.allclose(whole[0, 4], (batch["modalities"]["ir"][0, 0] - 0.449) / 0.226, atol=1e-6)


@pytest.mark.parametrize("name", ["resnet10t", "resnet18", "convnext_atto", "efficientnet_b0"])
def test_the_widened_layer_means_what_the_old_one_meant(name: str) -> None:
    torch.manual_seed(0)
    trunk = timm.create_model(name, num_classes=0)
    first = next(module for module in trunk.modules() if isinstance(module, nn.Conv2d))
    rgb, depth = torch.rand(2, 3, 64, 64), torch.rand(2, 1, 64, 64)
    apart = (first(rgb) + first(depth.expand(-1, 3, -1, -1))) / 2  # of two equal biases the mean is the bias
    widen_first_layer(trunk, ("rgb", "depth"))
    torch.testing.assert_close(first(torch.cat([rgb, depth], dim=1)), apart, atol=1e-5, rtol=1e-4)
    assert trunk(torch.cat([rgb, depth], dim=1)).shape[0] == 2


def test_a_trunk_for_rgb_alone_is_left_untouched() -> None:
    default, rgb_alone = tiny("erm"), tiny("erm", modalities=("rgb",))
    assert all(torch.equal(value, rgb_alone.state_dict()[key]) for key, value in default.state_dict().items())
    assert default.modalities == ("rgb",) and tiny("hfn_mp").modalities == ("rgb",)


def test_a_trunk_that_begins_otherwise_is_refused() -> None:
    with pytest.raises(UserError, match=r"cannot take rgb, ir.*convolution over three channels"):
        widen_first_layer(nn.Sequential(nn.Conv2d(4, 8, 3)), ("rgb", "ir"))


@pytest.mark.parametrize("modalities", [ALL, ("depth",), ("ir", "rgb")])
def test_erm_learns_from_any_of_them(modalities: tuple[str, ...]) -> None:
    method = tiny("erm", modalities=modalities)
    trained(method, 25)
    batch = images(range(3), seed=1)
    score = scored(method, batch)
    assert score[batch["label"] == 1].min() > score[batch["label"] == 0].max()
    for name in method.modalities:
        changed = {**batch, "modalities": {**batch["modalities"], name: batch["modalities"][name] * 0}}
        assert not torch.equal(scored(method, changed), score)


@pytest.mark.parametrize("modalities", [(), ("rgb", "rgb"), ("thermal",)])
def test_settings_that_mean_nothing_are_refused(modalities: tuple[str, ...]) -> None:
    with pytest.raises(ValidationError):
        ERMSettings(modalities=modalities)
    assert ERMSettings(modalities=("ir", "rgb")).modalities == ("rgb", "ir")
