"""ME-FAS's network and a training step against numbers made by running the published code (README beside the arrays).

The network at its full size (ViT-B/16, 160 million parameters) is built once for the whole module.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from fastrain.methods.me_fas.blocks import Draws, GeneratorDraws
from fastrain.methods.me_fas.method import MEFAS
from fastrain.methods.me_fas.network import Masking
from fastrain.methods.me_fas.published import from_reference, to_reference
from fastrain.methods.me_fas.settings import MEFASSettings
from fastrain.networks.clip import tokenized
from fastrain.networks.two_views import likeness_to, unit
from tests.fastrain.methods.memory_context import MemoryContext
from tests.golden.fill_me_fas import FillDraws, FillMEFAS
from tests.golden.location import golden_dir
from tests.golden.parts_me_fas import Parts

FEATURE = {"rtol": 1e-4, "atol": 5e-5}
# In training the head takes batch statistics of two images, which multiplies rounding: float64 is 9e-5 from this.
PROJECTED = {"rtol": 1e-4, "atol": 2e-4}
LOGIT = {"rtol": 0.0, "atol": 2e-5}
CPU = {"pretrained": False}
# Batch norm takes the mean away, so that the gradients of these are rounding errors.
CANCELLED = ("projection_head.mlp.0.bias", "projection_head.mlp.3.bias")

# Settings of each tag of the forward fixture; the arguments of a forward pass stand in `calls`.
TAGS: dict[str, dict[str, Any]] = {
    "ref_eval": {},
    "ref_eval_type_test": {},
    "ref_do_eval": {},
    "ref_eval_torchseed": {},
    "ref_trainmode": {},
    "cfg_mask_off": {"mask": {"mode": "none"}},
    "cfg_ratio30_depth4": {"mask": {"ratio": 0.3, "depth": 4}},
    "cfg_pdepth1": {"prompts": {"depth": 1}},
    "cfg_nctx4_pdepth3": {"prompts": {"n_ctx": 4, "depth": 3}},
    "fix_lnfinal": {"text": {"final_norm": True}},
    "fix_truemask": {"mask": {"apply": "neg_inf"}},
    "fix_lnfinal_truemask": {"text": {"final_norm": True}, "mask": {"apply": "neg_inf"}},
}


@pytest.fixture(scope="module")
def folder() -> Path:
    return golden_dir("me_fas")


@pytest.fixture(scope="module")
def fill(folder: Path) -> FillMEFAS:
    return FillMEFAS(json.loads((folder / "fill.json").read_text())["seed"])


@pytest.fixture(scope="module")
def golden(folder: Path) -> Mapping[str, np.ndarray]:
    return dict(np.load(folder / "model_forward.npz"))


@pytest.fixture(scope="module")
def parts(fill: FillMEFAS) -> Parts:
    return Parts(fill)


@pytest.fixture(scope="module")
def images(fill: FillMEFAS) -> Tensor:
    """Three batches of two images, already normalised."""
    return torch.cat([fill.image(f"image.{name}", (2, 3, 224, 224)) for name in ("origin", "aug1", "aug2")])


def test_sentences_are_tokenised_as_published(golden: Mapping[str, np.ndarray]) -> None:
    ours = tokenized(["a photo of a spoof face.", "a photo of a real face."])
    np.testing.assert_array_equal(ours.numpy(), golden["tokenized_prompts"])
    np.testing.assert_array_equal(tokenized(["a photo of a"]).numpy(), golden["tokens_ctx_init"])


@pytest.mark.parametrize("tag", TAGS)
@torch.no_grad()
def test_forward(tag: str, parts: Parts, images: Tensor, fill: FillMEFAS, golden: Mapping[str, np.ndarray]) -> None:
    network = parts.network(**TAGS[tag])
    if tag == "ref_do_eval":
        images = images[:2].repeat(3, 1, 1, 1)
    draws: Draws = FillDraws(fill)
    if tag == "ref_eval_torchseed":
        draws = GeneratorDraws(torch.Generator().manual_seed(fill.seed))
    label = torch.from_numpy(golden["labels"])
    masking = None if tag == "ref_eval_type_test" else Masking(len(label))
    training = tag == "ref_trainmode"
    network.train(training), parts.head.train(training)

    features, text = network(images, draws, masking)
    np.testing.assert_allclose(features.numpy(), golden[f"{tag}_img_feat_raw"], **FEATURE)
    np.testing.assert_allclose(text[0].numpy(), golden[f"{tag}_text_feat_raw"], **FEATURE)
    features, text = unit(features), unit(text[0])
    origin, view1, view2 = features.chunk(3)
    logits = parts.clip.logit_scale.exp() * origin @ text.T
    np.testing.assert_allclose(logits.numpy(), golden[f"{tag}_logits"], **LOGIT)
    for number, view in enumerate((view1, view2), start=1):
        np.testing.assert_allclose(
            parts.head(view).numpy(), golden[f"{tag}_proj{number}"], **(PROJECTED if training else FEATURE)
        )
        likeness = likeness_to(view, text, label)
        np.testing.assert_allclose(likeness.numpy(), golden[f"{tag}_cos{number}"], **FEATURE)

    packed, counts = golden[f"{tag}_mask_packed"], golden[f"{tag}_mask_count"]
    marked = np.zeros((*packed.shape[:2], 197 + network.prompts.n_ctx), bool)
    for layer, one_layer in enumerate(masking.marked if masking else []):
        marked[layer, : len(label), 1:197] = one_layer.numpy()
    np.testing.assert_array_equal(np.packbits(marked, axis=2), packed)
    if not network.config.hides:
        np.testing.assert_array_equal(marked.sum(axis=2), counts)
    if training:
        norms = [np.linalg.norm(parts.head.state_dict()[head_key(key)].double()) for key in golden["bn_keys"]]
        np.testing.assert_allclose(norms, golden["bn_norm_after"], rtol=1e-5)


def head_key(key: str) -> str:
    name = from_reference(str(key))
    assert name is not None and to_reference(name) == key
    return name.removeprefix("head.")


@torch.no_grad()
def test_one_image_alone(parts: Parts, images: Tensor, fill: FillMEFAS, golden: Mapping[str, np.ndarray]) -> None:
    features, text = parts.network()(images[::2], FillDraws(fill), Masking(1))
    logits = parts.clip.logit_scale.exp() * unit(features)[:1] @ unit(text[0]).T
    np.testing.assert_allclose(logits.numpy(), golden["ref_eval_single_logits"], **LOGIT)


@torch.no_grad()
def test_the_towers_are_clip(parts: Parts, images: Tensor, golden: Mapping[str, np.ndarray]) -> None:
    image = parts.clip.encode_image(images[:2])
    text = parts.clip.encode_text(torch.from_numpy(golden["tokenized_prompts"]).long())
    np.testing.assert_allclose(image.numpy(), golden["vanilla_image"], **FEATURE)
    np.testing.assert_allclose(text.numpy(), golden["vanilla_text"], **FEATURE)
    logits = parts.clip.logit_scale.exp() * unit(image) @ unit(text).T
    np.testing.assert_allclose(logits.numpy(), golden["vanilla_logits"], **LOGIT)


@torch.no_grad()
def test_deterministic_scores_are_those_of_the_image_alone_without_masks(
    parts: Parts, images: Tensor, fill: FillMEFAS
) -> None:
    network = parts.network()
    deep = network.deep_prompts(FillDraws(fill), images)
    features, text = network.alone(images[:2], deep, own=True)
    for n in range(2):
        expected, sentence = network(images[n : n + 1].repeat(3, 1, 1, 1), FillDraws(fill), None)
        torch.testing.assert_close(features[n], expected[0], **FEATURE)
        torch.testing.assert_close(text[n], sentence[0], **FEATURE)


def test_a_training_step(parts: Parts, images: Tensor, fill: FillMEFAS, folder: Path) -> None:
    step = dict(np.load(folder / "train_step.npz"))
    method = MEFAS.__new__(MEFAS)  # around the network of the module: another one would take its memory once more
    nn.Module.__init__(method)
    method.config, method.n_domains, method.image_size = MEFASSettings(**CPU), 1, 224
    method.network, method.head = parts.network(), parts.head
    label = torch.from_numpy(step["labels"])
    before = {key: value.clone() for key, value in parts.clip.state_dict().items()}
    method.double()  # float32 losses of the second view's head hang on the order of sums
    context = Injected(method, fill)
    method._normalized = lambda image: image  # type: ignore[method-assign]  # they are normalised already
    views = [{"rgb": view} for view in images.double().chunk(3)]
    names = [str(name) for name in step["names"]]
    ours = dict(method.named_parameters())
    assert sorted(own(name) for name in names) == sorted(ours)
    assert [str(tuple(ours[own(name)].shape)) for name in names] == step["shapes"].tolist()
    assert sum(tensor.numel() for tensor in ours.values()) == 160_400_385
    start = {key: value.detach().reshape(-1)[:4].clone() for key, value in ours.items()}
    try:
        method.train()
        logs = method.training_step({"views": views, "label": label}, context)
        losses = [float(logs[name]) for name in ("loss_cls", "loss_simclr", "loss_mse", "loss")]
        np.testing.assert_allclose(losses, step["losses_cls_simclr_mse_total"], rtol=1e-5)
        for number, name in enumerate(names):
            parameter = ours[own(name)]
            assert (parameter.grad is None) == step["grad_is_none"][number], name
            if parameter.grad is None:
                continue
            norm = float(parameter.grad.double().norm())
            if name in CANCELLED:
                assert max(norm, step["grad_norm"][number]) < 1e-2
                continue
            np.testing.assert_allclose(norm, step["grad_norm"][number], rtol=1e-3, err_msg=name)
            scale = float(parameter.grad.abs().max())
            first = np.resize(parameter.grad.reshape(-1)[:4].numpy(), 4)
            np.testing.assert_allclose(first, step["grad_first4"][number], rtol=1e-3, atol=1e-3 * scale, err_msg=name)
            moved = np.resize((parameter.detach().reshape(-1)[:4].double() - start[own(name)]).numpy(), 4)
            clear = np.abs(step["grad_first4"][number]) > 1e-2 * scale
            np.testing.assert_allclose(moved[clear], step["delta_first4"][number][clear], atol=2.5e-7, err_msg=name)
        after = [float(value.detach()) for value in method.terms(images.double(), label, context).values()]
        np.testing.assert_allclose([*after, sum(after)], step["losses_after_step"], rtol=5e-2)  # the second step
    finally:
        method.float()
        parts.clip.load_state_dict(before)
        parts.clip.zero_grad()


def own(name: str) -> str:
    return from_reference(name) or "network.clip.logit_scale"


class Injected(MemoryContext):
    """A context whose generator is the fill rule."""

    def __init__(self, method: MEFAS, fill: FillMEFAS) -> None:
        super().__init__(method, lambda domains: {})
        self.generator = FillDraws(fill, torch.float64)  # type: ignore[assignment]


@pytest.fixture(autouse=True)
def _draws_of_the_fill(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the method take the draws of an injected context as they are."""
    from fastrain.methods.me_fas import method

    def draws(source: Any) -> Draws:
        return source if isinstance(source, FillDraws) else GeneratorDraws(source)

    monkeypatch.setattr(method, "GeneratorDraws", draws)
