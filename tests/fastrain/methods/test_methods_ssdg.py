"""SSDG's own rules: its kinds, its reversed gradients, its classifier's weights, and what may be missing of a batch."""

from __future__ import annotations

import math

import pytest
import torch
from pydantic import ValidationError
from torch import Tensor

from fasdata.errors import UserError
from fastrain.methods.ssdg.method import SSDG, reversal
from fastrain.methods.ssdg.network import PlainTrunk, SSDGNetwork, scaled
from fastrain.methods.ssdg.published import from_reference, repeated, to_reference
from fastrain.methods.ssdg.settings import SSDGSettings
from fastrain.networks.contrast import every_triplet
from fastrain.networks.domains import reversed_gradient
from fastrain.run.settings import layered, presets, resolve
from tests.fastrain.methods.memory_context import MemoryContext
from tests.fastrain.methods.tiny import DOMAINS, images, tiny, trained


def triplets_by_hand(features: Tensor, kind: list[int], margin: float) -> float:
    terms = []
    for a in range(len(kind)):
        for p in range(len(kind)):
            for n in range(len(kind)):
                if a != p and kind[a] == kind[p] != kind[n]:
                    near, far = (features[a] - features[p]).norm(), (features[a] - features[n]).norm()
                    terms.append(max(0.0, (near - far).item() + margin))
    active = [term for term in terms if term > 0]
    return sum(active) / len(active) if active else 0.0


@pytest.mark.parametrize("margin", [0.0, 0.1, 3.0])
def test_triplets_are_those_that_can_be_counted_by_hand(margin: float) -> None:
    generator = torch.Generator().manual_seed(1)
    features = torch.randn(9, 4, generator=generator, dtype=torch.float64)
    kind = [0, 1, 0, 2, 1, 0, 3, 3, 2]
    ours = every_triplet(features, torch.tensor(kind), 5, margin)
    assert ours.item() == pytest.approx(triplets_by_hand(features, kind, margin), rel=1e-9)


def test_two_rows_that_are_the_same_have_a_finite_gradient() -> None:
    features = torch.ones(4, 3).requires_grad_()
    every_triplet(features, torch.tensor([0, 0, 1, 1]), 2, 0.1).backward()
    assert features.grad is not None and torch.isfinite(features.grad).all()


def test_gradients_are_reversed_and_grow() -> None:
    features = torch.ones(2, 3, requires_grad=True)
    reversed_gradient(features, 0.25).sum().backward()
    assert torch.equal(features.grad, torch.full((2, 3), -0.25))
    assert reversal(1, 4000) == pytest.approx(2 / (1 + math.exp(-10 / 4000)) - 1)
    assert reversal(4000, 4000) == pytest.approx(0.9999, abs=1e-4)


def test_the_domains_are_told_by_bona_fide_faces_alone() -> None:
    """With the adversarial loss alone, attacks leave no gradient in the discriminator."""
    method = tiny("ssdg", lambda_triplet=0.0, lambda_adversarial=1.0)
    batch = images(range(DOMAINS))
    context = MemoryContext(method, lambda domains: batch)
    seen: list[Tensor] = []
    method.discriminator.register_forward_pre_hook(lambda module, given: seen.append(given[0]))
    context.run_step()
    assert [len(rows) for rows in seen] == [int(batch["label"].sum())]


def test_weights_of_the_classifier_have_length_one_whenever_they_are_used() -> None:
    for axis, dim in (("class", 0), ("feature", 1)):
        method = tiny("ssdg", weight_norm_axis=axis)
        weight = method.network.classifier.weight
        for steps in (0, 2):
            trained(method, steps)
            torch.testing.assert_close(weight.norm(dim=dim), torch.ones(weight.shape[1 - dim]))
    free = tiny("ssdg", weight_norm_axis="none").network.classifier.weight
    assert free.norm(dim=0).max() < 0.5


def test_features_are_scaled_as_asked() -> None:
    v = torch.tensor([[3.0, 4.0], [0.0, 0.0]])
    assert scaled(v, "none") is v
    torch.testing.assert_close(scaled(v, "unit"), torch.tensor([[0.6, 0.8], [0.0, 0.0]]))
    torch.testing.assert_close(scaled(v, "half_sqrt"), v / math.sqrt(10))


@pytest.mark.parametrize("missing", ["bona fide", "attack", "a domain"])
def test_a_batch_may_lack_a_group(missing: str) -> None:
    method = tiny("ssdg")
    batch = images(range(DOMAINS))
    kept = {"bona fide": batch["label"] == 0, "attack": batch["label"] == 1, "a domain": batch["domain"] > 0}[missing]
    part = {
        "modalities": {"rgb": batch["modalities"]["rgb"][kept]},
        **{name: batch[name][kept] for name in ("label", "domain")},
    }
    logs = MemoryContext(method, lambda domains: part).run_step()
    assert all(torch.isfinite(value) for value in logs.values())
    assert (logs["loss_adv"] == 0) == (missing == "bona fide")


def test_the_last_stage_starts_anew_or_with_the_others(tmp_path) -> None:  # type: ignore[no-untyped-def]
    from safetensors.torch import save_file

    given = tiny("erm", seed=5).trunk.state_dict()
    save_file(given, tmp_path / "trunk.safetensors")
    same = {}
    for start in ("random", "imagenet"):
        trunk = tiny("ssdg", pretrained=str(tmp_path / "trunk.safetensors"), layer4_init=start).network.trunk
        weights = {name: bool(torch.equal(value, given[name])) for name, value in trunk.named_parameters()}
        same[start] = {name for name, equal in weights.items() if equal}
    assert same["random"] < same["imagenet"]
    assert {name.partition(".")[0] for name in same["imagenet"] - same["random"]} == {"layer4"}
    with pytest.raises(UserError, match=r"no last stage of a residual network.*layer4_init=imagenet"):
        SSDG(SSDGSettings(trunk="mobilenetv3_small_050", pretrained=False), n_domains=3, image_size=32)


def test_the_plain_trunk_is_the_published_one_at_its_size() -> None:
    with torch.device("meta"):
        network = SSDGNetwork(
            PlainTrunk(), 512, 512, dropout=0.5, feature_norm="half_sqrt", weight_norm_axis="none"
        )  # fmt: skip
        assert network.trunk(torch.empty(1, 3, 256, 256)).shape == (1, 512)
    assert sum(parameter.numel() for parameter in network.parameters()) == 3_615_450
    names = [to_reference(key) for key in network.state_dict()]
    assert len(set(names)) == len(names) and [from_reference(name) for name in names] == list(network.state_dict())
    assert [repeated(f"embedder.bottleneck_layer_1.{k}.weight") for k in (0, 4, 8)] == [
        f"embedder.conv3_{k}.weight" for k in (1, 2, 3)
    ]


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"trunk": "maddg"}, "set pretrained=false"),
        ({"trunk": "maddg", "pretrained": False, "trunk_kwargs": {"widths": [4, 4]}}, "three widths"),
        ({"trunk": "maddg", "pretrained": False, "trunk_kwargs": {"channels": 4}}, "three widths"),
        ({"lr_steps": [30, 10]}, "ascend"),
    ],
)
def test_settings_that_mean_nothing_are_refused(settings, words) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(ValidationError, match=words):
        SSDGSettings(**settings)


def test_a_discriminator_with_too_few_outputs_is_refused() -> None:
    with pytest.raises(UserError, match="2 outputs cannot tell 3 source domains"):
        tiny("ssdg", disc_outputs=2)


def test_released_is_its_switches_where_they_are_not_set() -> None:
    ours, released = SSDGSettings(), SSDGSettings(compat="released")
    assert (ours.domains_told(2), ours.norms_start_at) == (2, "ones")
    assert (released.domains_told(2), released.norms_start_at) == (3, "uniform01")
    switched = SSDGSettings(compat="released", disc_outputs=2, bn_init="ones")
    assert (switched.domains_told(2), switched.norms_start_at) == (2, "ones")


def test_the_presets_hold_the_published_table() -> None:
    table = {
        "ICM2O": (2.0, 0.1, (1500,)), "OCI2M": (1.0, 0.5, (1500,)), "OCM2I": (1.0, 0.5, (500,)),
        "OMI2C": (1.0, 0.5, (500,)),
    }  # fmt: skip
    assert set(table) | {"MI2C", "MI2O", "maddg", "demo"} == set(presets("ssdg"))
    for preset, values in table.items():
        config = SSDGSettings(**resolve(layered("ssdg", preset)).model)
        assert (config.lambda_triplet, config.lambda_adversarial, config.lr_steps) == values
        assert (config.feature_norm, config.weight_norm_axis) == ("half_sqrt", "class")


def test_the_loss_is_the_sum_of_its_terms() -> None:
    method = tiny("ssdg", lambda_triplet=2.0, lambda_adversarial=0.3)
    logs = MemoryContext(method, images).run_step()
    total = logs["loss_cls"] + 2.0 * logs["loss_triplet"] + 0.3 * logs["loss_adv"]
    torch.testing.assert_close(logs["loss"], total)
