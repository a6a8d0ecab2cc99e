"""SA-FAS's rules against numbers made by running the published code: images, rates, epochs, metrics."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from fasdata.faces.view import View
from fastrain.augmentation import AugmentConfig, SidedCrop
from fastrain.data.geometry import Geometry, central_square
from fastrain.data.transforms import moved, to_tensors
from fastrain.evaluation.metrics.reference import gac
from fastrain.methods.sa_fas.settings import SAFASSettings
from fastrain.networks.trunk import imagenet_normalized
from fastrain.run.settings import layered, resolve
from fastrain.train.selection import selection_of
from tests.fastrain.methods.memory_context import MemoryContext
from tests.fastrain.methods.tiny import images, tiny
from tests.golden.fill import Fill, summary
from tests.golden.location import golden_dir
from tests.golden.test_sa_fas import summed_up

PRESETS = {
    "O_C_I_to_M": "OCI2M", "O_M_I_to_C": "OMI2C", "O_C_M_to_I": "OCM2I", "I_C_M_to_O": "ICM2O",
    "M_I_to_C": "MI2C", "M_I_to_O": "MI2O",
}  # fmt: skip
# The published chain on a picture of any size; runs have the same chain on the view `square`.
CHAIN = AugmentConfig(
    rotation=180,
    rotate_first=True,
    random_resized_crop=SidedCrop(scale=(0.2, 1.0), ratio=(1.0, 1.0), side=256, cut=True),
    horizontal_flip=0.5,
)


@pytest.fixture(scope="module")
def folder() -> Path:
    return golden_dir("sa_fas")


@pytest.fixture(scope="module")
def fill(folder: Path) -> Fill:
    return Fill(json.loads((folder / "fill.json").read_text())["salt"])


def picture(fill: Fill, width: int, height: int) -> np.ndarray:
    made = fill.image(f"crop{width}x{height}", (1, 3, height, width))[0]
    return np.ascontiguousarray(np.round(255 * made).astype(np.uint8).transpose(1, 2, 0))


def close(image: np.ndarray, golden: np.lib.npyio.NpzFile, part: str) -> None:
    made = imagenet_normalized(to_tensors({"rgb": image}, AugmentConfig())["rgb"][None])[0].numpy()
    np.testing.assert_allclose(made[:, 8::16, 8::16], golden[f"{part}/grid"], rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose(summary(made), golden[f"{part}/summary"], rtol=1e-6, atol=1e-3)


def test_images_for_training(folder: Path, fill: Fill) -> None:
    golden = np.load(folder / "transforms.npz")
    parts = sorted({name.partition("/")[0] for name in golden if name.startswith("train") and "/" in name})
    assert len(parts) == 8
    for part in parts:
        top, left, height, width = golden[f"{part}/box_top_left_height_width"].tolist()
        box = (left, top, left + width, top + height)
        drawn = Geometry(box, bool(golden[f"{part}/flip"]), float(golden[f"{part}/angle"]), None, None, None, None)
        close(moved(picture(fill, *golden[f"{part}/wh"].tolist()), drawn, CHAIN, "rgb"), golden, part)


def test_images_for_tests(folder: Path, fill: Fill) -> None:
    """The central square by the view; where its position is random there, the same square by the same resizing."""
    golden = np.load(folder / "transforms.npz")
    parts = sorted({name.partition("/")[0] for name in golden if name.startswith("test") and name.endswith("/grid")})
    central = 0
    for part in parts:
        width, height = golden[f"{part}/wh"].tolist()
        top, left, side, _ = golden[f"{part}/box_top_left_height_width"].tolist()
        image, box = picture(fill, width, height), (left, top, left + side, top + side)
        if box == central_square(height, width):
            whole = (0, 0, width, height)
            made = View.named("square(resize=pillow)").render(image, whole, 1.0, whole, None)
            central += 1
        else:
            made = moved(image, Geometry(box, False, 0.0, None, None, None, None), CHAIN, "rgb")
        close(made, golden, part)
    assert central >= 3


def test_where_a_test_image_is_always_the_central_square(folder: Path) -> None:
    golden = np.load(folder / "transforms.npz")
    sizes = [name for name in golden if name.startswith("test_boxes/")]
    for name in sizes:
        width, height = (int(number) for number in name.partition("/")[2].split("x"))
        fits = round(np.sqrt(0.9 * width * height)) <= min(width, height)
        boxes = {tuple(box) for box in golden[name].tolist()}
        x0, y0, x1, y1 = central_square(height, width)
        assert fits or boxes == {(y0, x0, y1 - y0, x1 - x0)}
    assert sizes


def test_a_crop_that_never_fits_is_the_central_square() -> None:
    config = CHAIN.model_copy(
        update={"random_resized_crop": SidedCrop(scale=(0.99, 1.0), ratio=(1.0, 1.0), cut=True, side=64)}
    )
    drawn = Geometry.draw(config, 100, 40, np.random.default_rng(0))
    assert drawn.resized_crop == (0, 30, 40, 70) == central_square(100, 40)
    assert moved(np.zeros((100, 40, 3), np.uint8), drawn, config, "rgb").shape == (64, 64, 3)


@pytest.mark.parametrize("name", PRESETS)
def test_a_whole_training(folder: Path, name: str) -> None:
    """Rates, aligned epochs and what is evaluated; an epoch of ICM2O is five of the published ones."""
    golden = np.load(folder / "schedule.npz")
    preset = resolve(layered("sa_fas", PRESETS[name]))
    config = SAFASSettings(**preset.model)
    epochs = preset.train.max_iterations // preset.train.steps_per_epoch
    passes = len(golden[f"{name}/lr"]) // epochs
    assert passes * epochs == len(golden[f"{name}/lr"]) and preset.train.max_iterations % epochs == 0
    method = tiny(
        "sa_fas", lr=config.lr, lr_step_epochs=config.lr_step_epochs, lr_gamma=config.lr_gamma,
        align_epoch=config.align_epoch,
    )  # fmt: skip
    context = MemoryContext(method, images, steps_per_epoch=1)
    (spec,) = context.specs.values()
    turned: list[int] = []
    method.training_step = lambda batch, ctx: turned.append(ctx.epoch > config.align_epoch) or {}  # type: ignore[method-assign, func-returns-value]
    rates = []
    for _ in range(epochs):
        context.run_step()
        rates += [spec.optimizer.param_groups[0]["lr"]] * passes
        spec.optimizer.step()
    np.testing.assert_allclose(rates, golden[f"{name}/lr"], rtol=1e-12)
    assert np.repeat(turned, passes).tolist() == golden[f"{name}/aligned"].tolist()
    ends = selection_of(preset.evaluate).kept(preset.train)
    last_ten = [passes * end // preset.train.steps_per_epoch for end in ends]
    assert last_ten == golden[f"{name}/evaluated_after"][-10:].tolist()
    evaluations = [gac(scores, golden[f"{name}/labels"]) for scores in golden[f"{name}/scores"]]
    line = summed_up(evaluations)
    line[0] = float(golden[f"{name}/evaluated_after"][int(line[0]) - 1])
    np.testing.assert_allclose(line, golden[f"{name}/summary"], atol=1e-9)


def test_metrics(folder: Path) -> None:
    golden = np.load(folder / "metrics.npz")
    names = ("ACC", "FPR", "FRR", "HTER", "AUC", "ERR", "TPR@FPR5")
    stems = sorted({name.partition("/")[0] for name in golden})
    for stem in stems:
        ours = gac(golden[f"{stem}/scores"], golden[f"{stem}/labels"])
        wanted = golden[f"{stem}/acc_fpr_frr_hter_auc_err_tpr"]
        np.testing.assert_allclose([ours[name] for name in names], wanted, rtol=1e-12, atol=1e-12)
    assert len(stems) >= 5
