"""Late fusion of the baseline: a network for each modality, and who has a say in a score."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from pydantic import ValidationError
from safetensors.torch import save_file
from torch.nn import functional as F

from fastrain.methods.base import Batch
from fastrain.methods.erm.settings import ERMSettings
from fastrain.networks.modality_fusion import availability, mean_of_available
from tests.fastrain.methods.memory_context import MemoryContext
from tests.fastrain.methods.tiny import images, scored, tiny, trained

ALL = ("rgb", "depth", "ir")


def late(**changes):
    return tiny("erm", modalities=ALL, fusion="late", **changes)


def without(batch: Batch, name: str, *faces: int) -> Batch:
    there = batch["available"][name].clone()
    there[list(faces)] = False
    return {**batch, "available": {**batch["available"], name: there}}


def repainted(batch: Batch, name: str) -> Batch:
    return {**batch, "modalities": {**batch["modalities"], name: torch.rand_like(batch["modalities"][name])}}


def test_each_modality_has_a_trunk_of_its_own_channels_and_a_head() -> None:
    method = late()
    keys = {key.split(".")[0] + "." + key.split(".")[1] for key in method.state_dict()}
    assert keys == {f"{part}.{name}" for part in ("trunk", "head") for name in ALL}
    for name, channels in (("rgb", 3), ("depth", 1), ("ir", 1)):
        assert method.trunk[name].conv1[0].weight.shape[1] == channels
        assert method.head[name].weight.shape[0] == 2


def test_the_network_of_early_fusion_keeps_its_names() -> None:
    for modalities in (("rgb",), ALL):
        state = tiny("erm", modalities=modalities).state_dict()
        assert {"trunk.conv1.0.weight", "head.weight", "head.bias"} <= set(state)
        assert {key.split(".")[0] for key in state} == {"trunk", "head"}


def test_parts_are_the_modalities_own_scores_and_the_score_their_mean() -> None:
    method = late()
    trained(method, 2)
    batch = images(range(3))
    with torch.no_grad():
        scores = method.scores(batch)
    assert set(scores) == {"score", *ALL}
    assert all(part.shape == batch["label"].shape for part in scores.values())
    torch.testing.assert_close(scores["score"], torch.stack([scores[name] for name in ALL]).mean(dim=0))
    assert not torch.equal(scores["rgb"], scores["depth"]) and not torch.equal(scores["depth"], scores["ir"])
    rgb = method.head["rgb"](method.trunk["rgb"](((batch["modalities"]["rgb"]) - mean()) / deviation()))
    torch.testing.assert_close(scores["rgb"], rgb.softmax(dim=1)[:, 1].detach())


def mean() -> torch.Tensor:
    return torch.tensor([0.485, 0.456, 0.406]).view(3, 1, 1)


def deviation() -> torch.Tensor:
    return torch.tensor([0.229, 0.224, 0.225]).view(3, 1, 1)


def test_a_missing_modality_has_no_say() -> None:
    method = late()
    trained(method, 2)
    whole = images(range(3))
    lacking = without(without(whole, "depth", 0, 1), "ir", 1)
    with torch.no_grad():
        parts = method.scores(whole)
    score = scored(method, lacking)
    torch.testing.assert_close(score[0], (parts["rgb"][0] + parts["ir"][0]) / 2)
    torch.testing.assert_close(score[1], parts["rgb"][1])
    assert torch.equal(score[2:], parts["score"][2:])
    other = scored(method, repainted(lacking, "depth"))
    assert torch.equal(other[:2], score[:2]) and not torch.isclose(other[2:], score[2:]).any()
    with torch.no_grad():
        for parameter in method.trunk["depth"].parameters():
            parameter.mul_(1.5)
    assert torch.equal(scored(method, lacking)[:2], score[:2])


def test_a_face_with_nothing_gets_the_mean_of_all() -> None:
    values, there = torch.tensor([[0.2, 0.4, 0.9], [0.2, 0.4, 0.9]]), torch.tensor([[0.0, 0, 0], [1, 0, 1]])
    torch.testing.assert_close(mean_of_available(values, there), torch.tensor([0.5, 0.55]))
    batch = {"available": {"depth": torch.tensor([True, False])}}
    assert torch.equal(availability(batch, ("rgb", "depth"), values), torch.tensor([[1.0, 1], [1, 0]]))


def test_the_loss_is_the_mean_of_the_cross_entropies_of_those_that_have_it() -> None:
    method = late().eval()
    batch = without(images(range(3)), "ir", 0, 3, 4)
    with torch.no_grad():
        logits = method.logits(batch)
        loss, terms = method.loss(batch)
        there = batch["available"]["ir"]
        expected = [F.cross_entropy(logits[:, k], batch["label"]) for k in (0, 1)]
        expected.append(F.cross_entropy(logits[there, 2], batch["label"][there]))
        torch.testing.assert_close(loss, torch.stack(expected).mean())
        torch.testing.assert_close(terms["ir"], expected[2])
        none, _ = method.loss(without(batch, "ir", *range(len(there))))
        torch.testing.assert_close(none, (expected[0] + expected[1]) / 2)


@pytest.mark.parametrize("gone", [None, *ALL])
def test_the_gradient_reaches_each_trunk_whose_modality_is_there(gone: str | None) -> None:
    method = late()
    batch = images(range(3))
    if gone:
        batch = without(batch, gone, *range(len(batch["label"])))
    context = MemoryContext(method, lambda domains: batch)
    logs = context.run_step()
    assert set(logs) == {"loss", *(f"loss_{name}" for name in ALL)}
    for name in ALL:
        reached = [parameter.grad.abs().sum() > 0 for parameter in method.trunk[name].parameters()]
        assert any(reached) == (name != gone), name
        assert (method.head[name].weight.grad.abs().sum() > 0) == (name != gone)


def test_each_network_learns() -> None:
    method = late()
    trained(method, 25)
    batch = images(range(3), seed=1)
    with torch.no_grad():
        for part in method.scores(batch).values():
            assert part[batch["label"] == 1].min() > part[batch["label"] == 0].max()


def test_a_linear_probe_moves_the_linear_layers_alone() -> None:
    method = late(freeze_trunk=True)
    before = {key: value.clone() for key, value in method.state_dict().items()}
    context = trained(method, 3)
    moved = {key for key, value in method.state_dict().items() if not torch.equal(value, before[key])}
    assert moved == {f"head.{name}.{what}" for name in ALL for what in ("weight", "bias")}
    (group,) = context.specs["all"].optimizer.param_groups
    assert len(group["params"]) == 6


def test_every_trunk_starts_from_the_weight_file(tmp_path: Path) -> None:
    state = tiny("erm", seed=77).trunk.state_dict()
    save_file(state, tmp_path / "model.safetensors")
    method = late(pretrained=str(tmp_path / "model.safetensors"))
    for name in ALL:
        for key, value in method.trunk[name].state_dict().items():
            first = key == "conv1.0.weight" and name != "rgb"
            assert torch.equal(value, state[key].sum(dim=1, keepdim=True) if first else state[key]), (name, key)


@pytest.mark.parametrize("modalities", [("rgb",), ("depth",)])
def test_one_modality_has_nothing_to_fuse(modalities: tuple[str, ...]) -> None:
    with pytest.raises(ValidationError, match=rf"{modalities[0]} is the only one: set fusion=early, or more modal"):
        ERMSettings(modalities=modalities, fusion="late")
    assert ERMSettings(modalities=modalities).fusion == "early"
