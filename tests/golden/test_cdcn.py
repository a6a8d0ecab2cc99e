"""CDCN against numbers made by running the published code (README beside the arrays)."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.optim import Adam

from fasdata.faces.alignment import apply
from fasdata.faces.view import View, scaled_sides
from fastrain.augmentation import Erasures
from fastrain.data.geometry import erasures, square
from fastrain.evaluation.metrics.counts import fuse
from fastrain.evaluation.metrics.development import Rates, cdcn_point
from fastrain.evaluation.metrics.rates import hter
from fastrain.evaluation.thresholds import CDCN_DEV, CDCN_POINT
from fastrain.methods.cdcn.map_losses import (
    absolute_loss,
    contrast_loss,
    contrasts,
    early_steps,
    frame_score,
    rate_factor,
)
from fastrain.methods.cdcn.method import normalized
from fastrain.methods.cdcn.network import MapNetwork
from fastrain.methods.cdcn.published import convert, from_reference
from fastrain.networks.central_difference import CentralDifference
from tests.golden.fill import Fill, summary
from tests.golden.location import golden_dir

FORWARD, GRADIENT = 1e-9, 1e-7
STREAMS = ("rgb", "ir", "depth")
# File, the name in its fill rule, and the size of its images.
NETWORKS = [
    ("cdcn_64", "cdcn", (2, 3, 64, 64)),
    ("cdcnpp_64", "cdcnpp", (2, 3, 64, 64)),
    ("cdcnpp_track2_64", "cdcnpp80", (2, 3, 64, 64)),
    ("cdcn3_track1_64", "cdcn3", (2, 3, 64, 64)),
    ("cdcn_256", "cdcn256", (1, 3, 256, 256)),
]


@pytest.fixture(scope="module")
def folder() -> Path:
    return golden_dir("cdcn")


@pytest.fixture(scope="module")
def fill(folder: Path) -> Fill:
    return Fill(json.loads((folder / "fill.json").read_text())["salt"])


def test_the_layer(folder: Path, fill: Fill) -> None:
    biases = 0
    for k, case in enumerate(cases(np.load(folder / "cdc_layer.npz"), "case")):
        shape, out = tuple(map(int, case["shape"])), case["grad_weight"].shape[0]
        layer = CentralDifference(
            shape[1], out, theta=float(case["theta"]), stride=int(case["stride"]), bias=bool(case["bias"])
        ).double()
        state = {name: fill.tensor(f"cdc{k}.conv.{name}", tuple(p.shape)) for name, p in layer.named_parameters()}
        layer.load_state_dict({name: torch.from_numpy(value) for name, value in state.items()})
        x = torch.from_numpy(fill.image(f"cdc{k}", shape)).requires_grad_()
        y = layer(x)
        close(y, case["out"])
        (y * torch.from_numpy(2 * fill.u(f"cdcup{k}", tuple(y.shape)) - 1)).sum().backward()
        close(x.grad, case["grad_x"], GRADIENT)
        close(layer.weight.grad, case["grad_weight"], GRADIENT)
        if layer.bias is not None:
            close(layer.bias.grad, case["grad_bias"], GRADIENT)
            biases += 1
    assert biases


def test_the_losses(folder: Path, fill: Fill) -> None:
    for k, case in enumerate(cases(np.load(folder / "losses.npz"), "case")):
        shape = (int(case["n"]), 32, 32)
        target = torch.from_numpy(fill.u(f"target{k}", shape))
        target[0] = 0
        maps = torch.from_numpy(fill.u(f"pred{k}", shape)).requires_grad_()
        contrast = contrasts(maps)
        assert contrast.shape == tuple(case["contrast_shape"])
        close(contrast[:, :, :3, :4], case["contrast_corner"])
        close(summed(contrast), case["contrast_summary"])
        absolute, depth = absolute_loss(maps, target), contrast_loss(maps, target)
        close(absolute, case["mse"])
        close(depth, case["cdl"])
        (by_absolute,) = torch.autograd.grad(absolute, maps)
        (by_depth,) = torch.autograd.grad(depth, maps)
        close(summed(by_absolute), case["grad_mse_summary"], GRADIENT)
        close(by_depth[0], case["grad_cdl"], GRADIENT)
        close(summed(by_depth), case["grad_cdl_summary"], GRADIENT)


@pytest.mark.parametrize(("stem", "name", "shape"), NETWORKS)
def test_the_networks(folder: Path, fill: Fill, stem: str, name: str, shape: tuple[int, ...]) -> None:
    golden = np.load(folder / f"{stem}.npz")
    network = filled(golden, fill, name).eval()
    assert sum(parameter.numel() for parameter in network.parameters()) == golden["n_params"]
    several = len(network.trunks) > 1
    images = {
        stream: torch.from_numpy(fill.image(f"{name}_m{k}" if several else name, shape))
        for k, stream in enumerate(network.trunks)
    }
    seen: list[list[Tensor]] = []
    watch = network.trunks["rgb"].register_forward_hook(lambda trunk, image, levels: seen.append(list(levels)))
    with torch.no_grad():
        close(network(images), golden["eval/map"])
        watch.remove()
        (levels,) = seen
        close(summed(network.joined(levels)), golden["eval/concat_summary"])
        further = [weight(level) for weight, level in zip(network.attention, levels, strict=False)] or levels
        assert [str(tuple(part.shape)) for part in further] == golden["eval/aux_shapes"].tolist()
        close(torch.stack([summed(part) for part in further]), golden["eval/aux_summary"])
    if "train/map" not in golden:
        return
    n = shape[0]
    target = torch.from_numpy((fill.u(f"map:{name}", (n, 32, 32)) > 0.4).astype(np.float64))
    target[1::2] = 0
    maps = network.train()(images)
    absolute, depth = absolute_loss(maps, target), contrast_loss(maps, target)
    (absolute + depth).backward()
    close(maps, golden["train/map"])
    close(absolute, golden["train/mse"])
    close(depth, golden["train/cdl"])
    gradients = {key: parameter.grad for key, parameter in network.named_parameters()}
    named = [from_reference(str(key)) for key in golden["train/grad_names"]]
    assert sorted(named) == sorted(gradients)
    close(torch.stack([summed(gradients[key]) for key in named]), golden["train/grad_summary"], GRADIENT)
    state = network.state_dict()
    moved = [from_reference(str(key)) for key in golden["train/bn_names"]]
    close(torch.stack([summed(state[key]) for key in moved]), golden["train/bn_summary"])


def test_the_scores(folder: Path) -> None:
    clipped = 0
    for case in cases(np.load(folder / "score.npz"), "case"):
        frames = frame_score(torch.from_numpy(case["map_sum"]), torch.from_numpy(case["mask_sum"]))
        score = fuse(frames.numpy(), np.zeros(len(frames)))[1][0]
        np.testing.assert_allclose(score, case["score"], rtol=1e-12)
        np.testing.assert_allclose(min(score, 1), case["score_clipped"], rtol=1e-12)
        clipped += score > 1
    assert clipped


def test_the_learning_rate(folder: Path) -> None:
    golden = np.load(folder / "lr.npz")
    rates = [1e-4 * rate_factor(epoch, 500, 0.5) for epoch in range(int(golden["at"].max()) + 1)]
    np.testing.assert_allclose(np.array(rates)[golden["at"]], golden["values"], rtol=1e-12)
    assert (np.flatnonzero(np.diff(rates)) + 1).tolist() == golden["change_epochs"].tolist()
    optimiser = Adam([nn.Parameter(torch.zeros(1))], lr=1e-4)
    schedule = early_steps(optimiser, 3, 0.5)
    for epoch in range(7):
        assert optimiser.param_groups[0]["lr"] == 1e-4 * rate_factor(epoch, 3, 0.5)
        optimiser.step()
        schedule.step()


def test_the_input_is_normalised(folder: Path) -> None:
    golden = np.load(folder / "inputs.npz")
    rgb = torch.from_numpy(golden["norm/in_bgr"][:, :, ::-1].transpose(2, 0, 1).copy()).double()
    close(normalized(rgb / 255), golden["norm/out_rgb"])
    np.testing.assert_allclose(golden["norm/map_in"][0] / 255, golden["norm/map_out_row0"], rtol=1e-12)


def test_the_operating_point(folder: Path) -> None:
    for case in cases(np.load(folder / "metrics.npz"), "case"):
        dev, test = ((case[f"{part}_score"], case[f"{part}_label"]) for part in ("val", "test"))
        of_dev, of_test = cdcn_point(*dev), cdcn_point(*test)
        at_dev, ours, oracle = (
            Rates.above(*part, point.threshold) for part, point in ((dev, of_dev), (test, of_dev), (test, of_test))
        )
        np.testing.assert_allclose(
            [
                of_dev.threshold, of_test.threshold, at_dev.accuracy, at_dev.acer,
                ours.accuracy, ours.apcer, ours.bpcer, ours.acer, oracle.acer,
            ],
            case["valthr_testthr_valacc_valacer_acc_apcer_bpcer_acer_acerattestthr"], rtol=0, atol=1e-12,
        )  # fmt: skip
        np.testing.assert_allclose(
            [oracle.accuracy, of_test.far, of_test.frr, of_test.hter],
            case["casia_replay_acc_fpr_frr_hter"],
            rtol=0,
            atol=1e-12,
        )
        np.testing.assert_allclose(hter(*test, CDCN_DEV.choose(*dev)), ours.acer, rtol=0, atol=1e-12)
        np.testing.assert_allclose(hter(*test, CDCN_POINT.choose(*test)), of_test.hter, rtol=0, atol=1e-12)


def test_the_cut_of_a_face(folder: Path) -> None:
    for case in cases(np.load(folder / "inputs.npz"), "crop"):
        x, y, w, h = case["box_x_y_w_h"].tolist()
        height, width = case["image_h_w"].tolist()
        x0, y0, x1, y1 = scaled_sides((x, y, x + w, y + h), float(case["scale"]))
        edges = [max(0, y0), min(height, y1), max(0, x0), min(width, x1)]
        assert edges == case["y0_y1_x0_x1"].tolist()
        # The view shows these pixels: its edges are theirs.
        view = View("box", 64, scale=float(case["scale"]))
        matrix = view.matrix((0, 0, width, height), (x, y, x + w, y + h), None)
        corners = apply(matrix, np.array([(edges[2], edges[0]), (edges[3], edges[1])]) - 0.5)
        np.testing.assert_allclose(corners, [(-0.5, -0.5), (63.5, 63.5)], atol=1e-9)


@dataclass
class Recorded:
    """The draws of the published code, one after the other; ours have to ask for the same."""

    kinds: list[str]
    values: list[float]

    def uniform(self, low: float, high: float, /) -> float:
        assert self.kinds.pop(0) == "uniform"
        value = self.values.pop(0)
        assert low <= value <= high
        return value

    def integers(self, low: int, high: int, /) -> int:
        assert self.kinds.pop(0).startswith("randint")
        value = int(self.values.pop(0))
        assert low <= value < high
        return value


def test_erasing_and_cut_out(folder: Path, fill: Fill) -> None:
    golden = np.load(folder / "inputs.npz")
    image = np.floor(256 * fill.image("aug", (1, 3, 256, 256)))[0].astype(np.uint8)
    for case in cases(golden, "erase"):
        dice = Recorded(case["draw_kind"].tolist()[1:], case["draw_value"].tolist()[1:])  # the first: whether at all
        changed = image.copy()
        for x0, y0, x1, y1 in erasures(Erasures(), 256, 256, dice):
            changed[:, y0:y1, x0:x1] = 0
        assert not dice.kinds
        np.testing.assert_allclose(summary(changed.transpose(1, 2, 0)), case["out_summary"], rtol=1e-12)
        assert case["value_inside"].tolist() == [0]
        rows, columns = np.nonzero((changed != image).any(axis=0))
        assert [rows.min(), rows.max(), columns.min(), columns.max()] == case["changed_bbox_rows_cols"].tolist()
    for case in cases(golden, "cutout"):
        y, x, side = (int(number) for number in case["y_x_length"])
        x0, y0, x1, y1 = square(256, 256, y, x, side)
        changed = image.copy()
        changed[:, y0:y1, x0:x1] = 0
        np.testing.assert_allclose(summary(changed), case["out_summary"], rtol=1e-12)


def filled(golden: Mapping, fill: Fill, prefix: str) -> MapNetwork:
    """Return a network as the importer makes it of a published checkpoint."""
    state = {}
    for key, shape in zip(golden["keys"].tolist(), golden["shapes"].tolist(), strict=True):
        sides = tuple(int(side) for side in shape.strip("()").split(",") if side.strip())
        state[f"module.{key}"] = torch.from_numpy(np.asarray(fill.tensor(f"{prefix}.{key}", sides)))
    published = convert(state)
    model: Any = published.model
    network = MapNetwork(
        model.get("modalities", ("rgb",)), model["network"], model["width"], float(golden["theta"]),
        borrowed=model.get("depth_level2") == "rgb",
    ).double()  # fmt: skip
    network.load_state_dict({key.removeprefix("network."): value for key, value in published.state.items()})
    return network


def cases(golden: Mapping, what: str) -> Iterator[dict[str, np.ndarray]]:
    """Yield the arrays of `case0/…`, `case1/…` one case after the other."""
    numbers = sorted({int(name.partition("/")[0].removeprefix(what)) for name in golden if name.startswith(what)})
    assert numbers == list(range(len(numbers))) and numbers
    for number in numbers:
        prefix = f"{what}{number}/"
        yield {name.removeprefix(prefix): golden[name] for name in golden if name.startswith(prefix)}


def summed(tensor: Tensor | None) -> Tensor:
    assert tensor is not None
    return torch.from_numpy(summary(tensor.detach().numpy()))


def close(tensor: Tensor | None, golden: np.ndarray, tolerance: float = FORWARD) -> None:
    assert tensor is not None
    values = tensor.detach().numpy()
    assert values.shape == golden.shape
    np.testing.assert_allclose(values, golden, rtol=tolerance, atol=tolerance)
