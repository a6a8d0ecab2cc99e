"""ERM's own rules: the linear probe and the statistics of the trunk."""

from __future__ import annotations

import pytest
import torch
import yaml

from fasdata.resources import configs_dir
from fastrain.methods.erm.method import ERM
from fastrain.methods.erm.settings import ERMSettings
from fastrain.networks.trunk import IMAGENET_MEAN, IMAGENET_STD, normalized, statistics_of
from tests.fastrain.methods.tiny import images, scored, tiny, trained

CLIP = "vit_base_patch16_clip_quickgelu_224.openai"


def test_a_linear_probe_moves_nothing_but_the_linear_layer() -> None:
    method = tiny("erm", freeze_trunk=True)
    before = {key: value.clone() for key, value in method.state_dict().items()}
    context = trained(method, 3)
    moved = {key for key, value in method.state_dict().items() if not torch.equal(value, before[key])}
    assert moved == {"head.weight", "head.bias"}  # batch norm statistics of the trunk stay too
    (group,) = context.specs["all"].optimizer.param_groups
    assert [parameter.shape for parameter in group["params"]] == [method.head.weight.shape, method.head.bias.shape]


def test_images_get_the_statistics_of_the_trunk() -> None:
    assert statistics_of("resnet50.tv_in1k") == (IMAGENET_MEAN, IMAGENET_STD)
    mean, std = statistics_of(CLIP)
    assert mean == pytest.approx((0.48145466, 0.4578275, 0.40821073))
    assert std == pytest.approx((0.26862954, 0.26130258, 0.27577711))
    image = images([0])["modalities"]["rgb"]
    assert normalized(image, mean, std)[0, 2, 0, 0] == pytest.approx((image[0, 2, 0, 0].item() - mean[2]) / std[2])
    plain, own = tiny("erm", normalize=False), tiny("erm")
    assert not torch.equal(scored(plain, images([0])), scored(own, images([0])))


@pytest.mark.parametrize(("preset", "features"), [("resnet18", 512), ("clip-linear", 768)])
def test_the_presets_build(preset: str, features: int) -> None:
    shipped = yaml.safe_load((configs_dir() / f"erm.{preset}.yaml").read_text())
    config = ERMSettings(**{**shipped["model"], "pretrained": False})
    with torch.device("meta"):
        method = ERM(config, n_domains=3, image_size=shipped.get("data", {}).get("image_size", 256))
    assert method.head.in_features == features
    learnt = sum(parameter.numel() for parameter in method.parameters() if parameter.requires_grad)
    assert (learnt == 2 * features + 2) is config.freeze_trunk
