"""SSDG's rules against numbers made by running the published code: frames, images, rates, passes, evaluation."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from fasdata.protocols.sampling import FrameRule
from fastrain.config import EvaluateConfig
from fastrain.data.samplers import GroupStream
from fastrain.data.transforms import AugmentConfig, augment, to_tensors
from fastrain.evaluation.metrics.counts import ClassScores, Counts, fuse
from fastrain.evaluation.metrics.curve import auc
from fastrain.evaluation.metrics.reference import legacy, ssdg_eer
from fastrain.methods.ssdg.method import SSDG
from fastrain.methods.ssdg.settings import SSDGSettings
from fastrain.networks.trunk import imagenet_normalized
from fastrain.run.settings import layered, resolve
from fastrain.train.selection import selection_of
from tests.fastrain.methods.tiny import TINY
from tests.golden.location import golden_dir
from tests.golden.test_ssdg import cases

PRESETS = {"I_C_M_to_O": "ICM2O", "O_C_I_to_M": "OCI2M", "O_C_M_to_I": "OCM2I", "O_M_I_to_C": "OMI2C"}


@pytest.fixture(scope="module")
def folder() -> Path:
    return golden_dir("ssdg")


def test_frames_of_a_clip(folder: Path) -> None:
    golden = np.load(folder / "frame_sampling.npz")
    compared = 0
    for case in sorted({name.partition("/")[0] for name in golden}):
        of = {name.partition("/")[2]: golden[name] for name in golden if name.startswith(f"{case}/")}
        if case == "last_single":
            continue  # its code joins a last clip of one frame to the clip before; a clip stays its own here
        rule = FrameRule.parse(f"ssdg({int(of['num_frames'])})@with_face")
        selected = [(video, frame) for video, frames in clips(of) for frame in picked(rule, frames)]
        if str(of["error"]):  # too short for its code, which ends there; here the last frame serves
            assert str(of["error"]) == "IndexError"
            short = [len(frames) for _, frames in clips(of) if rule.clamps(len(frames))]
            assert short and selected
        else:
            theirs = zip(of["out_video"].tolist(), of["out_frame"].tolist(), strict=True)
            assert selected == list(theirs)
            compared += 1
    assert compared >= 3


def clips(case: dict[str, np.ndarray]) -> Iterator[tuple[str, list[int]]]:
    for video in dict.fromkeys(case["in_video"].tolist()):
        yield video, sorted(case["in_frame"][case["in_video"] == video].tolist())


def picked(rule: FrameRule, frames: list[int]) -> list[int]:
    """The frames that a rule takes of a clip in which just these show a face."""
    faces = {index: index in frames for index in range(frames[-1] + 1)}
    chosen = rule.resolve(frames[-1] + 1, faces)
    assert chosen is not None
    return list(chosen)


def test_an_image_for_the_network(folder: Path) -> None:
    golden = np.load(folder / "pipeline.npz")
    images = {"rgb": golden["image"]}
    plain = to_tensors(images, AugmentConfig())["rgb"]
    flipped = augment(images, AugmentConfig(horizontal_flip=1.0), np.random.default_rng(0))["rgb"]
    for ours, theirs in ((plain, "test"), (flipped, "flipped")):
        made = imagenet_normalized(ours[None])[0].numpy()
        np.testing.assert_allclose(made, golden[theirs], rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("name", PRESETS)
def test_rates_of_a_whole_training(folder: Path, name: str) -> None:
    golden = np.load(folder / "schedule.npz")
    preset = resolve(layered("ssdg", PRESETS[name]))
    published = dict(
        zip(golden[f"{name}/config_names"].tolist(), golden[f"{name}/config_values"].tolist(), strict=True)
    )
    for ours, theirs in (("lambda_triplet", "lambda_triplet"), ("lambda_adversarial", "lambda_adreal"),
                         ("momentum", "momentum"), ("weight_decay", "weight_decay")):  # fmt: skip
        if theirs in published:
            assert preset.model.get(ours, SSDGSettings().model_dump()[ours]) == pytest.approx(published[theirs])
    assert preset.train.max_iterations + 1 == golden[f"{name}/iterations"]  # its last one is never evaluated
    every = preset.train.steps_per_epoch * preset.train.validate_every_epochs
    assert [i - 1 for i in range(every, 4001, every)] == golden[f"{name}/eval_after_iter"].tolist()

    model = {**{key: preset.model[key] for key in ("lr_steps",) if key in preset.model}, **TINY["ssdg"], "lr": 0.001}
    method = SSDG(SSDGSettings(**model), n_domains=3, image_size=32)
    assert method.config.lr == SSDGSettings().lr
    (spec,) = method.configure().values()
    rates = []
    for _ in range(preset.train.max_iterations + 1):
        rates.append(spec.optimizer.param_groups[0]["lr"])
        spec.optimizer.step()
        assert spec.scheduler is not None
        spec.scheduler.step()
    at = golden[f"{name}/lr_at"]
    np.testing.assert_allclose(np.array(rates)[at], golden[f"{name}/lr"], rtol=1e-12)
    changed = [i for i in range(1, len(rates)) if rates[i] != rates[i - 1]]
    assert changed == golden[f"{name}/lr_change_at"].tolist()

    for domain, counts in enumerate(golden[f"{name}/videos_real_fake"].tolist()):
        for kind, count in zip(("real", "fake"), counts, strict=True):
            begun, sizes = passes(count, preset.data.batch_per_group, len(rates))
            assert begun == golden[f"{name}/new_pass_at/dom{domain}/{kind}"].tolist()
            assert sizes == set(golden[f"{name}/batch_sizes_seen/dom{domain}/{kind}"].tolist())


@pytest.mark.parametrize("name", PRESETS)
def test_which_evaluation_is_kept(folder: Path, name: str) -> None:
    golden = np.load(folder / "schedule.npz")
    policy = selection_of(EvaluateConfig(select="target_oracle", metric="eer", ties="last"))
    best: dict[str, float] | None = None
    scripted = golden[f"{name}/scripted_hter_auc_acc_thr"].tolist()
    published = golden[f"{name}/ckpt_epoch_hter_besthter_bestacc_bestacer_thr_isbest"].tolist()
    for (hter, _, accuracy, _), (_, _, best_hter, best_accuracy, _, _, is_best) in zip(
        scripted, published, strict=True
    ):
        improved = policy.improves({"eer": hter, "auc": 0.0}, best)  # HTER and EER are one number there
        assert improved == bool(is_best)
        best = {"eer": hter, "accuracy": accuracy} if improved else best
        assert best is not None and (best["eer"], best["accuracy"]) == (best_hter, best_accuracy)


def passes(count: int, size: int, batches: int) -> tuple[list[int], set[int]]:
    """The batches that begin a pass of a stream of `count` clips, and how large batches are."""
    stream, position, begun, sizes = GroupStream(np.arange(count), (0, 0)), 0, [], set()
    for number in range(batches):
        if position % count == 0:
            begun.append(number)
        taken = len(stream.batch(position, size))
        sizes.add(taken)
        position += taken
    return begun, sizes


def test_evaluation(folder: Path) -> None:
    golden = np.load(folder / "evaluation.npz")
    known = {name: golden[name] for name in golden if name.startswith("case")}
    for case in cases(known):
        scores = F.softmax(torch.from_numpy(case["logits"]), dim=1)[:, 1].numpy()
        first, fused = fuse(scores, case["video"])
        labels = case["label"][first]
        np.testing.assert_allclose(fused, case["video_score"], rtol=1e-6, atol=1e-6)
        np.testing.assert_array_equal(labels, case["video_label"])
        _, _, eer, hter, area, threshold, accuracy = case["loss_top1_eer_hter_auc_thr_accthr"]
        ours = legacy(case["video_score"], labels)
        assert ours["EER_THR"] == threshold
        np.testing.assert_allclose([ours["EER"], ours["HTER"], 100 * ours["ACC"]], [eer, hter, accuracy], rtol=1e-6)
        assert auc(case["video_score"], labels) == pytest.approx(area, rel=1e-6)
        np.testing.assert_allclose(
            [ours["EER"], ours["HTER"], area, ours["ACC"], ours["EER_THR"]],
            case["dgtest_top1_eer_hter_auc_accthr_thr"][1:],
            rtol=1e-6,
        )
        assert ssdg_eer(case["video_score"], labels).threshold == threshold


@pytest.mark.parametrize(("name", "label"), [("all_real", 1), ("all_fake", 0)])
def test_evaluation_of_a_single_class(folder: Path, name: str, label: int) -> None:
    golden = np.load(folder / "evaluation.npz")
    scores = golden[f"{name}/score"]
    ours = legacy(scores, np.full(len(scores), label))
    assert (ours["EER"], ours["HTER"], ours["EER_THR"]) == tuple(
        golden[f"{name}/{key}"] for key in ("eer", "hter", "thr")
    )


def test_the_curve(folder: Path) -> None:
    golden = np.load(folder / "evaluation.npz")
    scores, labels = golden["curve/score"], golden["curve/label"]
    ours, grid = legacy(scores, labels), np.append(np.arange(10001) / 10000, 1.1)
    assert (ours["EER"], ours["EER_THR"]) == (golden["curve/eer"], golden["curve/thr"])
    assert len(grid) == golden["curve/n_thresholds"]
    counts = Counts.at(ClassScores.of(scores, labels), grid)
    np.testing.assert_allclose(counts.far[::100], golden["curve/far_every100"], rtol=1e-12)
    np.testing.assert_allclose(counts.frr[::100], golden["curve/frr_every100"], rtol=1e-12)
