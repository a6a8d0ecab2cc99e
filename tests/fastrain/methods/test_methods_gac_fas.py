"""GAC-FAS' own rules: its phases, its ascending points, what may be missing from a batch, and what it leaves alone."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any

import pytest
import torch
from pydantic import ValidationError
from torch import Tensor, nn

from fasdata.errors import UserError
from fasdata.protocols.grammar import parse
from fastrain.augmentation import Cutout
from fastrain.methods.base import Batch
from fastrain.methods.gac_fas.ascent import Ascent, mixing
from fastrain.methods.gac_fas.method import GACFAS
from fastrain.methods.gac_fas.published import from_reference, repeated, to_reference
from fastrain.methods.gac_fas.settings import GACFASSettings
from fastrain.networks.displacement import displaced
from fastrain.run.plan import preset_note
from fastrain.run.settings import layered, presets, resolve
from fastrain.train.devices import compile_networks
from tests.fastrain.methods.memory_context import MemoryContext
from tests.fastrain.methods.tiny import DOMAINS, SIZE, TINY, images, scored, tiny, trained

PRESETS = ("ICM2O", "OCI2M", "OCM2I", "OMI2C")


class WatchedContext(MemoryContext):
    """Notes, for every iteration, how many domains were climbed and which parts of the network moved."""

    def __init__(self, method: GACFAS, batch: Batch | None = None, **options: Any) -> None:
        super().__init__(method, lambda domains: batch or images(domains), **options)
        self.climbed = 0
        self.notes: list[tuple[int, set[str]]] = []

    def gradients(self, loss: Tensor, parameters: Sequence[nn.Parameter], *, keep_graph: bool = False) -> list[Tensor]:
        self.climbed += 1
        return super().gradients(loss, parameters, keep_graph=keep_graph)

    def run_step(self) -> dict[str, Tensor]:
        parts = {part: getattr(self.method.network, part) for part in ("trunk", "head")}
        before, self.climbed = {part: weights(module) for part, module in parts.items()}, 0
        logs = super().run_step()
        moved = {part for part, module in parts.items() if not torch.equal(weights(module), before[part])}
        self.notes.append((self.climbed, moved))
        return logs


def test_the_phases_follow_whole_epochs() -> None:
    method = tiny("gac_fas", warming_epochs=1, minimizer_warming=3)
    context = WatchedContext(method, steps_per_epoch=2)
    statistics = method.network.trunk.bn1.running_mean
    moving = []
    for _ in range(8):
        before = statistics.clone()
        context.run_step()
        moving.append(not torch.equal(before, statistics))
    head, both = (0, {"head"}), (0, {"head", "trunk"})
    assert context.notes == [head, head, both, both, both, both, *[(DOMAINS, {"head", "trunk"})] * 2]
    assert all(moving)  # while only the head learns, batch norm sees the images all the same


def test_two_groups_and_their_schedule() -> None:
    method = tiny("gac_fas", lr=0.01, head_lr_scale=10.0, weight_decay=0.1, lr_step_epochs=2, lr_gamma=0.5)
    context = WatchedContext(method, steps_per_epoch=1)
    trunk, head = context.specs["all"].optimizer.param_groups
    assert {id(p) for p in head["params"]} == {id(method.network.head.weight)}
    assert len(trunk["params"]) == len(list(method.network.trunk.parameters()))
    rates = []
    for _ in range(5):
        context.run_step()
        rates.append((trunk["lr"], head["lr"]))
    assert rates == [(0.01, 0.1)] * 2 + [(0.005, 0.05)] * 2 + [(0.0025, 0.025)]
    assert trunk["weight_decay"] == head["weight_decay"] == 0.1


@pytest.mark.parametrize("domains", [1, 2, 4, 5])
def test_the_running_total_is_the_published_recursion(domains: int) -> None:
    rows, descent = mixing(domains, running_total=True)
    total = torch.zeros(domains)
    so_far = torch.zeros(domains)
    for k in range(domains):
        so_far[k] += 1
        assert rows[k] == (so_far - total).tolist()
        total += so_far
    assert descent == total.tolist()
    assert mixing(3, running_total=True) == ([[1, 0, 0], [0, 1, 0], [-1, 0, 1]], [3, 2, 1])
    assert mixing(2, running_total=False) == ([[1, 0], [0, 1]], [1, 1])


def ascent(gradients: dict[int, list[Tensor]], parameters: list[nn.Parameter], **changes: Any) -> Ascent:
    options = {"rho": 0.1, "alpha": 0.0, "eta": 0.0, "adaptive": True, "running_total": False, **changes}
    return Ascent(["trunk.weight", "trunk.bias"], parameters, gradients, 3, **options)


def test_without_adaptation_the_way_up_has_the_length_rho() -> None:
    parameters = [nn.Parameter(torch.randn(4, 3)), nn.Parameter(torch.randn(4))]
    gradients = {k: [torch.randn(4, 3), torch.randn(4)] for k in (0, 2)}
    kept = copy.deepcopy(gradients)
    by_domain = ascent(gradients, parameters, adaptive=False, rho=0.3).offsets()
    for k, offsets in by_domain.items():
        assert flat(offsets).norm().item() == pytest.approx(0.3, rel=1e-5)
        torch.testing.assert_close(flat(offsets), 0.3 * flat(kept[k]) / flat(kept[k]).norm())
    # Adapted, a weight at zero stays where it is unless eta lets it go; a bias is not scaled.
    with torch.no_grad():
        parameters[0][0] = 0
    still = ascent(copy.deepcopy(kept), parameters).offsets()[0]
    assert not still[0][0].any() and still[0][1:].all() and still[1].all()
    assert ascent(copy.deepcopy(kept), parameters, eta=0.01).offsets()[0][0].all()


def test_every_point_also_goes_down_the_common_gradient() -> None:
    parameters = [nn.Parameter(torch.randn(4, 3)), nn.Parameter(torch.randn(4))]
    gradients = {k: [torch.randn(4, 3), torch.randn(4)] for k in range(3)}
    without = ascent(copy.deepcopy(gradients), parameters).offsets()
    down = ascent(copy.deepcopy(gradients), parameters, alpha=0.5).offsets()
    for k in range(3):
        common = sum(flat(tensors) for tensors in gradients.values())
        torch.testing.assert_close(flat(down[k]), flat(without[k]) - 0.5 * common)


def test_weights_and_buffers_come_back_to_the_last_bit_even_after_a_failure() -> None:
    method = tiny("gac_fas").train()
    before = {key: value.clone() for key, value in method.state_dict().items()}
    parameters = list(method.network.parameters())
    homes = [parameter.data_ptr() for parameter in parameters]
    offsets = [0.1 * torch.randn_like(parameter) for parameter in parameters]
    with pytest.raises(RuntimeError, match="up there"), displaced(method, parameters, offsets):
        method.network(images([0])["modalities"]["rgb"])
        state = method.state_dict()
        for key in ("network.head.weight", "network.trunk.bn1.bias"):
            assert not torch.equal(state[key], before[key])
        assert state["network.trunk.bn1.num_batches_tracked"] == 1
        raise RuntimeError("up there")
    assert all(torch.equal(value, before[key]) for key, value in method.state_dict().items())
    assert [parameter.data_ptr() for parameter in parameters] == homes


def test_a_step_copies_no_network_and_moves_batch_norm_once(monkeypatch: pytest.MonkeyPatch) -> None:
    method, plain = tiny("gac_fas"), tiny("gac_fas", minimizer_warming=9)
    contexts = [MemoryContext(trained_method, images) for trained_method in (method, plain)]

    def refuse(*_: object) -> None:
        raise AssertionError("a network was copied")

    monkeypatch.setattr(copy, "deepcopy", refuse)
    for context in contexts:
        context.run_step()
    for key, value in method.network.trunk.named_buffers():
        assert torch.equal(value, dict(plain.network.trunk.named_buffers())[key]), key
    assert method.network.trunk.bn1.num_batches_tracked == 1


def test_released_only_the_head_feels_the_ascending_points() -> None:
    outcomes = {}
    for name, changes in {
        "released": {"behaviour": "released"},
        "literal": {"behaviour": "literal"},
        "plain": {"minimizer_warming": 9},
    }.items():
        method = tiny("gac_fas", weight_decay=0.0, rho=0.5, **changes).double()
        MemoryContext(method, doubled).run_step()
        outcomes[name] = {part: weights(getattr(method.network, part)) for part in ("trunk", "head")}
    torch.testing.assert_close(outcomes["released"]["trunk"], outcomes["plain"]["trunk"], rtol=1e-12, atol=1e-12)
    assert not torch.allclose(outcomes["released"]["head"], outcomes["plain"]["head"], rtol=1e-3)
    assert not torch.allclose(outcomes["literal"]["trunk"], outcomes["plain"]["trunk"], rtol=1e-3)


@pytest.mark.parametrize(("behaviour", "matters"), [("literal", True), ("released", True), ("corrected", False)])
def test_the_order_of_domains_is_that_of_the_running_total(behaviour: str, matters: bool) -> None:
    """Ordered by the setting as if the manifest numbered them so; a plain sum knows no order."""
    batch, settings = doubled(range(DOMAINS)), {"behaviour": behaviour, "alpha": 0.5}
    place = torch.tensor([1, 2, 0])  # of domains 0, 1, 2 in the order 2, 0, 1
    outcomes = []
    for order, domain in ((None, batch["domain"]), ((2, 0, 1), batch["domain"]), (None, place[batch["domain"]])):
        method = tiny("gac_fas", domain_order=order, **settings).double()
        MemoryContext(method, lambda _, domain=domain: {**batch, "domain": domain}).run_step()
        outcomes.append(weights(method))
    plain, ordered, numbered = outcomes
    torch.testing.assert_close(ordered, numbered, rtol=1e-12, atol=1e-12)
    assert torch.allclose(plain, ordered, rtol=1e-9, atol=1e-9) != matters
    with pytest.raises(ValidationError, match="every source domain once"):
        GACFASSettings(domain_order=(0, 2))
    if matters:
        with pytest.raises(UserError, match=r"domain_order is for 2 source domains; found 3; --set domain_order=null"):
            tiny("gac_fas", domain_order=(1, 0), **settings)


@pytest.mark.parametrize("domains", [1, 2, 5])
def test_any_number_of_domains(domains: int) -> None:
    torch.manual_seed(0)
    method = GACFAS(GACFASSettings(**TINY["gac_fas"]), n_domains=domains, image_size=SIZE)
    context = WatchedContext(method)
    first = context.run_step()["loss"]
    for _ in range(9):
        last = context.run_step()["loss"]
    assert context.notes[-1] == (domains, {"trunk", "head"})
    assert last < first


def only(batch: Batch, keep: Tensor) -> Batch:
    """Return the samples of a batch where `keep`."""
    views = [{name: image[keep] for name, image in view.items()} for view in batch["views"]]
    rest = {name: batch[name][keep] for name in ("label", "domain", "group")}
    return {**rest, "views": views, "modalities": views[0]}


@pytest.mark.parametrize("behaviour", ["corrected", "literal", "released"])
def test_a_batch_without_a_domain_or_with_one_class_of_it(behaviour: str) -> None:
    whole = images(range(DOMAINS))
    for batch, climbed in (
        (only(whole, whole["domain"] != 0), 2),
        (only(whole, whole["domain"] == 1), 1),
        (only(whole, whole["group"] != 2), 3),  # domain 1 gives bona fide faces alone
        (only(whole, whole["label"] == 0), 3),
        (only(whole, torch.arange(len(whole["label"])) < 1), 1),
    ):
        method = tiny("gac_fas", behaviour=behaviour)
        context = WatchedContext(method, batch)
        logs = context.run_step()
        assert context.notes == [(climbed, {"trunk", "head"})]
        assert all(torch.isfinite(value) for value in logs.values())
        assert torch.isfinite(weights(method)).all()


def test_without_contrast_the_last_domain_ends_the_graph() -> None:
    method = tiny("gac_fas", contrastive_weight=0.0)
    logs = trained(method, 0).run_step()
    assert logs["loss_con"] == 0 and logs["loss"] == logs["loss_cls"]


def test_a_score_is_the_cosine_or_the_chance_of_the_second_output() -> None:
    batch = images(range(DOMAINS), seed=3)
    one_output, two_outputs = tiny("gac_fas"), tiny("gac_fas", loss="ce", ce_scale=4.0)
    for method in (one_output, two_outputs):
        trained(method, 2)
        features = method.network.features((batch["modalities"]["rgb"] - MEAN) / STD)
        head = method.network.head.weight
        cosines = torch.nn.functional.cosine_similarity(features[:, None], head[None], dim=2)
        expected = cosines[:, 0] if method is one_output else cosines.softmax(dim=1)[:, 1]
        torch.testing.assert_close(scored(method, batch), expected)


MEAN, STD = (torch.tensor(values).view(3, 1, 1) for values in ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)))


def test_settings_that_nobody_would_read_are_refused() -> None:
    with pytest.raises(ValidationError, match="ce_scale is read with loss ce only"):
        GACFASSettings(ce_scale=32.0)
    for wrong in ({"behaviour": "gacfas"}, {"lr_gamma": 0.0}, {"rho": -1.0}, {"minimizer": "gac-fas"}):
        with pytest.raises(ValidationError):
            GACFASSettings(**wrong)


def test_the_presets_are_the_published_rows() -> None:
    assert set(PRESETS) | {"demo"} == set(presets("gac_fas"))
    rows = {name: resolve(layered("gac_fas", name)) for name in PRESETS}
    assert all(config.published_for == name for name, config in rows.items())
    epochs = {n: config.train.max_iterations / config.train.steps_per_epoch for n, config in rows.items()}
    assert epochs == {"ICM2O": 150, "OCM2I": 50, "OCI2M": 20, "OMI2C": 80}
    table = {
        name: (m["lr"], m["weight_decay"], m["lr_step_epochs"], m["minimizer_warming"], m["contrastive_weight"])
        for name, m in ((name, config.model) for name, config in rows.items())
    }
    assert table == {
        "ICM2O": (0.005, 1e-4, 40, 10, 0.2),
        "OCM2I": (0.005, 1e-4, 40, 10, 0.1),
        "OCI2M": (0.005, 1e-4, 5, 2, 0.2),
        "OMI2C": (0.01, 5e-4, 5, 2, 0.2),
    }
    numbered = {name: [parse(name).sources[k] for k in config.model["domain_order"]] for name, config in rows.items()}
    assert numbered == {name: list(name[:3]) for name in PRESETS}  # the published names are in the published order
    assert [name for name in PRESETS if rows[name].model["loss"] == "ce"] == ["OMI2C"]
    assert [name for name in PRESETS if rows[name].data.sampler == "balanced"] == ["OCI2M"]
    assert all((c.data.items, c.data.batch_items, c.evaluate.last_n) == ("clips", 96, 10) for c in rows.values())
    assert all(config.data.augment["cutout"] == Cutout().model_dump() for config in rows.values())
    for name in PRESETS:
        with pytest.raises(
            UserError, match=f"the preset is for {name}, with 3 source domains; found mcio:CI2M, with 2"
        ):
            preset_note(name, "mcio:CI2M", 2)


def test_published_names_lead_there_and_back() -> None:
    names = list(GACFAS(GACFASSettings(pretrained=False), n_domains=3, image_size=64).network.state_dict())
    published = [to_reference(name) for name in names]
    assert [from_reference(name) for name in published] == names
    assert [from_reference(f"module.{name}") for name in published] == names
    assert len(names) == 121 and "fc.weight" in published and "model.layer4.1.bn2.running_var" in published
    twice = [f"layer_blocks.{int(n.removeprefix('model.layer')[0]) - 1}{n.removeprefix('model.layer')[1:]}"
             for n in published if n.startswith("model.layer")]  # fmt: skip
    assert len(twice) == 114 and all(from_reference(name) is None for name in twice)
    assert sorted(repeated(name) or "" for name in twice) == sorted(n for n in published if n.startswith("model.layer"))
    assert from_reference("model.fc.bias") is None and repeated("model.conv1.weight") is None
    for unknown in ("backbone.conv1.weight", "head.weight"):
        with pytest.raises(KeyError):
            from_reference(unknown)
    with pytest.raises(KeyError):
        to_reference("neck.weight")


def test_a_loss_that_fails_up_there_leaves_the_network_as_it_was() -> None:
    method = tiny("gac_fas")

    class Failing(MemoryContext):
        def backward(self, loss: Tensor) -> None:
            if method.network.head.weight.data_ptr() != home:
                raise UserError("the loss became nan")
            super().backward(loss)

    home = method.network.head.weight.data_ptr()
    before = weights(method)
    with pytest.raises(UserError):
        Failing(method, images).run_step()
    assert torch.equal(weights(method), before)


def test_mixed_precision_climbs_too() -> None:
    """Its casts of weights are kept for a whole step; those from before the climb must not serve up there."""
    climbed = {}
    for precise in (True, False):
        context = MemoryContext(tiny("gac_fas", rho=5.0, eta=0.1), images)
        with torch.autocast("cpu", torch.bfloat16, enabled=not precise):
            climbed[precise] = context.run_step()
    precise, mixed = (climbed[which]["loss_ascended"] for which in (True, False))
    assert precise > 1.5 * climbed[True]["loss_cls"]
    assert mixed.item() == pytest.approx(precise.item(), rel=0.03)
    assert mixed.dtype == torch.float32


@pytest.mark.parametrize("how", ["compiled", "channels_last"])
def test_how_it_is_computed_changes_nothing_but_rounding(how: str) -> None:
    plain, other = tiny("gac_fas").double(), tiny("gac_fas").double()
    if how == "compiled":
        compile_networks(other, backend="aot_eager")
    else:
        other.to(memory_format=torch.channels_last)
    for method in (plain, other):
        context = MemoryContext(method, doubled)
        for _ in range(2):
            context.run_step()
    for key, value in plain.state_dict().items():
        torch.testing.assert_close(other.state_dict()[key], value, rtol=1e-9, atol=1e-9, msg=key)


def doubled(domains: Sequence[int]) -> Batch:
    batch = images(domains)
    views = [{name: image.double() for name, image in view.items()} for view in batch["views"]]
    return {**batch, "views": views, "modalities": views[0]}


def weights(module: nn.Module) -> Tensor:
    return flat(parameter.detach() for parameter in module.parameters())


def flat(tensors: Any) -> Tensor:
    return torch.cat([tensor.flatten() for tensor in tensors])
