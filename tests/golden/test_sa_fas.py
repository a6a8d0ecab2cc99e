"""SA-FAS against numbers made by running the published code (README beside the arrays)."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import fmean, pstdev
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from fastrain.evaluation.metrics.reference import gac
from fastrain.methods.base import Batch
from fastrain.methods.sa_fas.method import SAFAS
from fastrain.methods.sa_fas.network import HeadsNetwork, aligned_heads, mean_cosine
from fastrain.methods.sa_fas.published import from_reference, to_reference
from fastrain.methods.sa_fas.settings import SAFASSettings
from fastrain.networks.contrast import supervised_contrast
from tests.fastrain.methods.memory_context import MemoryContext
from tests.golden.fill import Fill, summary
from tests.golden.location import ENVIRONMENT, golden_dir
from tests.golden.test_ssdg import cases, close, close_array

VALUE, GRADIENT, ALIGNED = 1e-10, 1e-8, 1e-12
IDLE = ("bn_scale.", "fc_scale.", "proj.")  # what the published network has beside, and never uses by default
VARIANTS: dict[str, dict[str, Any]] = {
    "plain": {},
    "half": {"scale": 0.5},
    "learned": {"scale": None},
    "normed": {"head": "sign"},
    "normed_nobias": {"head": "sign_without_bias"},
}
# In this precision a step takes a second: by default some runs stop after their first ones.
WHOLE = bool(os.environ.get(ENVIRONMENT))
TRAINED: dict[str, tuple[dict[str, Any], int]] = {
    "default": ({}, 3),
    "strong": ({}, 1),
    "missing": ({}, 2),
    "missing_old_torch": ({"absent_head": "decay"}, 2),
    "two_sources": ({}, 2),
    "learned_scale": ({}, 1),
    "normfc": ({"head": "sign"}, 2),
    "plain_erm": ({"contrastive_weight": 0.0, "align_epoch": None}, 1),
}


@pytest.fixture(scope="module")
def folder() -> Path:
    return golden_dir("sa_fas")


@pytest.fixture(scope="module")
def fill(folder: Path) -> Fill:
    return Fill(json.loads((folder / "fill.json").read_text())["salt"])


@pytest.mark.parametrize("variant", VARIANTS)
def test_the_network(folder: Path, fill: Fill, variant: str) -> None:
    golden = np.load(folder / f"network_{variant}.npz")
    method = filled(SAFASSettings(pretrained=False, **VARIANTS[variant]), fill)
    network, image = method.network, torch.from_numpy(fill.image("resnet18", (4, 3, 64, 64)))
    with torch.no_grad():
        network.eval()
        features, logits = network(image)
        close(logits.sigmoid(), golden["eval/per_head"], VALUE)
        score = logits.sigmoid().mean(dim=1, keepdim=True)
        close(score, golden["eval/score"], VALUE)
        if variant == "plain":
            close(features, golden["eval/feature"], VALUE)
    features, logits = network.train()(image)
    close(logits.sigmoid(), golden["train/per_head"], VALUE)
    if variant == "plain":
        close(features, golden["train/feature"], VALUE)
        ours = {to_reference(key) for key in network.state_dict()}
        theirs = {name for name in golden["state_names"].tolist() if not name.startswith(IDLE)}
        assert ours == theirs and [to_reference(our(name)) for name in sorted(theirs)] == sorted(theirs)
    state = {to_reference(key): value.clone() for key, value in network.state_dict().items()}
    unused = ("proj.",) if variant == "learned" else IDLE
    close_known(state, golden["bn_names"], golden["bn_summary"], VALUE, exempt=unused)
    scale = network.scale_of(features) if variant == "learned" else network.fixed_scale
    close_array(np.broadcast_to(value_of(scale), (4, 1)), golden["train/scale"], VALUE)
    upstream = torch.from_numpy(2 * fill.u("upstream_z", tuple(features.shape)) - 1)
    chances = logits.sigmoid().sum(dim=0)
    (0.01 * (features * upstream).sum() + (chances * torch.tensor([1.0, 2.0, 3.0])).sum()).backward()
    gradients = {to_reference(key): parameter.grad for key, parameter in network.named_parameters()}
    close_known(gradients, golden["grad_names"], golden["grad_summary"], GRADIENT, exempt=unused)
    known = {name for name, gradient in gradients.items() if gradient is not None}
    assert known == set(golden["grad_names"].tolist())


def value_of(scale: Tensor | float | None) -> np.ndarray:
    return scale.detach().numpy() if isinstance(scale, Tensor) else np.array(scale)


def test_heads(folder: Path) -> None:
    for case in cases(np.load(folder / "heads.npz")):
        kind = str(case["kind"])
        network = HeadsNetwork(
            nn.Identity(), case["x"].shape[1], 1, scale=float(case["scale"]), sign=kind != "plain",
            biased=kind != "normed_nobias",
        ).double()  # fmt: skip
        head = network.heads[0]
        head.weight.data, head.bias.data = torch.from_numpy(case["weight"]), torch.from_numpy(case["bias"])
        x = torch.from_numpy(case["x"]).requires_grad_()
        chances = network(x)[1].sigmoid()
        close(chances, case["out"], VALUE)
        (chances * torch.from_numpy(case["upstream"])).sum().backward()
        close(x.grad, case["grad_x"], GRADIENT)
        close(head.weight.grad, case["grad_weight"], GRADIENT)
        close_array(np.zeros(1) if head.bias.grad is None else head.bias.grad.numpy(), case["grad_bias"], GRADIENT)


def test_supervised_contrast(folder: Path) -> None:
    for case in cases(np.load(folder / "supcon.npz")):
        features = torch.from_numpy(case["features"]).requires_grad_()
        label = torch.from_numpy(case["labels"]) if case["labels"].size else None
        loss = supervised_contrast(features, label, float(case["temperature"]))
        close(loss, case["loss"], VALUE)
        loss.backward()
        close(features.grad, case["grad"], GRADIENT)


def test_alignment(folder: Path) -> None:
    golden = np.load(folder / "align.npz")
    for case in cases({name: golden[name] for name in golden if name.startswith("case")}):
        before = torch.from_numpy(case["before"])
        close(aligned_heads(before, float(case["alpha"])), case["after"], ALIGNED)
        close(mean_cosine(before), case["mean_cosine"], VALUE)
    for stem in sorted({name.partition("/")[0] for name in golden if name.startswith("two")}):
        before = torch.from_numpy(golden[f"{stem}/before"])
        close(aligned_heads(before, float(golden[f"{stem}/alpha"])), golden[f"{stem}/after"], ALIGNED)
    heads = torch.from_numpy(golden["chain/before"])
    for after in golden["chain/after"]:
        heads = aligned_heads(heads, float(golden["chain/alpha"]))
        close(heads, after, ALIGNED)


@pytest.mark.parametrize("name", TRAINED)
def test_steps_of_training(folder: Path, fill: Fill, name: str) -> None:
    golden = np.load(folder / f"train_{name}.npz")
    changes, most = TRAINED[name]
    line = dict(zip(*[iter(golden["argv"].tolist())] * 2, strict=False))
    steps, epochs = len(golden["lr"]), int(line["--num_epochs"])
    method = filled(SAFASSettings(pretrained=False, normalize=False, heads=3, **{**settings(line), **changes}), fill)
    context = Watched(method, Drawn(fill, golden), steps_per_epoch=steps // epochs)
    skipped = () if method.config.scale is None else IDLE
    for number in range(steps if WHOLE else most):
        logs = context.run_step()
        at = f"step{number}/"
        assert context.rate == pytest.approx(golden["lr"][number], rel=1e-12)
        close(logs["loss_cls"], golden["loss_per_domain"][number].sum() / 3, VALUE)
        if method.config.contrastive_weight:
            close(logs["loss_con"] / method.config.contrastive_weight, golden["feat_loss"][number], VALUE)
        assert (golden["mean_cosine_before"][number] == -1) == (not context.turned)
        if context.turned:
            close(context.cosine, golden["mean_cosine_before"][number], GRADIENT)
        names = golden["param_names"].tolist()
        for key, theirs in zip(names, golden[f"{at}grad_summary"], strict=True):
            if not key.startswith(IDLE) or (method.config.scale is None and not key.startswith("proj.")):
                gradient = context.taken[key]
                assert (gradient is None) == bool(np.isnan(theirs).all()), (key, number)
                if gradient is not None:
                    close_array(summary(gradient.numpy()), theirs, GRADIENT)
        state = {to_reference(key): value for key, value in method.network.state_dict().items()}
        close_known(state, golden["state_names"], golden[f"{at}state_summary"], GRADIENT, exempt=(*skipped, "proj."))
        close(method.network.bias(), golden[f"{at}biases"], GRADIENT)
        if (number + 1) % (steps // epochs) == 0:
            epoch = (number + 1) * epochs // steps
            close(scores(method, fill, int(golden["n_test"])), golden[f"eval{epoch}/scores"], GRADIENT)
    if WHOLE:
        close(method.network.weight(), golden[f"step{steps - 1}/heads"], GRADIENT)
    evaluations = [gac(golden[f"eval{e}/scores"], golden[f"eval{e}/labels"]) for e in range(1, epochs + 1)]
    np.testing.assert_allclose(summed_up(evaluations), golden["summary"], atol=1e-9)


def settings(line: Mapping[str, str]) -> dict[str, Any]:
    """The settings that a published command line comes to."""
    values: dict[str, Any] = {"align_epoch": 20}
    ours = {
        "alpha": "--alpha",
        "contrastive_weight": "--feat_loss_weight",
        "temperature": "--temperature",
        "lr": "--base_lr",
    }
    values |= {key: float(line[option]) for key, option in ours.items() if option in line}
    values |= {
        key: int(line[option])
        for key, option in {"align_epoch": "--align_epoch", "lr_step_epochs": "--step_size"}.items()
        if option in line
    }
    if "--scale" in line:
        values["scale"] = None if line["--scale"] == "none" else float(line["--scale"])
    return values


def summed_up(evaluations: Sequence[Mapping[str, float]]) -> list[float]:
    """The published summary: the best epoch with its HTER and AUC, then mean and deviation over the last ten."""
    best, kept = 0, -np.inf
    for number, values in enumerate(evaluations, start=1):
        if values["AUC"] - values["HTER"] >= kept:
            best, kept = number, values["AUC"] - values["HTER"]
    line = [float(best), 100 * evaluations[best - 1]["HTER"], 100 * evaluations[best - 1]["AUC"]]
    for name in ("HTER", "AUC", "TPR@FPR5"):
        last = [values[name] for values in evaluations[-10:]]
        line += [100 * fmean(last), 100 * pstdev(last)]
    return [line[0], *(round(value, 2) for value in line[1:])]


def test_the_summary_takes_the_last_ten_and_the_later_of_equals() -> None:
    evaluations = [{"HTER": 0.5, "AUC": 0.5, "TPR@FPR5": 1.0} for _ in range(5)]
    evaluations += [{"HTER": 0.25 if k in (3, 7) else 0.5, "AUC": 0.75, "TPR@FPR5": k / 10} for k in range(10)]
    assert summed_up(evaluations) == [13.0, 25.0, 75.0, 45.0, 10.0, 75.0, 0.0, 45.0, 28.72]


class Drawn:
    """The batches of a golden run: for the items that it drew, two views of each."""

    def __init__(self, fill: Fill, golden: Mapping) -> None:
        self.fill, self.golden, self.number = fill, golden, -1
        counts = golden["counts"].tolist()
        self.items = [(domain, item) for domain, count in enumerate(counts) for item in range(count)]

    def __call__(self, domains: Sequence[int]) -> Batch:
        self.number += 1
        items = [self.items[number] for number in self.golden[f"step{self.number}/items"]]
        views = [
            {"rgb": torch.from_numpy(np.concatenate([self._image(item, view) for item in items]))} for view in (1, 2)
        ]
        label = torch.tensor([int(item % 3 == 0) for _, item in items])
        domain = torch.tensor([domain for domain, _ in items])
        return {"views": views, "modalities": views[0], "label": label, "domain": domain, "group": 2 * domain + label}

    def _image(self, item: tuple[int, int], view: int) -> np.ndarray:
        return self.fill.image(f"dom{item[0]}/item{item[1]}/view{view}", (1, 3, 64, 64))


class Watched(MemoryContext):
    """Keeps the gradients and the rate of a step, and the cosines of the heads before they are turned."""

    def __init__(self, method: SAFAS, drawn: Drawn, *, steps_per_epoch: int) -> None:
        super().__init__(method, drawn, steps_per_epoch=steps_per_epoch)
        self.taken: dict[str, Tensor | None] = {}
        self.rate, self.turned, self.cosine = 0.0, False, torch.zeros(())

    def step(self, name: str) -> None:
        named = {to_reference(k.removeprefix("network.")): p for k, p in self.method.named_parameters()}
        self.taken = {key: None if p.grad is None else p.grad.clone() for key, p in named.items()}
        self.rate = self.specs[name].optimizer.param_groups[0]["lr"]
        super().step(name)
        assert isinstance(self.method, SAFAS)
        align = self.method.config.align_epoch
        self.turned = align is not None and self.epoch > align
        self.cosine = self.method.cosine()


def scores(method: SAFAS, fill: Fill, count: int) -> Tensor:
    images = np.concatenate([fill.image(f"test/item{item}/view1", (1, 3, 64, 64)) for item in range(count)])
    with torch.no_grad():
        return method.eval().predict({"modalities": {"rgb": torch.from_numpy(images)}})


def filled(config: SAFASSettings, fill: Fill) -> SAFAS:
    method = SAFAS(config, n_domains=3, image_size=64).double()
    state = method.network.state_dict()
    method.network.load_state_dict(
        {k: torch.from_numpy(np.asarray(fill.tensor(to_reference(k), tuple(v.shape)))) for k, v in state.items()}
    )
    return method


def our(key: str) -> str:
    name = from_reference(key)
    assert name is not None
    return name


def close_known(
    tensors: Mapping[str, Tensor | None], names: np.ndarray, golden: np.ndarray, tolerance: float, *,
    exempt: tuple[str, ...] = (),
) -> None:  # fmt: skip
    """Compare summaries, but for the parts whose names begin with one of `exempt`."""
    compared = 0
    for name, theirs in zip(names.tolist(), golden, strict=True):
        if not name.startswith(exempt):
            tensor = tensors[name]
            assert tensor is not None, name
            close_array(summary(tensor.numpy()), theirs, tolerance)
            compared += 1
    assert compared > 20
