"""MMDG against numbers made by running the published code (README beside the arrays)."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from fastrain.methods.base import Batch
from fastrain.methods.mmdg.adapters import THETA, UAdapter, certainty
from fastrain.methods.mmdg.method import MMDG
from fastrain.methods.mmdg.network import Outcome
from fastrain.methods.mmdg.published import convert, from_reference, to_reference
from fastrain.methods.mmdg.rebalancing import agreeing, projection, prototype_loss
from fastrain.methods.mmdg.settings import MMDGSettings
from fastrain.networks.central_difference import CentralDifference
from tests.fastrain.methods.memory_context import MemoryContext
from tests.golden.fill_mmdg import ADAPTER_DROPOUT, MODALITIES, Fill, FilledChance, summary
from tests.golden.location import golden_dir

EXACT = {"rtol": 1e-8, "atol": 1e-8}
TRUNK = {"trunk": "vit_base_patch16_224", "pretrained": False}
TINY = {**TRUNK, "trunk_kwargs": {"embed_dim": 24, "depth": 3, "num_heads": 3, "mlp_ratio": 2}}
RELEASED = {"uncertainty_eval": "mc", "proto_phantom": True}
DELTA = 1e-6  # of a tensor's norm
BLACK = (0 - 127.5) / 128


@pytest.fixture(scope="module")
def folder() -> Path:
    return golden_dir("mmdg")


@pytest.fixture(scope="module")
def fill(folder: Path) -> Fill:
    return Fill.of(folder)


@pytest.fixture(scope="module")
def layout(folder: Path) -> dict[str, tuple[int, ...]]:
    golden = np.load(folder / "tiny_forward.npz")
    shapes = [tuple(int(n) for n in str(shape).split(",")) for shape in golden["layout/state_shapes"]]
    return dict(zip(map(str, golden["layout/state_names"]), shapes, strict=True))


@pytest.fixture(scope="module")
def state(fill: Fill, layout: dict[str, tuple[int, ...]]) -> dict[str, Tensor]:
    """The published checkpoint of the tiny network, as the importer reads it."""
    return published_state(fill, layout)


def published_state(fill: Fill, layout: dict[str, tuple[int, ...]]) -> dict[str, Tensor]:
    return dict(convert({f"module.{key}": fill.weight(key, shape) for key, shape in layout.items()}).state)


def filled(state: dict[str, Tensor], **settings: Any) -> MMDG:
    method = MMDG(MMDGSettings(**{**TINY, **settings}), n_domains=4, image_size=224).double()
    method.load_state_dict(state)
    return method


def close(value: Tensor | float, expected: Any, **tolerance: float) -> None:
    value = value.detach().numpy() if isinstance(value, Tensor) else value
    np.testing.assert_allclose(value, expected, **{**EXACT, **tolerance})


# -- Adapter and uncertainty ------------------------------------------------------------------------------------------


def test_the_central_difference_convolution(folder: Path, fill: Fill) -> None:
    golden = np.load(folder / "adapter.npz")
    convolution = CentralDifference(8, 8, theta=THETA).double()
    convolution.weight.data = fill.weight("conv.weight", (8, 8, 3, 3), "cd.")
    x = fill.signed("cd.x", 2, 8, 14, 14).requires_grad_()
    out = convolution(x)
    close(out[0], golden["cdc/out0"])
    close(summary(out), golden["cdc/out_summary"])
    out.backward(fill.signed("cd.up", 2, 8, 14, 14))
    close(summary(x.grad), golden["cdc/grad_x_summary"])
    close(convolution.weight.grad, golden["cdc/grad_w"])
    close(convolution(fill.signed("cd.x1", 2, 8, 1, 1)), golden["cdc/out_1x1"])


@pytest.mark.parametrize("mode", ["eval", "train"])
def test_the_adapter(folder: Path, fill: Fill, mode: str) -> None:
    golden = np.load(folder / "adapter.npz")
    adapter = UAdapter(24).double().train(mode == "train")
    names = [str(name) for name in golden["adapter/names"]]
    ours = {
        name: from_reference(f"adapter_1_2_2.0.{name}").removeprefix("adapters.rgb_from_depth.0.") for name in names
    }
    assert {*ours.values()} == {name for name, _ in adapter.named_parameters()}
    for name in names:
        parameter = adapter.get_parameter(ours[name])
        parameter.data = fill.weight(name, tuple(parameter.shape), "ad.")
    x, source = (fill.signed(f"ad.{name}", 2, 197, 24).requires_grad_() for name in ("x", "xc"))
    certain = torch.exp(-2.25 * torch.from_numpy(fill.u("ad.xu", 2, 197, 24))).mean(dim=-1)
    hidden = adapter.hidden(x, source, certain)
    if mode == "train":
        kept = torch.from_numpy(fill.u("ad:unit", 2, 197, 8) >= ADAPTER_DROPOUT)
        hidden = hidden * kept / (1 - ADAPTER_DROPOUT)
    out = adapter.up(hidden)
    if mode == "eval":
        close(adapter(x, source, certain), out.detach(), rtol=0)
        alone = adapter(x, source[:, :1], certain[:, :1])
        close(alone, out[:, :1].detach())
    close(out[:, golden[f"adapter/{mode}/rows"]], golden[f"adapter/{mode}/out_rows"])
    close(summary(out), golden[f"adapter/{mode}/out_summary"])
    out.backward(fill.signed("ad.up", 2, 197, 24))
    close(summary(x.grad), golden[f"adapter/{mode}/grad_x_summary"])
    close(summary(source.grad), golden[f"adapter/{mode}/grad_xc_summary"])
    for name, expected in zip(names, golden[f"adapter/{mode}/grad_summary"], strict=True):
        close(summary(adapter.get_parameter(ours[name]).grad), expected)


def test_one_count_stands_for_all_passes_of_dropout(folder: Path, fill: Fill) -> None:
    golden = np.load(folder / "uncertainty.npz")
    cases = sorted({name.partition("/")[0] for name in golden.files})
    assert cases
    for case in cases:
        number = case.removeprefix("case")
        dropped, sharpness, samples = golden[f"{case}/params"]
        attended = 4 * fill.signed(f"uc.a{number}", 2, 7, 24)
        kept = sum((fill.u(f"mc:uc{number}/s{j}", 2, 7, 24) >= dropped).astype(int) for j in range(int(samples)))
        certain = certainty(
            attended, torch.from_numpy(kept), samples=int(samples), dropped=float(dropped), sharpness=float(sharpness)
        )
        close(certain, golden[f"{case}/out"])
        close(certain.mean(dim=-1), golden[f"{case}/row_mean"])


# -- The network ------------------------------------------------------------------------------------------------------


def test_names_lead_there_and_back(folder: Path, layout: dict[str, tuple[int, ...]], state: dict[str, Tensor]) -> None:
    method = filled(state)
    ours = {key: from_reference(key, 3) for key in layout}
    assert {to_reference(key, 3) for key in ours.values()} == set(layout)
    assert {f"network.{name}" for name in ours.values()} == {name for name, _ in method.named_parameters()}
    golden = np.load(folder / "tiny_forward.npz")
    trains = dict(zip(map(str, golden["layout/param_names"]), golden["layout/trainable"], strict=True))
    for key, name in ours.items():
        assert method.network.get_parameter(name).requires_grad == trains[key], key


@pytest.mark.parametrize("mode", ["eval", "train"])
def test_the_tiny_network(folder: Path, fill: Fill, state: dict[str, Tensor], mode: str) -> None:
    golden = np.load(folder / "tiny_forward.npz")
    method = filled(state, frozen="nothing").train(mode == "train")
    last: list[Tensor] = []
    method.network.blocks[-1].attn.register_forward_hook(lambda module, args, out: last.append(out.detach()))
    chance = FilledChance(fill, "fwd" if mode == "eval" else "fwd_train")
    outcome = method.network(normalised(fill.triple("fwd", 3)), chance)
    close(outcome.logits, golden[f"{mode}/out_all"])
    attended = last[0].unflatten(0, (3, 3))
    certain = certainty(attended, chance.kept(2, attended.shape, attended))
    for m in range(3):
        close(outcome.features[m], golden[f"{mode}/feat_{m + 1}"])
        close(outcome.certain[m], golden[f"{mode}/uc_{m + 1}_cls"])
        close(summary(certain[m]), golden[f"{mode}/uc_{m + 1}_summary"])
    if mode == "eval":
        close(outcome.logits.softmax(dim=1)[:, 1], golden["eval/score"])


@pytest.mark.parametrize("missing", ["D", "I", "DI"])
def test_a_missing_modality_is_black(folder: Path, fill: Fill, state: dict[str, Tensor], missing: str) -> None:
    golden = np.load(folder / "tiny_forward.npz")
    method = filled(state).eval()
    images = fill.triple("fwd", 3)
    for letter, name in (("D", "depth"), ("I", "ir")):
        if letter in missing:
            images[name] = torch.zeros_like(images[name])
    shown = normalised(images)
    assert all(float(shown[name].max()) == BLACK for name in shown if not images[name].any())
    with torch.no_grad():
        outcome = method.network(shown, FilledChance(fill, f"fwd_miss_{missing}"))
    close(outcome.logits, golden[f"miss_{missing}/out_all"])
    close(outcome.logits.softmax(dim=1)[:, 1], golden[f"miss_{missing}/score"])


def normalised(images: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name: (255 * image - 127.5) / 128 for name, image in images.items()}


def test_the_network_at_full_size(full: Full) -> None:
    assert len(full.names) == 832
    assert sum(parameter.numel() for parameter in full.method.parameters()) == 88_252_034
    assert sum(p.numel() for p in full.method.parameters() if p.requires_grad) == 8_513_666
    assert {key for key, name in full.names.items() if full.method.network.get_parameter(name).requires_grad} == {
        str(name) for name in full.golden["trainable"]
    }
    golden, outcome = full.golden, full.outcome
    close(outcome.logits, golden["out_all"])
    close(outcome.logits.softmax(dim=1)[:, 1], golden["score"])
    for m in range(3):
        close(outcome.features[m], golden[f"feat_{m + 1}"])
        close(outcome.certain[m], golden[f"uc_{m + 1}_cls"])
        close(summary(full.certain[m]), golden[f"uc_{m + 1}_summary"])


@dataclass(frozen=True)
class Full:
    """The full network, filled, and what one image made of it; `names` are ours by the published ones."""

    golden: Any
    method: MMDG
    names: dict[str, str]
    outcome: Outcome
    certain: Tensor


@pytest.fixture(scope="session")
def full() -> Full:
    folder = golden_dir("mmdg")
    golden, fill = np.load(folder / "full_forward.npz"), Fill.of(folder)
    with torch.device("meta"):
        method = MMDG(MMDGSettings(**TRUNK), n_domains=3, image_size=224)
    method = method.to_empty(device="cpu").double().eval()
    names = {str(key): from_reference(str(key)) for key in golden["state_names"]}
    for key, name in names.items():
        parameter = method.network.get_parameter(name)
        parameter.data.copy_(fill.weight(key, tuple(parameter.shape)))
    last: list[Tensor] = []
    method.network.blocks[-1].attn.register_forward_hook(lambda module, args, out: last.append(out))
    chance = FilledChance(fill, "full")
    with torch.no_grad():
        outcome = method.network(normalised(fill.triple("full", 1)), chance)
    attended = last[0].unflatten(0, (3, 1))
    return Full(golden, method, names, outcome, certainty(attended, chance.kept(11, attended.shape, attended)))


# -- Losses and gradients ---------------------------------------------------------------------------------------------


def test_the_prototype_loss(folder: Path, fill: Fill) -> None:
    golden = np.load(folder / "ssp.npz")
    cases = sorted({name.partition("/")[0] for name in golden.files})
    assert cases
    for case in cases:
        number, (count, classes, width) = case.removeprefix("case"), golden[f"{case}/shape"]
        features = fill.signed(f"ssp.f{number}", count, width).requires_grad_()
        prototypes = fill.signed(f"ssp.p{number}", classes, width)
        if number == "3":
            prototypes[4] = 0
        loss = prototype_loss(features, prototypes, torch.from_numpy(golden[f"{case}/domain"]))
        close(loss, golden[f"{case}/loss"])
        loss.backward()
        close(features.grad, golden[f"{case}/grad"])


def test_what_a_gradient_may_add_to_another(folder: Path) -> None:
    golden = np.load(folder / "regrad.npz")
    patterns = sorted({name.partition("/")[0] for name in golden.files if name.endswith("/slow")})
    assert patterns
    for pattern in patterns:
        main, first, second = (torch.from_numpy(part) for part in golden[f"{pattern}/in"])
        close(torch.stack([main, agreeing(main, first), agreeing(main, second)]), golden[f"{pattern}/slow"])
        close(torch.stack([agreeing(first + second, main), first, second]), golden[f"{pattern}/fast"])
        along, conflict = projection(main, first), bool((main * first).sum() < 0)
        agrees = bool((main * first).sum() > 0)
        close(along if agrees else torch.zeros_like(along), golden[f"{pattern}/same_dir"])
        close(first - along if conflict else first, golden[f"{pattern}/delete_conflict"])
    main, first, second = (torch.from_numpy(part) for part in golden["same/in"])
    nothing = torch.zeros_like(first)
    close(torch.stack([agreeing(second, main), nothing, second]), golden["fast_none/out"])


def test_whose_a_tensor_is(folder: Path, state: dict[str, Tensor]) -> None:
    golden = np.load(folder / "regrad.npz")
    owners = {key: str(owner) for key, owner in zip(golden["layer_id/names"], golden["layer_id/id"], strict=True)}
    method = filled(state)
    names = {id(parameter): name for name, parameter in method.network.named_parameters()}
    owned = {names[id(parameter)]: owner for parameter, owner in method.owned().items()}
    checked = 0
    for key, owner in owners.items():
        if str(key).endswith(".x") or str(key).startswith(("class", "pos")):
            name = from_reference(str(key).replace(".11.x", ".2.ln_before.bias").replace(".x", ".ln_before.bias"), 12)
            assert owned[name] == int(owner) - 1, key
            checked += 1
        elif owner == "None":
            assert not any(name.startswith(("blocks", "norm", "head")) for name in owned)
    assert checked == 6


@pytest.mark.parametrize("mode", ["released", "corrected"])
def test_three_steps_of_two_epochs(folder: Path, fill: Fill, state: dict[str, Tensor], mode: str) -> None:
    golden = np.load(folder / "train_steps.npz")
    method = filled(state, regrad=mode, **RELEASED)
    run = Replay(method, fill, golden, mode)
    names = [str(name) for name in golden["grads/names"]]
    initial = {key: value.detach().clone() for key, value in method.network.named_parameters()}
    for step in range(3):
        run.replayed(step)
        close(run.losses, golden[f"{mode}/step{step}/losses"])
        if step == 0:
            compare_gradients(method, run.taken, golden)
        if step in (0, 2):
            for number, name in enumerate(("color", "depth", "ir")):
                close(method.prototypes[number], golden[f"{mode}/epoch{step // 2}/proto_{name}"])
        for name, gradient, delta in zip(
            names, golden[f"{mode}/step{step}/grad_summary"], golden[f"{mode}/step{step}/delta_summary"], strict=True
        ):
            parameter = method.network.get_parameter(from_reference(name, 3))
            close(summary(parameter.grad), gradient)
            change = summary(parameter.detach() - initial[from_reference(name, 3)])
            np.testing.assert_allclose(change, delta, rtol=DELTA, atol=DELTA * delta[1], err_msg=name)
    method.eval()
    with torch.no_grad():
        close(
            method.network(normalised(fill.triple("tb0", 4)), FilledChance(fill, "final")).logits,
            golden[f"{mode}/final/out_all"],
        )


def compare_gradients(method: MMDG, taken: list[list[tuple[Tensor, Tensor]]], golden: Any) -> None:
    """Compare those of the prototype losses, before anything is made of them, where a modality owns the tensor."""
    names = {f"network.{from_reference(str(name), 3)}": k for k, name in enumerate(golden["grads/names"])}
    of_parameter = {id(parameter): name for name, parameter in method.named_parameters()}
    for loss, gradients in zip(("m1", "m2", "m3"), taken, strict=True):
        assert len(gradients) == len(method.owned())
        for parameter, gradient in gradients:
            close(summary(gradient), golden[f"grads/{loss}/summary"][names[of_parameter[id(parameter)]]])


class Replay(MemoryContext):
    """Runs a method on the batches of the golden set, with its draws."""

    def __init__(self, method: MMDG, fill: Fill, golden: Any, mode: str) -> None:
        super().__init__(method, self._next, steps_per_epoch=4)
        self.fill, self.golden, self.mode = fill, golden, mode
        self.losses: list[float] = []
        self.taken: list[list[tuple[Tensor, Tensor]]] = []
        self.waiting: Iterator[Batch] = iter(())

    def replayed(self, number: int) -> None:
        self.losses = []
        if number in (0, 2):
            self._prototypes(number // 2)
        self.method.train()
        self.method.chance = FilledChance(self.fill, f"step{number}")
        logs = self.method.training_step(self._batch(f"tb{number}", self.golden["domains"][number]), self)
        apart = [float(logs[f"loss_{name}_ssp"]) for name in MODALITIES]
        uncertain = [float(logs[f"{name}_certain"]) for name in MODALITIES]
        self.losses = [float(logs["loss"]), *apart, *uncertain]

    def gradients(self, loss: Tensor, parameters: Any, *, keep_graph: bool = False) -> list[Tensor]:
        made = super().gradients(loss, parameters, keep_graph=keep_graph)
        self.taken.append([(parameter, gradient.clone()) for parameter, gradient in zip(parameters, made, strict=True)])
        return made

    def _prototypes(self, epoch: int) -> None:
        draws = self.golden[f"{self.mode}/epoch{epoch}/draws"]
        used = [k for k, draw in enumerate(draws) if draw <= 0.5]
        self.python_random = Drawn(draws)
        self.waiting = iter([self._batch(f"pb{k}", self.golden["proto_domains"][k], stacked=True) for k in used])
        tags = iter([FilledChance(self.fill, f"proto{epoch}/b{k}") for k in used])
        network = self.method.network
        forward = network.forward
        network.forward = lambda images, chance: forward(images, next(tags))
        self.method.on_epoch_start(self)
        network.forward = forward
        assert not list(self.waiting)

    def _next(self, domains: Any) -> Batch:
        return next(self.waiting)

    def _batch(self, name: str, classes: np.ndarray, *, stacked: bool = False) -> Batch:
        """Return a batch; `classes` are those of the published code, which counts attacks of a source by its name."""
        images = self.fill.triple(name, len(classes))
        if stacked:  # the first channels of infrared and of two pictures made of it
            images["ir"] = torch.cat(
                [self.fill.image(f"{name}/{of}", len(classes))[:, :1] for of in ("ir", "HOG", "PLGF")], 1
            )
        ids = torch.from_numpy(classes)
        return {"modalities": images, "label": (ids == 1).long(), "domain": torch.where(ids > 1, ids - 1, 0)}


class Drawn(random.Random):
    """Python's generator with known numbers."""

    def __init__(self, numbers: np.ndarray) -> None:
        super().__init__()
        self._numbers = iter(numbers.tolist())

    def random(self) -> float:
        return next(self._numbers)
