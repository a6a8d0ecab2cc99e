"""ERM's own rules: its presets, what of a trunk learns, and the statistics of the trunk."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from pydantic import ValidationError

from fastrain.bundle.graphs import graph_of_method
from fastrain.conformance.suite import rules, toy_of, tried
from fastrain.methods.erm.settings import ERMSettings
from fastrain.methods.settings import SMALL_VIT
from fastrain.networks.trunk import IMAGENET_MEAN, IMAGENET_STD, normalized, statistics_of
from tests.fastrain.methods.tiny import images, scored, tiny, trained

# All, and those that learn.
PARAMETERS = {
    "resnet18": (11_177_538, 11_177_538),
    "clip-linear": (85_800_962, 1_538),
    "dinov2": (21_630_722, 21_630_722),
    "clip-lora": (86_243_330, 443_906),
    "start": (86_908_418, 1_181_186),
}
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


@pytest.mark.parametrize("preset", ["resnet18", "clip-linear", "dinov2", "clip-lora", "start"])
def test_a_preset_keeps_the_rules_of_a_quick_check(preset: str, tmp_path: Path) -> None:
    toy = toy_of("erm", tmp_path, preset)
    tried_rules = rules(quick=True, preset=True)
    if preset in ("resnet18", "clip-linear"):  # what else they are made of, the method's own check has tried
        tried_rules = [rule for rule in tried_rules if rule.name in ("in full", "learns")]
    verdicts = {rule.name: tried(rule, toy) for rule in tried_rules}
    assert {name: verdict.details for name, verdict in verdicts.items() if verdict.word != "holds"} == {}
    assert (
        f"{PARAMETERS[preset][0]:,} parameters, of which {PARAMETERS[preset][1]:,} learn" in verdicts["in full"].details
    )


def test_beside_adapters_everything_is_bit_equal_after_training(tmp_path: Path) -> None:
    toy = toy_of("erm", tmp_path, "start")  # with dropped paths
    method = toy.tiny()
    before = {key: value.clone() for key, value in method.state_dict().items()}
    toy.trained(method, 3)
    moved = {key.removeprefix("trunk.") for key, value in method.state_dict().items() if not value.equal(before[key])}
    layers = [f"blocks.{n}.{layer}" for n in (0, 1) for layer in ("attn.qkv", "attn.proj", "mlp.fc1", "mlp.fc2")]
    assert moved == {"head.weight", "head.bias"} | {f"{layer}.lora_{part}" for layer in layers for part in "ab"}


def test_the_last_blocks_alone_learn_and_dropped_paths_stay_at_work() -> None:
    method = tiny("erm", **SMALL_VIT, freeze_trunk=True, last_blocks=1, drop_path=0.5, optimiser="adamw")
    before = {key: value.clone() for key, value in method.state_dict().items()}
    trained(method, 2)
    moved = {key for key, value in method.state_dict().items() if not value.equal(before[key])}
    assert {key.partition(".blocks.")[2][:1] for key in moved if ".blocks." in key} == {"1"}
    assert {"trunk.norm.weight", "head.weight"} < moved
    assert method.trunk.blocks[1].drop_path1.drop_prob == 0.5 and not method.trunk.blocks[1].training


def test_a_cosine_leads_every_rate_to_the_same_part_of_itself() -> None:
    method = tiny(
        "erm", layer_decay=0.5, lr=0.08, schedule="cosine", schedule_epochs=4, schedule_factor=0.25, **SMALL_VIT
    )
    (spec,) = method.configure().values()
    rates = []
    for _ in range(5):
        rates.append([group["lr"] for group in spec.optimizer.param_groups])
        spec.optimizer.step()
        spec.scheduler.step()
    assert rates[0] == pytest.approx([0.01, 0.02, 0.04, 0.08])  # stem, two blocks, linear layer
    assert [rate / first for rate, first in zip(rates[2], rates[0], strict=True)] == pytest.approx([0.625] * 4)
    assert rates[4] == pytest.approx([0.0025, 0.005, 0.01, 0.02])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"lora_rank": 4}, "lora_rank is for a trunk that else stays as it is: set freeze_trunk=true"),
        ({"last_blocks": 1}, "last_blocks is for a trunk that else stays as it is"),
        ({"freeze_trunk": True, "drop_path": 0.1}, "nothing of the trunk learns, so drop_path does nothing"),
        ({"freeze_trunk": True, "layer_decay": 0.5}, "nothing of the trunk learns, so layer_decay does nothing"),
    ],
)
def test_settings_that_would_do_nothing_are_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        ERMSettings(**changes)


def test_a_graph_holds_adapters_folded_into_their_weights(tmp_path: Path) -> None:
    toy = toy_of("erm", tmp_path, "clip-lora")
    method = toy.tiny()
    toy.trained(method, 3)
    images = toy.batch(seed=5)["modalities"]["rgb"]
    wanted = scored(method, toy.batch(seed=5)).numpy()
    graph = graph_of_method(method, toy.size)
    assert any("lora" in name for name in method.state_dict())  # the method itself goes on training
    assert not any("lora" in entry.name for entry in onnx.load_from_string(graph).graph.initializer)
    session = onnxruntime.InferenceSession(graph, providers=["CPUExecutionProvider"])
    fed = {"rgb": images.numpy(), "available": np.ones((len(images), 1), bool)}
    (scores,) = session.run(None, {port.name: fed[port.name] for port in session.get_inputs()})
    assert np.abs(scores - wanted).max() < 1e-6
    assert np.ptp(wanted) > 0.01
