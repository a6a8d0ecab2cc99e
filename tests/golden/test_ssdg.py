"""SSDG against numbers made by running the published code (README beside the arrays)."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from fastrain.methods.base import Batch
from fastrain.methods.ssdg.method import SSDG, reversal
from fastrain.methods.ssdg.network import Discriminator, PlainTrunk, SSDGNetwork
from fastrain.methods.ssdg.published import from_reference, repeated, to_reference
from fastrain.methods.ssdg.settings import SSDGSettings
from fastrain.networks.contrast import every_triplet
from tests.fastrain.methods.memory_context import MemoryContext
from tests.golden.fill import Fill, summary
from tests.golden.location import ENVIRONMENT, golden_dir

FORWARD, GRADIENT = 1e-9, 1e-7
DISCRIMINATOR = {
    "hidden.weight": "fc1.weight", "hidden.bias": "fc1.bias",
    "outputs.weight": "fc2.weight", "outputs.bias": "fc2.bias",
}  # fmt: skip
PLAIN = {"feature_norm": "none", "weight_norm_axis": "none"}  # norm_flag False
TRAINED: dict[str, dict[str, Any]] = {
    "train_icm2o": {"lambda_triplet": 2.0, "lambda_adversarial": 0.1},
    "train_ocm2i_lr01": {"lr": 0.01},
    "train_oci2m_nonorm": PLAIN,
}


@pytest.fixture(scope="module")
def folder() -> Path:
    return golden_dir("ssdg")


@pytest.fixture(scope="module")
def fill(folder: Path) -> Fill:
    return Fill(json.loads((folder / "fill.json").read_text())["salt"])


# In this precision all of it takes minutes. By default one of SSDG-M's two images is scored and nothing of it trained,
# and of two of the trainings the first step is done.
WHOLE = bool(os.environ.get(ENVIRONMENT))
NETWORKS = {
    "resnet18": ("resnet18_64", (5, 3, 64, 64), {}),
    "maddg": ("maddg_256", (2, 3, 256, 256), {"trunk": "maddg"}),
}


@pytest.mark.parametrize("name", NETWORKS)
def test_the_network(folder: Path, fill: Fill, name: str) -> None:
    stem, shape, changes = NETWORKS[name]
    golden = np.load(folder / f"{stem}.npz")
    image = torch.from_numpy(fill.image(name, shape))
    network = filled(SSDGSettings(pretrained=False, **changes), fill).network
    names = [key for key in golden["keys"].tolist() if repeated(key) is None]
    assert sorted(names) == sorted(to_reference(key) for key in network.state_dict())
    assert [to_reference(our(key)) for key in names] == names

    rows = len(image) if WHOLE or name == "resnet18" else 1
    seen = Seen(network)
    with torch.no_grad():
        features, logits = network.eval()(image[:rows])
        close(features, golden["eval/norm/feature"][:rows], FORWARD)
        close(logits, golden["eval/norm/logits"][:rows], FORWARD)
        plain = filled(SSDGSettings(pretrained=False, **changes, **PLAIN), fill).network.eval()
        plain.trunk = nn.Identity()
        assert seen.pooled is not None
        features, logits = plain(seen.pooled)
        close(features, golden["eval/plain/feature"][:rows], FORWARD)
        close(logits, golden["eval/plain/logits"][:rows], FORWARD)
    close(network.classifier.weight, golden["eval/classifier_weight_after"], FORWARD)
    if rows < len(image):
        return
    assert seen.maps is not None and list(seen.maps.shape) == golden["eval/backbone_shape"].tolist()
    close_array(summary(seen.maps.numpy()), golden["eval/backbone_summary"], FORWARD)

    network = filled(SSDGSettings(pretrained=False, **changes), fill).network.train()
    network.dropout = Masks(fill, golden["train/dropout_names"].tolist())
    features, logits = network(image)
    close(logits, golden["train/logits"], FORWARD)
    close(features, golden["train/feature"], FORWARD)
    upstream = torch.from_numpy(2 * fill.u(f"upstream:{name}", tuple(features.shape)) - 1)
    loss = logits.square().sum() + 0.01 * (features * upstream).sum() + logits[:, 1].sum()
    close(loss, golden["train/loss"], FORWARD)
    loss.backward()
    gradients = {to_reference(key): parameter.grad for key, parameter in network.named_parameters()}
    assert sorted(gradients) == sorted(golden["param_names"].tolist())
    close_summaries(gradients, golden["train/grad_names"], golden["train/grad_summary"], GRADIENT)
    state = {to_reference(key): value for key, value in network.state_dict().items()}
    close_summaries(state, golden["train/bn_names"], golden["train/bn_summary"], FORWARD)


def test_the_network_at_full_size(folder: Path, fill: Fill) -> None:
    golden = np.load(folder / "resnet18_256.npz")
    network = filled(SSDGSettings(pretrained=False), fill).network.eval()
    seen = Seen(network)
    with torch.no_grad():
        features, logits = network(torch.from_numpy(fill.image("resnet18_256", (1, 3, 256, 256))))
    close(features, golden["feature"], FORWARD)
    close(logits, golden["logits"], FORWARD)
    assert seen.maps is not None and list(seen.maps.shape) == golden["backbone_shape"].tolist()
    close_array(summary(seen.maps.numpy()), golden["backbone_summary"], FORWARD)


def test_the_classifier(folder: Path, fill: Fill) -> None:
    for number, case in enumerate(cases(np.load(folder / "classifier.npz"))):
        axis = "class" if case["norm"] else "none"
        network = SSDGNetwork(
            nn.Identity(), 512, 512, dropout=0, feature_norm="none", weight_norm_axis=axis
        ).double()  # fmt: skip
        head = network.classifier
        for name, parameter in head.named_parameters():
            key = f"head{number}.{to_reference(f'classifier.{name}').removeprefix('classifier.')}"
            parameter.data = torch.from_numpy(fill.tensor(key, tuple(parameter.shape)))
        network.project()
        x = torch.from_numpy(2 * fill.u(f"headx{number}", (3, 512)) - 1).requires_grad_()
        logits = head(x)
        close(logits, case["logits"], FORWARD)
        close(head.weight, case["weight_after"], FORWARD)
        (logits * torch.from_numpy(2 * fill.u(f"headup{number}", (3, 2)) - 1)).sum().backward()
        close(head.weight.grad, case["grad_weight"], GRADIENT)
        close(head.bias.grad, case["grad_bias"], GRADIENT)
        close(x.grad, case["grad_x"], GRADIENT)


def test_triplets(folder: Path) -> None:
    compared = 0
    for case in cases(np.load(folder / "triplet.npz")):
        if case["hardest"] or case["squared"]:
            continue  # variants that the published training never uses, and we do not have
        feature = torch.from_numpy(case["feature"]).requires_grad_()
        label = torch.from_numpy(case["label"]).long()
        loss = every_triplet(feature, label, int(label.max()) + 1, float(case["margin"]))
        close(loss, case["loss"], FORWARD)
        loss.backward()
        close(feature.grad, case["grad"], GRADIENT)
        compared += 1
    assert compared >= 7


def test_discriminator_and_reversal(folder: Path, fill: Fill) -> None:
    golden = np.load(folder / "adversarial.npz")
    known = {key: golden[key] for key in golden if key.startswith("case")}
    for number, case in enumerate(cases(known)):
        counts = case["counts"].tolist()
        discriminator = Discriminator(512, 3, dropout=0.5).double()
        state = discriminator.state_dict()
        discriminator.load_state_dict(
            {k: torch.from_numpy(fill.tensor(f"ad.{DISCRIMINATOR[k]}", tuple(v.shape))) for k, v in state.items()}
        )
        discriminator.dropout = Masks(fill, [str(case["dropout_name"])])
        live = torch.from_numpy(fill.u(f"advf{number}", (sum(counts), 512))).requires_grad_()
        logits = discriminator(live, reversal(int(case["iter_after"]), 4000))
        loss = F.cross_entropy(logits, torch.arange(3).repeat_interleave(torch.tensor(counts)))
        close(logits, case["out"], FORWARD)
        close(loss, case["loss"], FORWARD)
        loss.backward()
        assert live.grad is not None
        close(live.grad[:, ::16], case["grad_feature"], GRADIENT)
        close_array(summary(live.grad.numpy()), case["grad_feature_summary"], GRADIENT)
        gradients = {DISCRIMINATOR[key]: parameter.grad for key, parameter in discriminator.named_parameters()}
        close_summaries(gradients, np.array(list(DISCRIMINATOR.values())), case["grad_summary"], GRADIENT)
    strengths = [reversal(int(iteration), 4000) for iteration in golden["grl_iter"]]
    close_array(np.array(strengths), golden["grl_coeff"], FORWARD)
    two = torch.arange(2).repeat_interleave(torch.from_numpy(golden["limited/counts"]))
    close(F.cross_entropy(torch.from_numpy(golden["limited/out"]), two), golden["limited/loss"], FORWARD)


@pytest.mark.parametrize("stem", TRAINED)
def test_steps_of_training(folder: Path, fill: Fill, stem: str) -> None:
    golden = np.load(folder / f"{stem}.npz")
    method = filled(SSDGSettings(pretrained=False, **TRAINED[stem]), fill, discriminator="ad_real.")
    context = Watched(method, Streams(fill, golden))
    for number in range(3 if WHOLE or stem == "train_icm2o" else 1):
        at = f"iter{number}/"
        names = golden[f"{at}dropout_names"].tolist()
        method.network.dropout, method.discriminator.dropout = (Masks(fill, [name]) for name in names)
        rates = [group["lr"] for group in context.specs["all"].optimizer.param_groups]
        logs = context.run_step()
        np.testing.assert_allclose(rates, golden[f"{at}lr"][: len(rates)], rtol=1e-12)
        assert context.iteration == golden[f"{at}grl_iter"]
        for ours, theirs in {"loss_cls": "cls", "loss_triplet": "triplet", "loss_adv": "adv"}.items():
            close(logs[ours], golden[at + theirs], GRADIENT)
        close(context.logits, golden[f"{at}logits"], GRADIENT)
        assert context.features is not None
        close_array(summary(context.features.numpy()), golden[f"{at}feature_summary"], GRADIENT)
        wanted = golden["param_names"]
        for kind, tensors in {"grad": context.taken, "param": context.after, "momentum": context.momentum}.items():
            close_summaries(tensors, wanted, golden[f"{at}{kind}_summary"], GRADIENT)
        close(context.after["net.classifier.classifier_layer.weight"], golden[f"{at}classifier_weight"], GRADIENT)
        close(context.after["net.classifier.classifier_layer.bias"], golden[f"{at}classifier_bias"], GRADIENT)
        state = {to_reference(key): value for key, value in method.network.state_dict().items()}
        close_summaries(state, golden["bn_names"], golden[f"{at}bn_summary"], GRADIENT)


class Masks(nn.Module):
    """Dropout of one half with masks made by the fill rule, one name a call."""

    def __init__(self, fill: Fill, names: Sequence[str]) -> None:
        super().__init__()
        self.fill, self.names = fill, list(names)

    def forward(self, x: Tensor) -> Tensor:
        return x * torch.from_numpy(2.0 * (self.fill.u(self.names.pop(0), tuple(x.shape)) >= 0.5))


class Seen:
    """What comes out of the trunk, and of the published `backbone`: three stages, or ten convolutions."""

    def __init__(self, network: SSDGNetwork) -> None:
        self.maps: Tensor | None = None
        self.pooled: Tensor | None = None
        trunk = network.trunk
        after = trunk.convolutions[10] if isinstance(trunk, PlainTrunk) else trunk.layer4
        after.register_forward_pre_hook(lambda module, given: setattr(self, "maps", given[0].detach()))
        trunk.register_forward_hook(lambda module, given, pooled: setattr(self, "pooled", pooled.detach()))


class Streams:
    """The batches of a golden run: for each domain bona fide then attack images, of the indices that it drew."""

    def __init__(self, fill: Fill, golden: Mapping) -> None:
        self.fill, self.golden, self.number = fill, golden, -1

    def __call__(self, domains: Sequence[int]) -> Batch:
        self.number += 1
        images, labels, numbers = [], [], []
        for domain in domains:
            for label, kind in ((1, "real"), (0, "fake")):
                stream = f"dom{domain}/{kind}"
                index = self.golden[f"iter{self.number}/index/{stream}"]
                size = {"real": (4, 3, 5), "fake": (5, 7, 3)}[kind][domain]
                images.append(torch.from_numpy(self.fill.image(stream, (size, 3, 64, 64)))[index])
                labels += [label] * len(index)
                numbers += [domain] * len(index)
        return {
            "modalities": {"rgb": torch.cat(images)},
            "label": torch.tensor(labels),
            "domain": torch.tensor(numbers),
        }


class Watched(MemoryContext):
    """Keeps what a step saw, and what it left before the classifier's weights were brought back."""

    features: Tensor | None = None
    logits: Tensor | None = None

    def __init__(self, method: SSDG, streams: Streams) -> None:
        super().__init__(method, streams)
        self.taken: dict[str, Tensor] = {}
        self.after: dict[str, Tensor] = {}
        self.momentum: dict[str, Tensor] = {}
        self.gathering = 0

    def gathered(self, tensor: Tensor) -> Tensor:
        if tensor.is_floating_point() and tensor.shape[1] == 2:
            self.logits = tensor.detach()
        elif tensor.is_floating_point():
            self.features = tensor.detach()
        return tensor

    def step(self, name: str) -> None:
        named = {published(key): parameter for key, parameter in self.method.named_parameters()}
        self.taken = {key: parameter.grad.clone() for key, parameter in named.items()}
        super().step(name)
        self.after = {key: parameter.detach().clone() for key, parameter in named.items()}
        states = self.specs[name].optimizer.state
        self.momentum = {key: states[parameter]["momentum_buffer"] for key, parameter in named.items()}


def published(key: str) -> str:
    part, _, rest = key.partition(".")
    return f"net.{to_reference(rest)}" if part == "network" else f"ad_real.{DISCRIMINATOR[rest]}"


def our(key: str) -> str:
    name = from_reference(key)
    assert name is not None
    return name


def filled(config: SSDGSettings, fill: Fill, *, discriminator: str = "") -> SSDG:
    """Return a method whose networks hold what the fill rule gives to the published names."""
    method = SSDG(config, n_domains=3, image_size=64).double()
    network = method.network
    network.load_state_dict(
        {
            k: torch.from_numpy(fill.tensor(f"net.{to_reference(k)}", tuple(v.shape)))
            for k, v in network.state_dict().items()
        }
    )
    network.project()
    if discriminator:
        state = method.discriminator.state_dict()
        method.discriminator.load_state_dict(
            {
                k: torch.from_numpy(fill.tensor(discriminator + DISCRIMINATOR[k], tuple(v.shape)))
                for k, v in state.items()
            }
        )
    return method


def cases(golden: Mapping) -> Iterator[dict[str, np.ndarray]]:
    """Yield the arrays of `case0/…`, `case1/…` one case after the other."""
    numbers = sorted({int(name.partition("/")[0].removeprefix("case")) for name in golden})
    assert numbers
    for number in numbers:
        prefix = f"case{number}/"
        yield {name.removeprefix(prefix): golden[name] for name in golden if name.startswith(prefix)}


def close(tensor: Tensor | None, golden: np.ndarray, tolerance: float) -> None:
    assert tensor is not None
    close_array(tensor.detach().numpy(), golden, tolerance)


def close_array(values: np.ndarray, golden: np.ndarray, tolerance: float) -> None:
    assert values.shape == golden.shape
    np.testing.assert_allclose(values, golden, rtol=tolerance, atol=tolerance)


def close_summaries(
    tensors: Mapping[str, Tensor | None], names: np.ndarray, golden: np.ndarray, tolerance: float
) -> None:
    values = []
    for name in names:
        tensor = tensors[str(name)]
        assert tensor is not None, name
        values.append(summary(tensor.numpy()))
    close_array(np.stack(values), golden, tolerance)
