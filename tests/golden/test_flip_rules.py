"""FLIP's rules against numbers made by running the published code: images, batches, scores of clips, metrics."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import PIL
import pytest
import torch

from fastrain.augmentation import AugmentConfig, SimCLRViews
from fastrain.data.preparing import resample, write_into
from fastrain.data.samplers import GroupStream
from fastrain.data.simclr_views import View, saturated
from fastrain.evaluation.metrics.counts import fuse
from fastrain.evaluation.metrics.curve import auc, tpr_at_fpr
from fastrain.evaluation.metrics.reference import legacy
from fastrain.networks.trunk import imagenet_normalized
from tests.golden.location import golden_dir
from tests.golden.parts_flip import FillFLIP, arrays

SIDE = 224
CONFIG = AugmentConfig(resize=SIDE, interpolation="bicubic", simclr_views=SimCLRViews(hsv="reference"))
SIZES = {"noise": (224, 224), "small": (61, 47), "big": (300, 260), "view": (224, 224)}


@pytest.fixture(scope="module")
def folder() -> Path:
    return golden_dir("flip")


@pytest.fixture(scope="module")
def fill(folder: Path) -> FillFLIP:
    return FillFLIP(json.loads((folder / "fill.json").read_text())["salt"])


def picture(fill: FillFLIP, name: str) -> np.ndarray:
    """Return a picture in RGB; the formula's channels are those of OpenCV, blue first."""
    planes = np.round(255 * fill.image(f"ops/{name}", (1, 3, *SIZES[name]))[0]).astype(np.uint8)
    return np.ascontiguousarray(planes[::-1].transpose(1, 2, 0))


def prepared(image: np.ndarray, kind: str) -> np.ndarray:
    """Return what the published code makes of an image: kind test, train (no jitter), or sat and a factor."""
    if kind != "test":
        image = saturated(image, None if kind == "train" else float(kind.removeprefix("sat")), wrap=True)
    return image if image.shape[:2] == (SIDE, SIDE) else resample(image, "rgb", CONFIG, size=(SIDE, SIDE))


def test_saturation_and_size(folder: Path, fill: FillFLIP) -> None:
    golden = arrays(folder, "image_ops")
    exact = golden["versions"][:2].tolist() == [cv2.__version__, PIL.__version__]
    made = {case: prepared(picture(fill, case.split("/")[0]), case.split("/")[1]) for case in golden["cases"].tolist()}
    for case, ours in made.items():
        apart = np.abs(ours[::7, ::7].astype(int) - golden[case].astype(int))
        # other versions may differ by a grey level, two after resizing; beside a wrapped value by any number
        assert (apart <= (0 if exact else 1 if case.startswith("noise") else 2)).mean() >= (1 if exact else 0.999), case
        sums = ours.astype(np.int64).sum(axis=(0, 1))
        np.testing.assert_allclose(sums, golden[f"{case}/sum"], rtol=0 if exact else 1e-3)
    kinds = [key.split("/")[1] for key in golden if key.endswith("/diff_hist")]
    assert kinds
    for kind in kinds:
        difference = (made[f"noise/{kind}"].astype(int) - made["noise/test"].astype(int)).ravel()
        counts = [difference < -1, difference == -1, difference == 0, difference == 1, difference > 1]
        expected = golden[f"noise/{kind}/diff_hist"]
        loose = 0 if exact else 0.002 * difference.size
        np.testing.assert_allclose([part.sum() for part in counts], expected, rtol=0, atol=loose)
        wrapped = golden[f"noise/{kind}/wrapped"]
        np.testing.assert_allclose((np.abs(difference) > 128).sum(), wrapped, rtol=0, atol=loose)


def test_the_default_neither_wraps_nor_darkens(fill: FillFLIP) -> None:
    image = picture(fill, "noise")
    assert saturated(image, None, wrap=False) is image
    same = saturated(image, 1.0, wrap=False)
    np.testing.assert_array_equal(same, image)
    clean, wrapped = (saturated(image, 1.2, wrap=wrap).astype(int) for wrap in (False, True))
    bright = wrapped - clean > 128
    assert bright.mean() > 0.01 and (clean[bright] == 0).all()
    assert np.abs(wrapped - clean)[~bright].max() <= 1


def test_normalisation(folder: Path, fill: FillFLIP) -> None:
    out: dict[str, np.ndarray] = {}
    write_into({"rgb": picture(fill, "noise")}, CONFIG, out=out)
    ours = imagenet_normalized(torch.from_numpy(out["rgb"])[None])[0, :, :6, :6]
    np.testing.assert_allclose(ours, arrays(folder, "image_ops")["noise/normalised"], rtol=1e-5, atol=1e-6)


def test_views(folder: Path, fill: FillFLIP) -> None:
    golden, image = arrays(folder, "image_ops"), picture(fill, "view")
    kinds = ("brightness", "contrast", "saturation", "hue")
    for number, row in enumerate(golden["view_draws"]):
        drawn = dict(zip(golden["view_draw_names"].tolist(), row.tolist(), strict=True))
        top, left = int(drawn["top"]), int(drawn["left"])
        order = [kinds[int(drawn[f"order{k}"])] for k in range(4)]
        view = View(
            crop=(left, top, left + int(drawn["width"]), top + int(drawn["height"])),
            colours=[(kind, drawn[kind]) for kind in order] if drawn["jitter"] else [],
            grey=bool(drawn["gray"]),
            blur=drawn["sigma"],
            flip=bool(drawn["flip"]),
        )
        np.testing.assert_array_equal(view.of(image)[::7, ::7].transpose(2, 0, 1), golden[f"view{number}/out"])


class TorchPasses(GroupStream):
    """A stream whose passes have given orders."""

    orders: list[np.ndarray]

    def _shuffled(self, number: int) -> np.ndarray:
        return self.members[self.orders[number]]


def test_batches(folder: Path) -> None:
    golden = arrays(folder, "sampler")
    fake, real = golden["sizes_fake_real"].T
    groups = golden["groups"].tolist()
    sizes = {group: int((real if group.endswith("real") else fake)[int(group[3]) - 1]) for group in groups}
    loading = sorted(groups, key=lambda group: (group.endswith("fake"), group))  # all bona fide loaders come first
    for seed in golden["seeds"].tolist():
        streams = {group: TorchPasses(np.arange(size), (0,), fill=True, whole=3) for group, size in sizes.items()}
        index = golden[f"seed{seed}/index"]
        for group, orders in drawn_orders(seed, loading, sizes, len(index)).items():
            streams[group].orders = orders
        ours = [[streams[group].batch(3 * iteration, 3) for group in groups] for iteration in range(len(index))]
        np.testing.assert_array_equal(ours, index)


def drawn_orders(seed: int, loading: list[str], sizes: dict[str, int], iterations: int) -> dict[str, list[np.ndarray]]:
    """Return the orders of every group's passes, drawn as torch's loaders do that start anew in the published loop."""
    orders: dict[str, list[np.ndarray]] = {group: [] for group in loading}

    def number() -> int:
        return int(torch.empty((), dtype=torch.int64).random_())

    with torch.random.fork_rng():
        torch.manual_seed(seed)
        for _ in loading:
            number()  # iterators that are made before the loop, and thrown away
        for iteration in range(iterations):
            begun = [group for group in loading if iteration % (sizes[group] // 3) == 0]
            for _ in begun:
                number()
            for group in begun:
                generator = torch.Generator().manual_seed(number())
                orders[group].append(torch.randperm(sizes[group], generator=generator).numpy())
    return orders


@pytest.mark.parametrize("case", range(5))
def test_scores_of_clips_and_metrics(case: int, folder: Path) -> None:
    golden = {key.removeprefix(f"case{case}/"): value for key, value in arrays(folder, "evaluation").items()}
    scores = torch.from_numpy(golden["logits"]).softmax(dim=1)[:, 1].numpy()
    first, fused = fuse(scores, golden["video"])
    np.testing.assert_array_equal(golden["video"][first], golden["video_order"])
    np.testing.assert_allclose(fused, golden["video_scores"], rtol=1e-6)
    np.testing.assert_array_equal(golden["label"][first], golden["video_labels"])
    score, label = golden["video_scores"], golden["video_labels"].astype(int)
    _, _, *expected = golden["loss_top1_eer_hter_auc_thr_acc_tpr"]
    metrics = legacy(score, label)
    ours = [metrics["EER"], metrics["HTER"], auc(score, label), metrics["EER_THR"]]
    ours += [100 * metrics["ACC"], tpr_at_fpr(score, label, 0.01)]
    np.testing.assert_allclose(ours, expected, rtol=1e-6, atol=1e-9)
