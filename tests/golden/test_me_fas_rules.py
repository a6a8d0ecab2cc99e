"""ME-FAS's rules against numbers made by running the published code: losses, rates, images, batches, metrics."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from fastrain.data.base_views import fitted
from fastrain.evaluation.metrics.counts import ClassScores, Counts
from fastrain.evaluation.metrics.curve import auc, tpr_at_fpr
from fastrain.evaluation.metrics.reference import legacy
from fastrain.methods.me_fas.method import MEAN, STD, learning_rate_factor
from fastrain.methods.me_fas.settings import MEFASSettings, Schedule
from fastrain.networks.trunk import normalized
from fastrain.networks.two_views import consistency, contrast, likeness_to, unit
from tests.golden.fill_me_fas import FillMEFAS
from tests.golden.location import golden_dir
from tests.golden.parts_me_fas import TorchPasses, operation, smooth


@pytest.fixture(scope="module")
def folder() -> Path:
    return golden_dir("me_fas")


@pytest.fixture(scope="module")
def fill(folder: Path) -> FillMEFAS:
    return FillMEFAS(json.loads((folder / "fill.json").read_text())["seed"])


def close(ours: Tensor | float, theirs: np.ndarray, rtol: float = 1e-5, atol: float = 1e-7) -> None:
    np.testing.assert_allclose(ours.detach().numpy() if isinstance(ours, Tensor) else ours, theirs, rtol, atol)


def test_contrastive_loss(folder: Path) -> None:
    golden = np.load(folder / "losses.npz")
    cases = [key[: -len("_tau")] for key in golden.files if key.endswith("_tau")]
    assert cases
    for case in cases:
        first, second = (torch.from_numpy(golden[f"{case}_{name}"]).requires_grad_() for name in "ab")
        loss = contrast(first, second, float(golden[f"{case}_tau"]))
        loss.backward()
        close(loss, golden[f"{case}_loss"])
        close(loss, golden[f"{case}_rows"].mean())
        close(first.grad, golden[f"{case}_ga"], rtol=1e-4, atol=1e-7)
        close(second.grad, golden[f"{case}_gb"], rtol=1e-4, atol=1e-7)


def test_consistency_loss(folder: Path, fill: FillMEFAS) -> None:
    golden = np.load(folder / "losses.npz")
    cases = [key[: -len("_y")] for key in golden.files if key.endswith("_y")]
    assert cases
    for case in cases:
        number, label = case.removeprefix("mse"), torch.from_numpy(golden[f"{case}_y"])
        shapes = {"t": 2, "f1": len(label), "f2": len(label)}
        made = {k: unit(fill.image(f"mse.{k}{number}", (n, 512))).requires_grad_() for k, n in shapes.items()}
        made = {name: value.detach().requires_grad_() for name, value in made.items()}
        first, second = (likeness_to(made[name], made["t"], label) for name in ("f1", "f2"))
        loss = consistency(first, second)
        loss.backward()
        close(first, golden[f"{case}_cos1"], atol=1e-6)
        close(second, golden[f"{case}_cos2"], atol=1e-6)
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
        config = MEFASSettings(pretrained=False, schedule=settings[case], lr=base)
        optimiser = torch.optim.Adam([parameter], lr=base)
        schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, lambda x, s=config.schedule: learning_rate_factor(x, s))
        rates = {}
        for iteration in range(int(golden[f"{case}_step"].max()) + 1):
            rates[iteration] = optimiser.param_groups[0]["lr"]
            optimiser.step()
            schedule.step()
        selected = [rates[int(iteration)] for iteration in golden[f"{case}_step"]]
        np.testing.assert_allclose(selected, golden[f"{case}_lr"], rtol=1e-9, atol=1e-18)


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
        drawn = np.concatenate(batches)
        np.testing.assert_array_equal(drawn, golden[f"{case}_idx"])
        assert len(drawn) == golden[f"{case}_len"]


def test_metrics(folder: Path) -> None:
    golden = np.load(folder / "metrics.npz")
    cases = [key.removeprefix("lab") for key in golden.files if key.startswith("lab")]
    assert cases
    for case in cases:
        label, score = golden[f"lab{case}"].astype(int), golden[f"sc{case}"]
        metrics = legacy(score, label)
        ours = [metrics[name] for name in ("EER", "EER_THR", "HTER", "ACC")]
        ours += [auc(score, label), tpr_at_fpr(score, label, 0.01)]
        np.testing.assert_allclose(ours, golden[f"eer_thr_hter_acc_auc_tpr1{case}"], atol=1e-9)
        coarse = legacy(score, label, cells=100)
        np.testing.assert_allclose([coarse["EER"], coarse["EER_THR"]], golden[f"grid100_eer_thr{case}"], atol=1e-9)
        counts = Counts.at(ClassScores.of(score, label), np.array([0.5]))
        far, frr = float(counts.far[0]), float(counts.frr[0])
        right = (counts.accepted_bonafide + counts.attacks - counts.accepted_attack)[0] / len(label)
        np.testing.assert_allclose([far, frr, (far + frr) / 2, right], golden[f"calc05_{case}"], atol=1e-9)
        np.testing.assert_allclose((far + frr) / 2, golden[f"hter05_{case}"], atol=1e-9)
    for kind, single_label in (("only_live", 1), ("only_spoof", 0)):
        metrics = legacy(np.array([0.1, 0.6, 0.9]), np.full(3, single_label))
        np.testing.assert_allclose([metrics["EER"], metrics["EER_THR"]], golden[kind], atol=1e-9)
        counts = Counts.at(ClassScores.of([0.1, 0.6, 0.9], [single_label] * 3), np.array([0.5]))
        rates = np.nan_to_num([counts.far[0], counts.frr[0]], nan=1.0)
        np.testing.assert_allclose(rates.mean(), golden[f"{kind}_hter"], atol=1e-9)
