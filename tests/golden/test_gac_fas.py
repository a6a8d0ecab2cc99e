"""GAC-FAS against numbers made by running the published code (README beside the arrays)."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from fastrain.data.geometry import cutout_box, fill_with_mean
from fastrain.methods.base import Batch
from fastrain.methods.gac_fas.ascent import Ascent
from fastrain.methods.gac_fas.method import GACFAS
from fastrain.methods.gac_fas.network import CosineNetwork
from fastrain.methods.gac_fas.published import from_reference, to_reference
from fastrain.methods.gac_fas.settings import GACFASSettings
from fastrain.networks.contrast import supervised_contrast
from fastrain.networks.cosine import CosineHead
from fastrain.networks.domains import domain_losses
from tests.fastrain.methods.memory_context import MemoryContext
from tests.fastrain.methods.tiny import TINY
from tests.golden.fill import Fill, summary
from tests.golden.location import golden_dir

TOLERANCE = 1e-10
STEPS = 3
BEHAVIOURS = {"literal": "literal", "frozen_proxy": "released", "corrected": "corrected"}
POINTS = {
    "cfg": {"rho": 0.1, "eta": 0.0, "alpha": 2e-4},
    "cfg_eta_default": {"rho": 0.1, "eta": 0.01, "alpha": 2e-4},
    "class_default": {"rho": 0.5, "eta": 0.01, "alpha": 5e-4},
    "big_alpha": {"rho": 0.1, "eta": 0.0, "alpha": 0.3},
    "missing": {"rho": 0.1, "eta": 0.01, "alpha": 0.3},
    "ce2": {"rho": 0.1, "eta": 0.0, "alpha": 2e-4, "loss": "ce", "lr": 0.01, "weight_decay": 5e-4},
}
STEPPED = sorted(path.stem for path in golden_dir("gac_fas").glob("gac_step_*_*.npz"))


@pytest.fixture(scope="module")
def folder() -> Path:
    return golden_dir("gac_fas")


@pytest.fixture(scope="module")
def fill(folder: Path) -> Fill:
    return Fill(json.loads((folder / "fill.json").read_text())["salt"])


def test_supervised_contrast(folder: Path) -> None:
    for case in cases(np.load(folder / "supcon.npz")):
        features = torch.from_numpy(case["features"]).requires_grad_()
        label = torch.from_numpy(case["labels"]) if case["labels"].size else None
        loss = supervised_contrast(features, label, float(case["temperature"]))
        close(loss, case["loss"])
        loss.backward()
        close(features.grad, case["grad"])


def test_cosine_head(folder: Path) -> None:
    for case in cases(np.load(folder / "normed_head.npz")):
        head = CosineHead(case["weight"].shape[1], case["weight"].shape[0]).double()
        head.weight.data = torch.from_numpy(case["weight"])
        x = torch.from_numpy(case["x"]).requires_grad_()
        cosines = head(x)
        close(cosines, case["logit"])
        (cosines * torch.from_numpy(case["upstream"])).sum().backward()
        close(x.grad, case["grad_x"])
        close(head.weight.grad, case["grad_weight"])


def test_losses_of_the_domains(folder: Path) -> None:
    for case in cases(np.load(folder / "domain_losses.npz")):
        kind = str(case["kind"])
        logits = torch.from_numpy(case["logits"]).requires_grad_()
        label, domain = (torch.from_numpy(case[name]).long() for name in ("labels", "domain"))
        scale = float(case["scale"]) if kind == "bce" else 1.0  # the published code reads it for bce only
        losses = domain_losses(logits, label, domain, 3, kind=kind, scale=scale)
        close(losses, case["per_domain"])
        assert [bool(loss == 0) for loss in losses] == [not bool((domain == k).any()) for k in range(3)]
        close(losses.sum(), case["total"])
        losses.sum().backward()
        close(logits.grad, case["grad_total"])


def test_cutout(folder: Path) -> None:
    changed = 0
    for case in cases(np.load(folder / "cutout.npz")):
        image = torch.from_numpy(case["image"]).clone()
        box = cutout_box(image.shape[1], image.shape[2], float(case["lam"]), int(case["cx"]), int(case["cy"]))
        if box:
            fill_with_mean(image, box)
        close(image, case["out"])
        changed += not np.array_equal(case["image"], case["out"])
    assert changed


def test_the_network(folder: Path, fill: Fill) -> None:
    golden = np.load(folder / "resnet18_64.npz")
    settings = GACFASSettings(pretrained=False)
    network = GACFAS(settings, n_domains=3, image_size=64).double().network
    network.load_state_dict(
        {
            key: torch.from_numpy(fill.tensor(to_reference(key), tuple(t.shape)))
            for key, t in network.state_dict().items()
        }
    )
    image = torch.from_numpy(fill.image("resnet18", (3, 3, 64, 64)))
    with torch.no_grad():
        z, logit = network.eval()(image)
    close(z, golden["eval/z"])
    close(logit, golden["eval/logit"])

    z, logit = network.train()(image)
    close(z, golden["train/z"])
    close(logit, golden["train/logit"])
    upstream = torch.from_numpy(2 * fill.u("upstream_z", (3, 512)) - 1)
    (0.01 * (z * upstream).sum() + logit.sum()).backward()
    gradients = {to_reference(key): parameter.grad for key, parameter in network.named_parameters()}
    assert sorted(gradients) == sorted(golden["train/grad_names"].tolist())
    close_summaries(gradients, golden["train/grad_names"], golden["train/grad_summary"])
    state = {to_reference(key): value for key, value in network.state_dict().items()}
    close_summaries(state, golden["train/bn_names"], golden["train/bn_summary"])


@pytest.mark.parametrize("stem", STEPPED)
def test_three_gac_steps(folder: Path, stem: str) -> None:
    mode = next(mode for mode in BEHAVIOURS if stem.startswith(f"gac_step_{mode}_"))
    case = stem.removeprefix(f"gac_step_{mode}_")
    run = SmallRun(folder, "missing" if case == "missing" else "full", behaviour=BEHAVIOURS[mode], **POINTS[case])
    golden = np.load(folder / f"{stem}.npz")
    run.through(golden)

    first, config = run.steps[0], run.method.config
    parameters = [nn.Parameter(value) for value in first.start.values()]
    lengths = Ascent(
        list(first.start), parameters, first.gradients, 3, rho=config.rho, alpha=config.alpha, eta=config.eta,
        adaptive=True, running_total=config.behaviour != "corrected",
    ).lengths()  # fmt: skip
    known = [k for k in range(3) if f"step0/norm/d{k}" in golden]
    assert known == list(lengths) and len(first.offsets) == len(known)
    for k, offset in zip(known, first.offsets, strict=True):
        close(lengths[k], golden[f"step0/norm/d{k}"])
        close(offset, golden[f"step0/eps/d{k}"])
    close(first.before_ascent, golden["step0/grad_before_sync"])
    close(first.total, golden["step0/grad_total"])


OTHERS = {"erm_step": {"minimizer_warming": 9}, "warmup_step": {"warming_epochs": 9}}


@pytest.mark.parametrize("stem", OTHERS)
def test_three_steps_of_the_other_phases(folder: Path, stem: str) -> None:
    run = SmallRun(folder, "full", **OTHERS[stem])
    run.through(np.load(folder / f"{stem}.npz"))
    assert not any(step.offsets for step in run.steps)


def test_every_behaviour_has_its_arrays() -> None:
    for mode in BEHAVIOURS:
        assert any(stem.startswith(f"gac_step_{mode}_") for stem in STEPPED)


@dataclass
class Seen:
    """What one training step did; vectors in the order of the golden arrays, offsets in the order of the domains."""

    start: dict[str, Tensor]
    gradients: dict[int, list[Tensor]] = field(default_factory=dict)
    offsets: list[Tensor] = field(default_factory=list)
    before_ascent: Tensor | None = None
    total: Tensor | None = None


class SmallRun(MemoryContext):
    """Steps of the small network of the golden arrays, under watch."""

    def __init__(self, folder: Path, batches: str, **settings: Any) -> None:
        inputs = np.load(folder / "gac_step_inputs.npz")
        self.inputs = {name.removeprefix(f"{batches}/"): inputs[name] for name in inputs}
        published = {"lr": 0.005, "head_lr_scale": 10.0, "weight_decay": 1e-4, "contrastive_weight": 0.2}
        config = GACFASSettings(**{**TINY["gac_fas"], **published, "normalize": False, **settings})
        method = GACFAS(config, n_domains=3, image_size=8)
        method.network = CosineNetwork(small_trunk(), 6, config.outputs)
        init = {name.removeprefix("init/"): value for name, value in self.inputs.items() if name.startswith("init/")}
        if config.outputs == 2:
            init["fc.weight"] = self.inputs["init2/fc.weight"]
        method.double().network.load_state_dict({ours(name): torch.from_numpy(value) for name, value in init.items()})
        layout = "layout2" if config.outputs == 2 else "layout"
        self.state_names, self.param_names = (
            [ours(str(name)) for name in self.inputs[f"{layout}/{kind}_names"]] for kind in ("state", "param")
        )
        self.steps: list[Seen] = []
        super().__init__(method, self.next_batch)

    def next_batch(self, domains: Sequence[int]) -> Batch:
        part = {name: torch.from_numpy(self.of_step(name)) for name in ("view1", "view2", "label", "domain")}
        label, domain = part["label"].long(), part["domain"].long()
        views = [{"rgb": part["view1"]}, {"rgb": part["view2"]}]
        return {"views": views, "modalities": views[0], "label": label, "domain": domain, "group": 2 * domain + label}

    def of_step(self, name: str) -> np.ndarray:
        return self.inputs[f"step{len(self.steps) - 1}/{name}"]

    def through(self, golden: Mapping) -> None:
        """Take the steps, and compare state and losses after each."""
        network = self.method.network
        for number in range(STEPS):
            named = dict(network.named_parameters())
            self.steps.append(Seen({name: named[name].detach().clone() for name in self.param_names}))
            logs = self.run_step()
            close(flat(network.state_dict(), self.state_names), golden[f"step{number}/after"])
            close(logs["loss_con"] / self.method.config.contrastive_weight, golden["supcon_unweighted"][number])
            close(logs["loss_cls"], golden["cls_loss_per_domain"][number].sum())

    def gradients(self, loss: Tensor, parameters: Sequence[nn.Parameter], *, keep_graph: bool = False) -> list[Tensor]:
        gradients = super().gradients(loss, parameters, keep_graph=keep_graph)
        present, seen = np.unique(self.of_step("domain")).tolist(), self.steps[-1].gradients
        place = {id(parameter): gradient.clone() for parameter, gradient in zip(parameters, gradients, strict=True)}
        named = dict(self.method.network.named_parameters())
        seen[present[len(seen)]] = [place[id(named[name])] for name in self.param_names]
        return gradients

    def backward(self, loss: Tensor) -> None:
        seen = self.steps[-1]
        offset = flat(dict(self.method.network.named_parameters()), self.param_names) - flat(seen.start)
        if offset.any():
            if not seen.offsets:
                seen.before_ascent = self.accumulated()
            seen.offsets.append(offset)
        super().backward(loss)

    def step(self, name: str) -> None:
        self.steps[-1].total = self.accumulated()
        super().step(name)

    def accumulated(self) -> Tensor:
        named = dict(self.method.network.named_parameters())
        gradients = {name: torch.zeros_like(p) if p.grad is None else p.grad for name, p in named.items()}
        return flat(gradients, self.param_names)


def small_trunk() -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(3, 4, 3, padding=1, bias=False),
        nn.BatchNorm2d(4),
        nn.ReLU(),
        nn.Conv2d(4, 6, 3, stride=2, padding=1),
        nn.BatchNorm2d(6),
        nn.ReLU(),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
    )


def ours(name: str) -> str:
    our_name = from_reference(name)
    assert our_name is not None
    return our_name


def flat(tensors: Mapping[str, Tensor], names: Sequence[str] = ()) -> Tensor:
    return torch.cat([tensors[name].detach().clone().flatten() for name in names or tensors])


def cases(golden: Mapping) -> Iterator[dict[str, np.ndarray]]:
    """Yield the arrays of `case0/…`, `case1/…` one case after the other."""
    numbers = sorted({int(name.partition("/")[0].removeprefix("case")) for name in golden})
    assert numbers
    for number in numbers:
        prefix = f"case{number}/"
        yield {name.removeprefix(prefix): golden[name] for name in golden if name.startswith(prefix)}


def close(tensor: Tensor | None, golden: np.ndarray) -> None:
    assert tensor is not None
    values = tensor.detach().numpy()
    assert values.shape == golden.shape
    np.testing.assert_allclose(values, golden, rtol=TOLERANCE, atol=TOLERANCE)


def close_summaries(tensors: Mapping[str, Tensor | None], names: np.ndarray, golden: np.ndarray) -> None:
    selected = [tensors[str(name)] for name in names]
    values = np.stack([summary(tensor.numpy()) for tensor in selected if tensor is not None])
    close(torch.from_numpy(values), golden)
