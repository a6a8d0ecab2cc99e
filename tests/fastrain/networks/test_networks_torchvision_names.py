"""torchvision's networks under timm's names: the same outputs, or no translation at all."""

from __future__ import annotations

import pytest
import timm
import torch
import torchvision
from torch import nn

from fastrain.networks.torchvision_names import from_torchvision

SAME = [
    ("mobilenet_v2", "mobilenetv2_100"),
    ("efficientnet_b0", "efficientnet_b0"),
    ("mnasnet0_5", "mnasnet_050"),
    ("convnext_tiny", "convnext_tiny"),
]
OTHER = [
    ("mobilenet_v3_small", "mobilenetv3_small_100"),
    ("efficientnet_v2_s", "tf_efficientnetv2_s"),
    ("swin_t", "swin_tiny_patch4_window7_224"),
    ("mobilenet_v2", "efficientnet_b0"),
]


def disturbed(network: nn.Module) -> nn.Module:
    """Give every number of a network another value, so that exchanged layers show."""
    torch.manual_seed(0)
    with torch.no_grad():
        for name, value in network.state_dict().items():
            if value.is_floating_point() and value.ndim <= 1:
                value.uniform_(0.5, 1.5) if "var" in name or "weight" in name else value.normal_(0, 0.1)
            elif "layer_scale" in name:
                value.uniform_(0.1, 0.3)
    return network.eval()


@pytest.mark.parametrize(("theirs", "ours"), SAME)
def test_outputs_are_equal(theirs: str, ours: str):
    assert_equal_outputs(getattr(torchvision.models, theirs)(weights=None), timm.create_model(ours), ours, 224)


@pytest.mark.parametrize("old", [False, True])
def test_outputs_of_a_transformer_are_equal(old: bool):
    sizes = {"patch_size": 16, "num_classes": 10}
    theirs = torchvision.models.VisionTransformer(
        image_size=64, num_layers=3, num_heads=4, hidden_dim=32, mlp_dim=64, **sizes
    )
    ours = timm.models.VisionTransformer(img_size=64, depth=3, num_heads=4, embed_dim=32, mlp_ratio=2, **sizes)
    assert_equal_outputs(theirs, ours, "vit_base_patch16_224", 64, old=old)


def assert_equal_outputs(source: nn.Module, target: nn.Module, trunk: str, size: int, *, old: bool = False) -> None:
    source, target = disturbed(source), target.eval()
    theirs = dict(source.state_dict())
    if old:  # names of files from before torchvision 0.14
        theirs = {name.replace(".mlp.0.", ".mlp.linear_1.").replace(".mlp.3.", ".mlp.linear_2."): value
                  for name, value in theirs.items()}  # fmt: skip
    state = from_torchvision(theirs, trunk, target.state_dict())
    missing = target.load_state_dict(state, strict=False).missing_keys
    assert all(name.endswith("num_batches_tracked") for name in missing)
    image = torch.randn(1, 3, size, size)
    with torch.inference_mode():
        expected, got = source(image), target(image)
    assert expected.std() > 1e-3
    assert torch.allclose(got, expected, atol=1e-5 * float(expected.abs().max()), rtol=0)


@pytest.mark.parametrize(("theirs", "ours"), OTHER)
def test_other_networks_are_not_translated(theirs: str, ours: str):
    source, target = getattr(torchvision.models, theirs)(weights=None), timm.create_model(ours)
    assert from_torchvision(source.state_dict(), ours, target.state_dict()) == {}
