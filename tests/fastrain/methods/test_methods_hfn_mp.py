"""HFN_MP's own rules: who learns when, on which domains, from which start, and what is left out as wasted work."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
import torch
from pydantic import ValidationError
from safetensors.torch import save_file
from torch import Tensor, nn

from fasdata.errors import UserError
from fastrain.methods.base import Batch
from fastrain.methods.hfn_mp.method import HFNMP
from fastrain.methods.hfn_mp.published import from_reference, to_reference
from fastrain.methods.hfn_mp.settings import HFNMPSettings
from fastrain.networks.checkpoint import Checkpoint
from tests.fastrain.methods.memory_context import MemoryContext
from tests.fastrain.methods.tiny import TINY, images, scored, tiny, trained

SGD = {"optimiser": "sgd", "meta_lr": 0.01}


class WatchedContext(MemoryContext):
    """Notes each optimiser step: its name, the domains of its images, and which parts moved with it."""

    def __init__(self, method: HFNMP, per_group: int = 2) -> None:
        super().__init__(method, self.fresh_images)
        self.per_group = per_group
        self.notes: list[tuple[str, tuple[int, ...], set[str]]] = []

    def fresh_images(self, domains: Sequence[int]) -> Batch:
        return images(domains, per_group=self.per_group, seed=len(self.drawn))

    def step(self, name: str) -> None:
        parts = {part: getattr(self.method, part) for part in ("extractor", "hfn")}
        before = {part: weights(module) for part, module in parts.items()}
        super().step(name)
        moved = {part for part, module in parts.items() if not torch.equal(weights(module), before[part])}
        self.notes.append((name, self.drawn[-1], moved))


@pytest.mark.parametrize("order", ["extractor_first", "hfn_first"])
def test_the_two_networks_learn_in_turn_on_different_domains(order: str) -> None:
    method = tiny("hfn_mp", order=order, inner_loops=2, **SGD)
    context = WatchedContext(method)
    held_out = set()
    for _ in range(6):
        context.notes.clear()
        context.run_step()
        names = [name for name, _, _ in context.notes]
        assert names == (["extractor"] * 2 + ["hfn"] if order == "extractor_first" else ["hfn"] + ["extractor"] * 2)
        assert all(moved == {name} for name, _, moved in context.notes)
        domains = {name: drawn for name, drawn, _ in context.notes}
        assert sorted(domains["hfn"] + domains["extractor"]) == [0, 1, 2]
        assert len(domains["hfn"]) == 2
        held_out |= set(domains["extractor"])
    assert len(held_out) > 1


def test_synchronous_training_moves_both_on_all_domains() -> None:
    context = WatchedContext(tiny("hfn_mp", mode="sync", optimiser="sgd", init_lr=0.01))
    context.run_step()
    assert context.notes == [("both", (0, 1, 2), {"extractor", "hfn"})]


@pytest.fixture
def first_stage(tmp_path: Path) -> Path:
    """The checkpoint of a first stage, its extractor with statistics of its own."""
    method = tiny("hfn_mp", seed=5)
    trained(method, 2)
    path = tmp_path / "best.safetensors"
    state = {f"method/{key}": value for key, value in method.state_dict().items()}
    Checkpoint(state, {"method": "hfn_mp", "iteration": 1}).write(path)
    return path


def test_the_second_stage_keeps_the_extractor_and_trains_a_new_network(first_stage: Path) -> None:
    before = {k: v for k, v in Checkpoint.read(first_stage).part("method").items() if k.startswith("extractor.")}
    method = tiny("hfn_mp", mode="second_stage", extractor=str(first_stage), optimiser="sgd", init_lr=0.01)
    context = WatchedContext(method)
    logs = [context.run_step() for _ in range(2)]
    assert context.notes == [("hfn", (0, 1, 2), {"hfn"})] * 2
    torch.testing.assert_close(logs[0]["loss"], logs[0]["loss_map"] + logs[0]["loss_cls"])
    assert len(before) == 28
    for key, value in before.items():  # batch norm statistics included
        assert torch.equal(method.state_dict()[key], value), key
    old = Checkpoint.read(first_stage).part("method")
    assert not torch.equal(method.state_dict()["hfn.rgb.conv6.weight"], old["hfn.rgb.conv6.weight"])


def test_the_second_stage_needs_a_first(tmp_path: Path) -> None:
    with pytest.raises(ValidationError, match="go together"):
        HFNMPSettings(mode="second_stage")
    with pytest.raises(ValidationError, match="go together"):
        HFNMPSettings(mode="meta", extractor="runs/a")
    asked = HFNMPSettings(mode="second_stage", extractor=str(tmp_path / "nowhere"), pretrained=False)
    with pytest.raises(UserError, match="not a finished run folder"):
        asked.preflight()
    Checkpoint({"method/x": torch.zeros(1)}, {"method": "erm", "iteration": 1}).write(tmp_path / "erm.safetensors")
    with pytest.raises(UserError, match=r"holds no pattern extractor.*found erm"):
        tiny("hfn_mp", mode="second_stage", extractor=str(tmp_path / "erm.safetensors"))


def test_learning_rates_follow_the_spec() -> None:
    specs = tiny("hfn_mp", meta_lr=0.002, inner_loops=4, optimiser="sgd").configure()
    assert specs["hfn"].optimizer.param_groups[0]["lr"] == pytest.approx(0.002)
    assert specs["extractor"].optimizer.param_groups[0]["lr"] == pytest.approx(0.008)


def test_extractor_steps_cost_no_gradient_of_the_network_and_none_of_the_rgb_trunk() -> None:
    method = tiny("hfn_mp", inner_loops=1)
    asked: list[bool] = []

    class Spying(MemoryContext):
        def backward(self, loss: Tensor) -> None:
            super().backward(loss)
            asked.append(any(parameter.grad is not None for parameter in method.hfn.parameters()))

    recorded: list[bool] = []
    method.hfn.rgb.trunk.register_forward_hook(lambda *args: recorded.append(args[2][-1].requires_grad))
    statistics = method.hfn.rgb.trunk.bn1.num_batches_tracked
    Spying(method, images).run_step()
    assert asked == [False, True]
    assert recorded == [False, True]
    assert statistics.item() == 2  # batch norm still sees both batches


@pytest.mark.parametrize("optimiser", ["sgd", "adam"])
def test_the_unused_decoder_can_be_left_out(optimiser: str) -> None:
    lean, faithful = (tiny("hfn_mp", optimiser=optimiser, replicate_buffers=on).double() for on in (False, True))
    start = weights(faithful.extractor.decoder)
    for method in (lean, faithful):
        MemoryContext(method, doubled_images).run_step()
    assert torch.equal(weights(faithful.extractor.decoder), start)
    assert faithful.extractor.decoder[1].num_batches_tracked.item() == 2
    assert lean.extractor.decoder[1].num_batches_tracked.item() == 0
    for key, value in lean.state_dict().items():
        assert ".decoder." in key or torch.equal(value, faithful.state_dict()[key]), key


def test_the_reconstruction_loss_trains_the_decoder() -> None:
    method = tiny("hfn_mp", lambda_rec=1.0)
    start = weights(method.extractor.decoder)
    logs = trained(method, 0).run_step()
    assert logs["loss_extractor_rec"] > 0
    assert not torch.equal(weights(method.extractor.decoder), start)


def test_pretrained_streams_start_alike_and_heads_near_zero(tmp_path) -> None:
    scratch = tiny("hfn_mp", pyramid_width=64)
    assert not torch.equal(weights(scratch.hfn.rgb), weights(scratch.hfn.texture))
    path = tmp_path / "trunk.safetensors"
    save_file(scratch.hfn.rgb.trunk.state_dict(), path)

    method = tiny("hfn_mp", pyramid_width=64, pretrained=str(path), seed=9)
    assert torch.equal(weights(method.hfn.rgb.trunk), weights(scratch.hfn.rgb.trunk))
    for key, value in method.hfn.rgb.state_dict().items():
        assert torch.equal(value, method.hfn.texture.state_dict()[key]), key
    for layer in (method.hfn.map_head[0], method.hfn.map_head[2]):
        assert not layer.bias.any()
    assert method.hfn.map_head[0].weight.std().item() == pytest.approx(0.01, rel=0.05)
    assert method.hfn.class_head.bias.any()
    assert 0.02 < method.hfn.rgb.conv7.weight.std().item() < 0.05  # torch's default, not 0.01


def test_from_scratch_every_layer_has_torchs_default_start() -> None:
    torch.manual_seed(1)
    trunk = tiny("hfn_mp").hfn.texture.trunk
    for layer in trunk.modules():
        if isinstance(layer, nn.Conv2d):
            bound = layer.weight[0].numel() ** -0.5
            assert layer.weight.abs().max() <= bound
            assert layer.weight.abs().max() > 0.8 * bound
        elif isinstance(layer, nn.BatchNorm2d):
            assert (layer.weight == 1).all()


def test_colour_order_turns_the_channels_of_both_streams() -> None:
    method = tiny("hfn_mp")
    batch = images([0])
    batch["modalities"]["rgb"] = torch.rand(4, 3, 32, 32)
    turned = {"modalities": {"rgb": batch["modalities"]["rgb"].flip(1)}}
    rgb, mirrored = scored(method, batch), scored(method, turned)
    method.config = HFNMPSettings(**TINY["hfn_mp"], color_order="bgr")
    assert torch.equal(scored(method, batch), mirrored)
    assert torch.equal(scored(method, turned), rgb)
    assert not torch.equal(rgb, mirrored)


@pytest.mark.parametrize(("size", "cells"), [(32, 4), (64, 8), (72, 9), (100, 13)])
def test_the_map_follows_the_image_size(size: int, cells: int) -> None:
    method = tiny("hfn_mp", size=size)
    image = images([0], size=size)["modalities"]["rgb"]
    maps, logits = method.eval().hfn(image, image)
    assert maps.shape == (4, 1, cells, cells)
    assert logits.shape == (4, 2)
    trained(method, 1, size=size)


def test_the_score_is_the_mean_of_its_two_parts() -> None:
    method = tiny("hfn_mp")
    trained(method, 2)
    with torch.no_grad():
        parts = method.predict_parts(images([0, 1]))
    assert parts.keys() == {"map", "cls"}
    torch.testing.assert_close(scored(method, images([0, 1])), (parts["map"] + parts["cls"]) / 2)


def test_a_domain_must_be_left_for_the_extractor() -> None:
    with pytest.raises(UserError, match=r"meta_train_size below the 3 source domains.*mode=sync"):
        tiny("hfn_mp", meta_train_size=3)
    tiny("hfn_mp", meta_train_size=3, mode="sync")
    with pytest.raises(UserError, match="32 or more; found 16"):
        tiny("hfn_mp", size=16)


def test_adam_refuses_a_weight_decay_it_would_ignore() -> None:
    with pytest.raises(ValidationError, match="adam has no weight decay"):
        HFNMPSettings(optimiser="adam", weight_decay_hfn=0.1)


def test_published_names_lead_there_and_back() -> None:
    for key in tiny("hfn_mp").hfn.state_dict():
        assert from_reference(to_reference(key)) == key
    with pytest.raises(KeyError):
        from_reference("fpn.fpn_depth.conv1.weight")


def doubled_images(domains: Sequence[int]) -> Batch:
    batch = images(domains)
    return {**batch, "modalities": {"rgb": batch["modalities"]["rgb"].double()}}


def weights(module: nn.Module) -> Tensor:
    return torch.cat([parameter.detach().flatten() for parameter in module.parameters()])
