"""HFN_MP against numbers made by running the published code (README beside the arrays)."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from fastrain.methods.base import Batch
from fastrain.methods.hfn_mp import method as losses
from fastrain.methods.hfn_mp.method import HFNMP
from fastrain.methods.hfn_mp.network import PatternExtractor
from fastrain.methods.hfn_mp.published import from_reference, to_reference
from fastrain.methods.hfn_mp.settings import HFNMPSettings
from tests.fastrain.methods.memory_context import MemoryContext
from tests.golden.fill import Fill, summary
from tests.golden.location import golden_dir

FORWARD = 1e-9
GRADIENT = 1e-7
FIRST_LOSS = 1e-10
AFTER_ITERATION = (1e-7, 1e-6)
PUBLISHED = {"trunk": "resnet50.tv_in1k", "pretrained": False, "replicate_buffers": True}


@pytest.fixture(scope="module")
def folder() -> Path:
    return golden_dir("hfn_mp")


@pytest.fixture(scope="module")
def settings(folder: Path) -> dict:
    return json.loads((folder / "fill.json").read_text())


@pytest.fixture(scope="module")
def fill(settings: dict) -> Fill:
    return Fill(settings["salt"])


@pytest.fixture(scope="module")
def built() -> HFNMP:
    """One network for the whole module: building and filling 62 million float64 numbers is most of the time."""
    return HFNMP(HFNMPSettings(**PUBLISHED), n_domains=3, image_size=64).double()


@pytest.fixture(scope="module")
def start(built: HFNMP, fill: Fill) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    return filled(built.extractor, fill, "extractor."), filled(built.hfn, fill, "hfn.", to_reference)


@pytest.fixture
def method(built: HFNMP, start: tuple[dict[str, Tensor], dict[str, Tensor]]) -> HFNMP:
    """The network of the module, as the fill rule starts it."""
    built.extractor.load_state_dict(start[0])
    built.hfn.load_state_dict(start[1])
    built.requires_grad_(True).zero_grad(set_to_none=True)
    built.hfn.normalize_pattern = True
    return built


def test_every_published_tensor_has_its_place(method: HFNMP, folder: Path) -> None:
    names = np.load(folder / "hfn_forward_64.npz")["norm/train/state_names"].tolist()
    ours = [to_reference(key) for key in method.hfn.state_dict() if not key.endswith("num_batches_tracked")]
    assert sorted(ours) == sorted(names)
    assert [to_reference(from_reference(name)) for name in names] == names
    assert sum(parameter.numel() for parameter in method.hfn.parameters()) == 62_126_467
    assert len(list(method.hfn.parameters())) == 352
    assert len(method.hfn.state_dict()) == 670
    assert sum(parameter.numel() for parameter in method.extractor.parameters()) == 702
    assert len(method.extractor.state_dict()) == 28


def test_pattern_extractor(folder: Path, fill: Fill) -> None:
    golden = np.load(folder / "pattern_extractor.npz")
    extractor = PatternExtractor().double()
    extractor.load_state_dict(filled(extractor, fill, "extractor."))
    made = fill.image("extractor", (2, 3, 9, 11)).round(6)
    np.testing.assert_array_equal(made, golden["input"])
    image = torch.from_numpy(made).requires_grad_()

    with torch.no_grad():
        for name, output in zip(("pattern", "reconstruction"), extractor.eval()(image, reconstruct=True), strict=True):
            close(output, golden[f"eval/{name}"], FORWARD)

    pattern, reconstruction = extractor.train()(image, reconstruct=True)
    close(pattern, golden["train/pattern"], FORWARD)
    close(reconstruction, golden["train/reconstruction"], FORWARD)
    loss = (
        pattern.square().mean()
        + 0.5 * losses.reconstruction_loss(reconstruction, image)
        + 0.1 * (pattern * image).sum()
    )
    close(loss, golden["train/loss"], FORWARD)
    loss.backward()
    close(image.grad, golden["train/grad_input"], GRADIENT)
    for key, parameter in extractor.named_parameters():
        close(parameter.grad, golden[f"train/grad/{key}"], GRADIENT)
    for key, buffer in extractor.named_buffers():
        close(buffer, golden[f"train/buffer_after/{key}"], FORWARD)


@pytest.mark.parametrize("kind", ["norm", "nonorm"])
def test_fusion_network(method: HFNMP, folder: Path, fill: Fill, kind: str) -> None:
    golden = np.load(folder / "hfn_forward_64.npz")
    hfn = method.hfn
    hfn.normalize_pattern = kind == "norm"
    image = torch.from_numpy(fill.image("hfn_rgb", (2, 3, 64, 64)))
    pattern = torch.from_numpy(fill.image("hfn_tex", (2, 3, 64, 64))).requires_grad_()
    with torch.no_grad():
        maps, logits = hfn.eval()(image, pattern)
        p3, p7 = hfn.fused(image, pattern)
    close(maps, golden[f"{kind}/eval/map"], FORWARD)
    close(logits, golden[f"{kind}/eval/cls"], FORWARD)
    if f"{kind}/eval/p3_every16th_channel" in golden:
        close(p3[:, ::16], golden[f"{kind}/eval/p3_every16th_channel"], FORWARD)
        close(p7, golden[f"{kind}/eval/p7"], FORWARD)

    maps, logits = hfn.train()(image, pattern)
    close(maps, golden[f"{kind}/train/map"], FORWARD)
    close(logits, golden[f"{kind}/train/cls"], FORWARD)
    if f"{kind}/train/grad_names" not in golden:
        return
    label = torch.tensor([1, 0])
    map_loss, class_loss = losses.map_loss(maps, label), losses.class_loss(logits, label)
    close(map_loss, golden[f"{kind}/train/mse"], FORWARD)
    close(class_loss, golden[f"{kind}/train/ce"], FORWARD)
    close_summaries(
        hfn.state_dict(),
        golden[f"{kind}/train/state_names"],
        golden[f"{kind}/train/state_summary_after_forward"],
        FORWARD,
    )
    (map_loss + class_loss).backward()
    gradients = {key: parameter.grad for key, parameter in hfn.named_parameters()}
    close_summaries(gradients, golden[f"{kind}/train/grad_names"], golden[f"{kind}/train/grad_summary"], GRADIENT)
    assert pattern.grad is not None
    close(summary(pattern.grad.numpy()), golden[f"{kind}/train/grad_tex_summary"], GRADIENT)
    close(pattern.grad[:, :, 20:28, 20:28], golden[f"{kind}/train/grad_tex_patch"], GRADIENT)


def test_fusion_network_at_full_size(method: HFNMP, folder: Path, fill: Fill) -> None:
    golden = np.load(folder / "hfn_forward_256.npz")
    image, pattern = (torch.from_numpy(fill.image(name, (1, 3, 256, 256))) for name in ("hfn256_rgb", "hfn256_tex"))
    with torch.no_grad():
        maps, logits = method.hfn.eval()(image, pattern)
    close(maps, golden["map"], FORWARD)
    close(logits, golden["cls"], FORWARD)


def test_score_fusion(folder: Path) -> None:
    golden = np.load(folder / "score_fusion.npz")
    maps, logits, label = (torch.from_numpy(golden[name]) for name in ("maps", "logits", "labels"))
    parts = losses.score_parts(maps, logits)
    close(parts["map"], golden["score_map"], FORWARD)
    close(parts["cls"], golden["score_cls"], FORWARD)
    close(losses.fused_score(parts), golden["score_fused"], FORWARD)
    np.testing.assert_array_equal(label.numpy(), golden["score_gt"])
    batches = [
        (2 * losses.map_loss(m, y) + losses.class_loss(z, y)) / 2
        for m, z, y in zip(maps.split(4), logits.split(4), label.split(4), strict=True)
    ]
    close(torch.stack(batches).mean(), golden["avg_loss_logged"], FORWARD)


TRAINED = {
    "meta_train_sgd": {"optimiser": "sgd", "meta_lr": 0.001, "inner_loops": 2, "momentum": 0.9},
    "meta_train_adam": {"optimiser": "adam", "meta_lr": 0.0005, "inner_loops": 1},
    "sync_sgd": {"mode": "sync", "optimiser": "sgd", "init_lr": 0.001, "momentum": 0.9},
}


@pytest.mark.parametrize("name", TRAINED)
def test_two_iterations_of_training(
    method: HFNMP, folder: Path, fill: Fill, settings: dict, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    golden = np.load(folder / f"{name}.npz")
    config = HFNMPSettings(**PUBLISHED, **TRAINED[name])
    monkeypatch.setattr(method, "config", config)
    streams = GoldenStreams(fill)
    context = MemoryContext(method, streams)
    context.python_random = random.Random(settings["domain_shuffle_seed"])
    seen = record_losses(monkeypatch)

    losses_until = []
    for k, tolerance in enumerate(AFTER_ITERATION):
        context.drawn.clear()
        context.run_step()
        losses_until.append({kind: len(values) for kind, values in seen.items()})
        assert context.drawn == published_draws(str(golden[f"iter{k}/description"]), config)
        close_extractor(method.extractor, golden, k, config)
        state = method.hfn.state_dict()
        for key in (key for key in golden if key.startswith(f"iter{k}/hfn_full/")):
            close(state[from_reference(key.split("/", 2)[2])], golden[key], tolerance)
        close_summaries(state, golden["hfn_names"], golden[f"iter{k}/hfn_summary"], tolerance)

    np.testing.assert_array_equal(streams.batches, golden["batches_drawn"])
    for kind in np.unique(golden["losses_kind"]):
        expected = golden["losses_value"][golden["losses_kind"] == kind]
        second = losses_until[0][kind]
        close(np.array(seen[kind][:1]), expected[:1], FIRST_LOSS)
        close(np.array(seen[kind][:second]), expected[:second], AFTER_ITERATION[0])
        close(np.array(seen[kind][second:]), expected[second:], AFTER_ITERATION[1])


class GoldenStreams:
    """The endless streams of a golden run: two images a batch, one stream for every domain and class."""

    def __init__(self, fill: Fill) -> None:
        self.fill = fill
        self.batches = np.zeros((3, 2), np.int64)

    def __call__(self, domains: Sequence[int]) -> Batch:
        images, labels = [], []
        for domain in domains:
            for label in (1, 0):
                name = f"dom{domain}/cls{label}/batch{self.batches[domain, label]}"
                images.append(torch.from_numpy(self.fill.image(name, (2, 3, 64, 64))))
                labels += [label, label]
                self.batches[domain, label] += 1
        return {"modalities": {"rgb": torch.cat(images)}, "label": torch.tensor(labels)}


def record_losses(monkeypatch: pytest.MonkeyPatch) -> dict[str, list[float]]:
    """Return a table that fills with the value of every loss call, by the kind's name in the golden arrays."""
    seen: dict[str, list[float]] = {"mse4": [], "mse3": [], "ce": []}

    def recorder(kind: str, function: Callable[..., Tensor]) -> Callable[..., Tensor]:
        def recorded(*args: Tensor) -> Tensor:
            value = function(*args)
            seen[kind].append(value.item())
            return value

        return recorded

    for kind, name in (("mse4", "reconstruction_loss"), ("mse3", "map_loss"), ("ce", "class_loss")):
        monkeypatch.setattr(losses, name, recorder(kind, getattr(losses, name)))
    return seen


def published_draws(description: str, config: HFNMPSettings) -> list[tuple[int, ...]]:
    """Return the draws of one iteration; in meta training the description tells the domains as two lists."""
    if config.mode == "sync":
        return [(0, 1, 2)]
    lists = re.findall(r"\[([\d, ]*)\]", description)
    meta_train, meta_test = (tuple(int(domain) for domain in text.split(",")) for text in lists)
    return [meta_test] * config.inner_loops + [meta_train]


def close_extractor(extractor: PatternExtractor, golden: Mapping, k: int, config: HFNMPSettings) -> None:
    """Compare every tensor of the extractor after iteration `k`.

    A bias in front of a batch norm has no gradient but rounding noise, which Adam blows up to whole steps: such a bias,
    and the running mean that contains it, can be compared to the length of those steps only.
    """
    state, start = extractor.state_dict(), 0
    for name in golden["extractor_names"]:
        expected = golden[f"iter{k}/extractor"][start : start + state[name].numel()]
        noisy = config.optimiser == "adam" and re.search(r"\.[03]\.bias|running_mean", name)
        steps = 2 * (k + 1) * config.meta_lr * config.inner_loops
        np.testing.assert_allclose(
            state[name].numpy().ravel(), expected, rtol=AFTER_ITERATION[k], atol=steps if noisy else AFTER_ITERATION[k]
        )
        start += expected.size
    assert start == golden[f"iter{k}/extractor"].size


def close(ours: Tensor | np.ndarray, golden: np.ndarray, tolerance: float) -> None:
    values = ours.detach().numpy() if isinstance(ours, Tensor) else ours
    assert values.shape == golden.shape
    np.testing.assert_allclose(values, golden, rtol=tolerance, atol=tolerance)


def close_summaries(tensors: Mapping[str, Tensor], names: np.ndarray, golden: np.ndarray, tolerance: float) -> None:
    close(np.stack([summary(tensors[from_reference(str(name))].numpy()) for name in names]), golden, tolerance)


def filled(
    module: nn.Module, fill: Fill, prefix: str, published: Callable[[str], str] = lambda key: key
) -> dict[str, Tensor]:
    """Return the state of `module` that the fill rule gives to the published names of its tensors."""
    return {
        key: torch.from_numpy(fill.tensor(prefix + published(key), tuple(value.shape)))
        for key, value in module.state_dict().items()
    }
