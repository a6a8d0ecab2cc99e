"""FLIP's networks, losses and training steps against numbers made by running the published code (README beside them).

The network at its full size (ViT-B/16) runs once for the whole module.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from fastrain.conformance.memory_context import MemoryContext
from fastrain.methods.flip import method as flip
from fastrain.methods.flip.method import FLIP
from fastrain.methods.flip.network import ClassifiedTower, Classifier, Embedder, SentenceCLIP
from fastrain.methods.flip.published import UNREAD, VOCABULARY, from_reference, to_reference
from fastrain.methods.flip.settings import FLIPSettings, Head
from fastrain.networks.clip import class_tokens, tokenized
from fastrain.networks.two_views import unit
from tests.golden.fill import summary
from tests.golden.location import golden_dir
from tests.golden.parts_flip import (
    ROWS,
    FillFLIP,
    arrays,
    batch_of,
    close,
    filled,
    gradients,
    method_of,
    published_shape,
    same_summaries,
)

NOTHING = {"pretrained": False}


@pytest.fixture(scope="module")
def folder() -> Path:
    return golden_dir("flip")


@pytest.fixture(scope="module")
def fill(folder: Path) -> FillFLIP:
    return FillFLIP(json.loads((folder / "fill.json").read_text())["salt"])


def context(method: FLIP, batch: dict[str, Any] | None = None) -> MemoryContext:
    return MemoryContext(method, lambda domains: batch or {})


def same_state(method: FLIP, golden: dict[str, np.ndarray]) -> None:
    """Check names and shapes of the published state: all of it has a place here, or is known to be needless."""
    ours = {to_reference(key): published_shape(key, value) for key, value in method.state_dict().items()}
    ours.pop(None, None)
    theirs = dict(zip(golden["state_names"].tolist(), golden["state_shapes"].tolist(), strict=True))
    for name, shape in theirs.items():
        assert from_reference(name) is None or str(ours.pop(name)) == shape, name
    assert not ours


def test_sentences_are_tokenised_as_published(folder: Path) -> None:
    golden, text = arrays(folder, "prompts"), FLIPSettings(pretrained=False).text
    sentences = [*text.attack, *text.bonafide]
    assert sentences == golden["sentences"].tolist()
    tokens = tokenized(sentences)
    np.testing.assert_array_equal(tokens, golden["tokens"])
    np.testing.assert_array_equal(tokens.argmax(dim=1), golden["end"])


def test_images_against_sentences(folder: Path, fill: FillFLIP) -> None:
    golden, method = arrays(folder, "flip_it_tiny"), method_of(fill, "it")
    same_state(method, golden)
    network, label = method.network, torch.from_numpy(golden["labels"])
    images = fill.picture("flip_it/eval", (4, 3, 32, 32))
    features, sentences = network(method._normalized(images))
    sentences = sentences.flatten(0, 1)
    close(sentences[:, ::8], golden["text_raw"])
    close(features[:, ::8], golden["image_raw"])
    for ours, name in ((sentences, "text_raw_summary"), (features, "image_raw_summary")):
        for row, expected in zip(ours.detach().numpy(), golden[name], strict=True):
            np.testing.assert_allclose(summary(row), expected, rtol=0, atol=1e-10 * expected[1])
    with torch.no_grad():
        close(method.predict({"modalities": {"rgb": images}}), golden["score"])
        close(method.log_odds({"modalities": {"rgb": images}}), golden["logits"] @ [-1, 1])
    loss = method.terms(images, label, context(method))["cls"]
    close(loss, golden["ce"])
    loss.backward()
    same_summaries(gradients(method), golden["grad_names"], golden["grad_summary"], set())
    assert not golden["grad_is_none"].any()
    words = network.clip.token_embedding.weight.grad.abs().sum(dim=1) > 0
    np.testing.assert_array_equal(network.words[words], golden["token_rows_with_grad"])
    places = network.clip.positional_embedding.grad.abs().sum(dim=1).nonzero().flatten()
    np.testing.assert_array_equal(places, golden["position_rows_with_grad"])


def test_three_losses_of_one_batch(folder: Path, fill: FillFLIP, monkeypatch: pytest.MonkeyPatch) -> None:
    golden = arrays(folder, "flip_mcl_tiny")
    method = method_of(fill, "mcl", projection_width=64, projection_out=16)
    same_state(method, golden)
    views = [fill.picture(f"flip_mcl/{name}", (6, 3, 32, 32)) for name in ("base", "view1", "view2")]
    with torch.no_grad():
        close(method.predict({"modalities": {"rgb": views[0]}}), golden["eval_score"])
        close(method.log_odds({"modalities": {"rgb": views[0]}}), golden["eval_logits"] @ [-1, 1])
    monkeypatch.setattr(flip, "drawn_sentences", lambda *_, **__: torch.from_numpy(golden["pair_1"]))
    seen: list[Tensor] = []
    contrast = flip.contrast

    def noted(first: Tensor, second: Tensor, temperature: float) -> Tensor:
        seen.append(unit(torch.cat([first, second])).detach())
        return contrast(first, second, temperature)

    monkeypatch.setattr(flip, "contrast", noted)
    method.train()
    terms = method.terms(torch.cat(views), torch.from_numpy(golden["labels"]), context(method))
    for name, value in terms.items():
        close(value, golden[name])
    total = sum(terms.values())
    close(total, golden["total"])
    rows = (seen[0] @ seen[0].T / 0.1).numpy()
    for number, expected in enumerate(golden["logits_ssl"]):
        partner = (number + 6) % 12
        close([rows[number, k] for k in [partner, *(k for k in range(12) if k not in (number, partner))]], expected)
    assert isinstance(total, Tensor)
    total.backward()
    same_summaries(gradients(method), golden["grad_names"], golden["grad_summary"], set())
    same_norms(method, golden["bn_names"], golden["bn_after"])


def same_norms(method: FLIP, names: np.ndarray, theirs: np.ndarray) -> None:
    state = method.state_dict()
    for name, expected in zip(names.tolist(), theirs, strict=True):
        key = from_reference(name)
        assert key is not None
        np.testing.assert_allclose(summary(state[key].numpy()), expected, rtol=0, atol=1e-10 * max(1, expected[1]))


def test_a_classifier_on_the_image_tower(folder: Path, fill: FillFLIP) -> None:
    golden, method = arrays(folder, "flip_v_tiny"), method_of(fill, "v")
    same_state(method, golden)
    network = method.network
    assert isinstance(network, ClassifiedTower)
    images, label = fill.picture("flip_v/eval", (4, 3, 32, 32)), torch.from_numpy(golden["labels"])
    close(network.classifier.weight, golden["weight_before"])
    with torch.no_grad():
        tokens = class_tokens(network.visual, method._normalized(images))
        close(tokens[:, ::8], golden["backbone"])
        for row, expected in zip(tokens.numpy(), golden["backbone_summary"], strict=True):
            np.testing.assert_allclose(summary(row), expected, rtol=0, atol=1e-10 * expected[1])
        close(network.embedder(tokens), golden["eval_feature"])
        close(network(method._normalized(images)), golden["eval_logits"])
        close(method.predict({"modalities": {"rgb": images}}), golden["eval_score"])
    close(network.classifier.weight, golden["weight_before"])  # scoring leaves no trace, unlike the published code
    close(method.log_odds({"modalities": {"rgb": images}}), golden["eval_logits"] @ [-1, 1])
    method.train()
    network.embedder.dropout = Kept(golden["train_kept"])
    logits: list[Tensor] = []
    network.classifier.register_forward_hook(lambda *given: logits.append(given[2]))
    loss = method.terms(images, label, context(method))["cls"]
    close(network.classifier.weight, golden["weight_after"])
    close(logits[0], golden["train_logits"])
    close(loss, golden["ce"])
    loss.backward()
    same_summaries(gradients(method), golden["grad_names"], golden["grad_summary"], {UNREAD})
    assert golden["grad_names"][golden["grad_is_none"]].tolist() == [UNREAD]


class Kept(nn.Module):
    """Dropout of stored places."""

    def __init__(self, packed: np.ndarray) -> None:
        super().__init__()
        self.kept = torch.from_numpy(np.unpackbits(packed, axis=1)).double() * 2

    def forward(self, x: Tensor) -> Tensor:
        return x * self.kept


def test_embedder_and_classifier_alone(folder: Path, fill: FillFLIP) -> None:
    golden = arrays(folder, "flip_v_tiny")
    embedder, classifier = Embedder(768, Head()).double().eval(), Classifier(512, normed=True).double().eval()
    for layer, name in ((embedder.fc, "bottleneck_layer_fc"), (classifier, "classifier_layer")):
        for part in ("weight", "bias"):
            weight = getattr(layer, part)
            weight.data = torch.from_numpy(fill.tensor(f"head/{name}.{part}", tuple(weight.shape)))
    given = torch.from_numpy(2 * fill.u("head/input", (3, 768)) - 1)
    given[1] *= 50
    given.requires_grad_()
    upstream = torch.from_numpy(2 * fill.u("head/upstream", (3, 2)) - 1)
    feature = embedder(given)
    logits = classifier(feature)
    close(feature, golden["head_feature"])
    close(logits, golden["head_logits"])
    (logits * upstream).sum().backward()
    assert given.grad is not None and embedder.fc.weight.grad is not None and classifier.weight.grad is not None
    close(given.grad[:, ::8], golden["head_grad_input"], 1e-9)
    expected = golden["head_grad_fc"]
    np.testing.assert_allclose(summary(embedder.fc.weight.grad.numpy()), expected, rtol=0, atol=1e-9 * expected[1])
    close(classifier.weight.grad, golden["head_grad_classifier"], 1e-9)
    classifier.train()(feature.detach())  # the weights stay overwritten, as published
    embedder.normed = classifier.normed = False
    close(classifier(embedder(given)), golden["head_logits_norm_off"])
    embedder.normed = True
    with torch.no_grad():
        embedder.fc.weight.zero_(), embedder.fc.bias.fill_(-1)
    close(embedder(given), golden["dead_feature"])


@pytest.mark.parametrize("case", range(4))
def test_losses_of_given_features(case: int, folder: Path, fill: FillFLIP, monkeypatch: pytest.MonkeyPatch) -> None:
    golden = {key.removeprefix(f"case{case}/"): value for key, value in arrays(folder, "losses").items()}
    monkeypatch.setattr(flip, "drawn_sentences", lambda *_, **__: torch.from_numpy(golden["pair_1"]))
    label = torch.from_numpy(golden["labels"])
    shapes = {"image": len(label), "view1": len(label), "view2": len(label), "spoof_text": 6, "real_text": 6}
    given = {
        name: torch.from_numpy(2 * fill.u(f"loss{case}/{name}", (n, 512)) - 1).requires_grad_()
        for name, n in shapes.items()
    }
    method = FLIP.__new__(FLIP)
    nn.Module.__init__(method)
    method.config, method._kept, method.head = FLIPSettings(**NOTHING), None, nn.Identity()
    method.network = SentenceCLIP.__new__(SentenceCLIP)
    nn.Module.__init__(method.network)
    method.network.clip = nn.Module()
    method.network.clip.logit_scale = nn.Parameter(torch.tensor(float(golden["logit_scale"]), dtype=torch.float64))
    method.network.unit_mean, method.network.weights = False, torch.full((2, 6), 1 / 6)

    def losses() -> dict[str, Tensor]:
        features = torch.cat([given[name] for name in ("image", "view1", "view2")])
        sentences = torch.stack([given["spoof_text"], given["real_text"]])
        return method.losses_of(features, sentences, label, Alone())  # type: ignore[arg-type]

    for name, loss in losses().items():
        close(loss, golden[name])
        for value in given.values():
            value.grad = None
        loss.backward(retain_graph=True)
        for key, value in given.items():
            gradient = np.zeros(value.shape) if value.grad is None else value.grad.numpy()
            expected = golden[f"{name}/grad_{key}_summary"]
            np.testing.assert_allclose(summary(gradient), expected, rtol=0, atol=1e-9 * expected[1] + 1e-13)
            if f"{name}/grad_{key}" in golden:
                close(gradient[:, ::16], golden[f"{name}/grad_{key}"], 1e-9)


class Alone:
    """The part of a step's context that the losses use."""

    generator = None

    @staticmethod
    def gathered(tensor: Tensor) -> Tensor:
        return tensor


@pytest.mark.parametrize("variant", ["it", "mcl", "v"])
def test_three_steps(variant: str, folder: Path, fill: FillFLIP, monkeypatch: pytest.MonkeyPatch) -> None:
    golden = arrays(folder, f"train_flip_{variant}")
    method = method_of(fill, variant, **{name: float(golden[name][0]) for name in ("lr", "weight_decay")})
    views = ("base", "view1", "view2") if variant == "mcl" else ("base",)
    names, skipped = golden["param_names"], {UNREAD} if variant == "v" else set()
    batches = iter(batch_of(fill, step, golden["groups"].tolist(), views) for step in range(3))
    stepping = MemoryContext(method, lambda domains: next(batches))
    for number in range(3):
        step = {key.removeprefix(f"step{number}/"): value for key, value in golden.items()}
        if variant == "mcl":
            drawn = torch.from_numpy(step["pair_1"])
            monkeypatch.setattr(flip, "drawn_sentences", lambda *_, drawn=drawn, **__: drawn)
        if variant == "v":
            assert isinstance(method.network, ClassifiedTower)
            method.network.embedder.dropout = Kept(step["kept"])
        before = {key: value.detach().clone() for key, value in method.named_parameters()}
        logs = stepping.run_step()
        for term in ("cls", "simclr", "mse"):
            assert (term in step) == (f"loss_{term}" in logs)
            if term in step:
                close(logs[f"loss_{term}"], step[term])
        close(logs["loss"], step.get("total", step["cls"]))
        same_summaries(gradients(method), names, step["grad_summary"], skipped)
        deltas = {key: (value.detach() - before[key]).numpy() * 1e6 for key, value in method.named_parameters()}
        if variant == "v":
            weight = method.network.classifier.weight.detach()
            close(weight, step["classifier_after"])
            overwritten = before["network.classifier.weight"]
            overwritten = overwritten / overwritten.norm(dim=0)
            deltas["network.classifier.weight"] = (weight - overwritten).numpy() * 1e6
        else:
            np.testing.assert_array_equal(method.network.words, golden["token_rows"])
            expected = step["token_delta_used"]
            np.testing.assert_allclose(summary(deltas.pop(VOCABULARY)), expected, rtol=0, atol=1e-7 * expected[1])
        for name, expected in zip(names.tolist(), step["delta_summary"], strict=True):
            if from_reference(name) in deltas:
                delta = summary(deltas.pop(str(from_reference(name))))
                np.testing.assert_allclose(delta, expected, rtol=0, atol=1e-7 * expected[1], err_msg=name)
        assert not deltas
        if variant == "mcl":
            same_norms(method, golden["bn_names"], step["bn_summary"])


@torch.no_grad()
def test_the_network_at_full_size(folder: Path, fill: FillFLIP) -> None:
    golden = arrays(folder, "full_b16")
    method = method_of(fill, "it", 224, {})
    network, images = method.network, fill.picture("full", (2, 3, 224, 224))
    both, image = (sum(p.numel() for p in part.parameters()) for part in (network.clip, network.clip.visual))
    unused = (ROWS - len(network.words)) * 512
    assert [both + unused, image] == golden["parameters"].tolist()
    tokens = class_tokens(network.clip.visual, method._normalized(images))
    close(tokens, golden["class_token"])
    features = tokens @ network.clip.visual.proj
    close(features, golden["image_raw"])
    sentences = network.sentence_features()
    close(sentences.flatten(0, 1)[:, ::8], golden["text_raw"])
    for row, expected in zip(sentences.flatten(0, 1).numpy(), golden["text_raw_summary"], strict=True):
        np.testing.assert_allclose(summary(row), expected, rtol=0, atol=1e-10 * expected[1])
    logits = network.logits(features, network.class_text(sentences))
    close(logits, golden["logits"])
    close(F.softmax(logits, dim=1)[:, 1], golden["score"])
    embedder, classifier = Embedder(768, Head()).double().eval(), Classifier(512, normed=True).double().eval()
    for layer, ours in ((embedder, "network.embedder."), (classifier, "network.classifier.")):
        layer.load_state_dict(
            {key: filled(fill, ours + key, value, method) for key, value in layer.state_dict().items()}
        )
    feature = embedder(tokens)
    close(classifier(feature), golden["flip_v_logits"])
    for row, expected in zip(feature.numpy(), golden["flip_v_feature_summary"], strict=True):
        np.testing.assert_allclose(summary(row), expected, rtol=0, atol=1e-10 * expected[1])
