"""ME-FAS against numbers made by running the published code (README beside the arrays).

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

from fastrain.data.imgaug_operations import fitted
from fastrain.evaluation.metrics.auc import auc
from fastrain.evaluation.metrics.class_scores import ClassScores
from fastrain.evaluation.metrics.counts import Counts
from fastrain.evaluation.metrics.legacy import legacy
from fastrain.evaluation.metrics.tpr_at_fpr import tpr_at_fpr
from fastrain.methods.me_fas import losses
from fastrain.methods.me_fas.draws import Draws, GeneratorDraws
from fastrain.methods.me_fas.method import MEAN, MEFAS, STD, unit
from fastrain.methods.me_fas.network import Masking
from fastrain.methods.me_fas.prompts import tokenized
from fastrain.methods.me_fas.reference_names import from_reference, to_reference
from fastrain.methods.me_fas.schedule import learning_rate_factor
from fastrain.methods.me_fas.settings import MEFASSettings, Schedule
from fastrain.networks.normalize import normalized
from tests.golden.fill_me_fas import FillDraws, FillMEFAS
from tests.golden.location import golden_dir
from tests.golden.parts_me_fas import Parts, TorchPasses, operation, smooth
from tests.methods.memory_context import MemoryContext

FEATURE = {"rtol": 1e-4, "atol": 5e-5}
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
    origin, one, other = features.chunk(3)
    logits = parts.clip.logit_scale.exp() * origin @ text.T
    np.testing.assert_allclose(logits.numpy(), golden[f"{tag}_logits"], **LOGIT)
    for number, view in enumerate((one, other), start=1):
        np.testing.assert_allclose(parts.head(view).numpy(), golden[f"{tag}_proj{number}"], **FEATURE)
        likeness = losses.likeness_to(view, text, label)
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
    context = Injected(method, fill)
    method._seen = lambda image: image  # type: ignore[method-assign]  # they are normalised already
    views = [{"rgb": view} for view in images.chunk(3)]
    names = [str(name) for name in step["names"]]
    ours = dict(method.named_parameters())
    assert sorted(own(name) for name in names) == sorted(ours)
    assert [str(tuple(ours[own(name)].shape)) for name in names] == step["shapes"].tolist()
    assert sum(one.numel() for one in ours.values()) == 160_400_385
    start = {key: value.detach().reshape(-1)[:4].double() for key, value in ours.items()}
    try:
        method.train()
        logs = method.training_step({"views": views, "label": label}, context)
        found = [float(logs[name]) for name in ("loss_cls", "loss_simclr", "loss_mse", "loss")]
        np.testing.assert_allclose(found, step["losses_cls_simclr_mse_total"], rtol=1e-5)
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
        after = [float(value.detach()) for value in method.terms(images, label, context).values()]
        np.testing.assert_allclose([*after, sum(after)], step["losses_after_step"], rtol=1e-3)
    finally:
        parts.clip.load_state_dict(before)
        parts.clip.zero_grad()


def own(name: str) -> str:
    return from_reference(name) or "network.clip.logit_scale"


class Injected(MemoryContext):
    """A context whose generator is the fill rule."""

    def __init__(self, method: MEFAS, fill: FillMEFAS) -> None:
        super().__init__(method, lambda domains: {})
        self.generator = FillDraws(fill)  # type: ignore[assignment]


@pytest.fixture(autouse=True)
def _draws_of_the_fill(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the method take the draws of an injected context as they are."""
    from fastrain.methods.me_fas import method

    def draws(source: Any) -> Draws:
        return source if isinstance(source, FillDraws) else GeneratorDraws(source)

    monkeypatch.setattr(method, "GeneratorDraws", draws)


def close(ours: Tensor | float, theirs: np.ndarray, rtol: float = 1e-5, atol: float = 1e-7) -> None:
    np.testing.assert_allclose(ours.detach().numpy() if isinstance(ours, Tensor) else ours, theirs, rtol, atol)


def test_contrastive_loss(folder: Path) -> None:
    golden = np.load(folder / "losses.npz")
    cases = [key[: -len("_tau")] for key in golden.files if key.endswith("_tau")]
    assert cases
    for case in cases:
        one, other = (torch.from_numpy(golden[f"{case}_{name}"]).requires_grad_() for name in "ab")
        loss = losses.contrast(one, other, float(golden[f"{case}_tau"]))
        loss.backward()
        close(loss, golden[f"{case}_loss"])
        close(loss, golden[f"{case}_rows"].mean())
        close(one.grad, golden[f"{case}_ga"], rtol=1e-4, atol=1e-7)
        close(other.grad, golden[f"{case}_gb"], rtol=1e-4, atol=1e-7)


def test_consistency_loss(folder: Path, fill: FillMEFAS) -> None:
    golden = np.load(folder / "losses.npz")
    cases = [key[: -len("_y")] for key in golden.files if key.endswith("_y")]
    assert cases
    for case in cases:
        number, label = case.removeprefix("mse"), torch.from_numpy(golden[f"{case}_y"])
        shapes = {"t": 2, "f1": len(label), "f2": len(label)}
        made = {k: unit(fill.image(f"mse.{k}{number}", (n, 512))).requires_grad_() for k, n in shapes.items()}
        made = {name: value.detach().requires_grad_() for name, value in made.items()}
        one, other = (losses.likeness_to(made[name], made["t"], label) for name in ("f1", "f2"))
        loss = losses.consistency(one, other)
        loss.backward()
        close(one, golden[f"{case}_cos1"], atol=1e-6)
        close(other, golden[f"{case}_cos2"], atol=1e-6)
        close(loss, golden[f"{case}_loss"])
        for name in made:
            gradient = made[name].grad
            assert gradient is not None
            close(gradient.norm(), golden[f"{case}_g{name}_norm"])


def test_learning_rate(folder: Path) -> None:
    golden = np.load(folder / "lr_schedule.npz")
    settings = {
        "use": Schedule(use=True, steps=100, epochs=50, warmup_epochs=2, warmup_factor=0.001),
        "off": Schedule(use=False),
        "nowarm": Schedule(use=True, steps=10, epochs=8, warmup_epochs=0),
    }
    cases = [key[: -len("_lr")] for key in golden.files if key.endswith("_lr")]
    assert set(cases) == set(settings)
    for case in cases:
        base, parameter = float(golden[f"{case}_base"]), nn.Parameter(torch.zeros(()))
        config = MEFASSettings(**CPU, schedule=settings[case], lr=base)
        optimiser = torch.optim.Adam([parameter], lr=base)
        schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, lambda x, s=config.schedule: learning_rate_factor(x, s))
        rates = {}
        for iteration in range(int(golden[f"{case}_step"].max()) + 1):
            rates[iteration] = optimiser.param_groups[0]["lr"]
            optimiser.step()
            schedule.step()
        found = [rates[int(iteration)] for iteration in golden[f"{case}_step"]]
        np.testing.assert_allclose(found, golden[f"{case}_lr"], rtol=1e-9, atol=1e-18)


def test_image_operations(folder: Path, fill: FillMEFAS) -> None:
    golden = np.load(folder / "image_ops.npz")
    made = [key for key in golden.files if key.endswith(("_smooth", "_noise")) and not key.startswith(("in_", "norm"))]
    assert len({key.split("_")[0] for key in made}) == 8
    for key in made:
        name, _, picture = key.rpartition("_")
        alike(operation(name, golden[f"in_{picture}"]), golden[key], key)
    sizes = [key for key in golden.files if key.startswith("resizecrop")]
    assert sizes
    for key in sizes:
        kind, _, size = key.partition("_")
        picture = smooth(*(int(number) for number in size.split("x")), fill.seed)
        alike(fitted(picture, int(kind.removeprefix("resizecrop"))), golden[key], key)


def alike(ours: np.ndarray, theirs: np.ndarray, what: str) -> None:
    """Conversions and cubic resizing may differ by a grey level or two between versions of OpenCV."""
    assert ours.shape == theirs.shape and ours.dtype == theirs.dtype, what
    apart = np.abs(ours.astype(int) - theirs.astype(int))
    assert (apart == 0).mean() >= 0.99 and apart.max() <= 2, what


def test_normalisation(folder: Path) -> None:
    golden = np.load(folder / "image_ops.npz")
    np.testing.assert_array_equal(MEAN, golden["normalize_mean"])
    np.testing.assert_array_equal(STD, golden["normalize_std"])
    image = torch.from_numpy(golden["in_smooth"][:6, :6].transpose(2, 0, 1).astype(np.float32) / 255)
    close(normalized(image[None], MEAN, STD)[0], golden["normalized_smooth"], rtol=1e-6, atol=1e-6)


def test_batches_of_an_epoch(folder: Path) -> None:
    golden = np.load(folder / "sampler.npz")
    cases = [key.removesuffix("_sizes") for key in golden.files if key.endswith("_sizes")]
    assert cases
    for case in cases:
        sizes, per = golden[f"{case}_sizes"].tolist(), int(golden[f"{case}_per"])
        starts = np.cumsum([0, *sizes[:-1]])
        streams = [TorchPasses(np.arange(a, a + n), (0,), fill=True) for a, n in zip(starts, sizes, strict=True)]
        with torch.random.fork_rng():
            torch.manual_seed(int(golden[f"{case}_torch_seed"]))
            batches = [stream.batch(at * per, per) for at in range(-(-max(sizes) // per)) for stream in streams]
        found = np.concatenate(batches)
        np.testing.assert_array_equal(found, golden[f"{case}_idx"])
        assert len(found) == golden[f"{case}_len"]


def test_metrics(folder: Path) -> None:
    golden = np.load(folder / "metrics.npz")
    cases = [key.removeprefix("lab") for key in golden.files if key.startswith("lab")]
    assert cases
    for case in cases:
        label, score = golden[f"lab{case}"].astype(int), golden[f"sc{case}"]
        found = legacy(score, label)
        ours = [found[name] for name in ("EER", "EER_THR", "HTER", "ACC")]
        ours += [auc(score, label), tpr_at_fpr(score, label, 0.01)]
        np.testing.assert_allclose(ours, golden[f"eer_thr_hter_acc_auc_tpr1{case}"], atol=1e-9)
        coarse = legacy(score, label, cells=100)
        np.testing.assert_allclose([coarse["EER"], coarse["EER_THR"]], golden[f"grid100_eer_thr{case}"], atol=1e-9)
        counts = Counts.at(ClassScores.of(score, label), np.array([0.5]))
        far, frr = float(counts.far[0]), float(counts.frr[0])
        right = (counts.accepted_bonafide + counts.attacks - counts.accepted_attack)[0] / len(label)
        np.testing.assert_allclose([far, frr, (far + frr) / 2, right], golden[f"calc05_{case}"], atol=1e-9)
        np.testing.assert_allclose((far + frr) / 2, golden[f"hter05_{case}"], atol=1e-9)
    for kind, one in (("only_live", 1), ("only_spoof", 0)):
        found = legacy(np.array([0.1, 0.6, 0.9]), np.full(3, one))
        np.testing.assert_allclose([found["EER"], found["EER_THR"]], golden[kind], atol=1e-9)
        counts = Counts.at(ClassScores.of([0.1, 0.6, 0.9], [one] * 3), np.array([0.5]))
        rates = np.nan_to_num([counts.far[0], counts.frr[0]], nan=1.0)
        np.testing.assert_allclose(rates.mean(), golden[f"{kind}_hter"], atol=1e-9)
