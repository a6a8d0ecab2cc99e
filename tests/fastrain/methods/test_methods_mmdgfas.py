"""What MMDGFAS does beside the published numbers: choices of modalities, missing ones, views, bad input."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from pydantic import ValidationError
from torch import Tensor

from fasdata.errors import UserError
from fastrain.methods.base import Batch
from fastrain.methods.mmdgfas.losses import cross_modal_focal_loss
from fastrain.methods.mmdgfas.method import AT_ONCE, MMDGFAS, VIEWS, crop_corners, crops36
from fastrain.methods.mmdgfas.settings import MMDGFASSettings
from tests.fastrain.methods.memory_context import MemoryContext
from tests.fastrain.methods.tiny import images, tiny, trained

HYBRID = {"loss": "combined_all", "ce_weight": 1.0, "fusion": {"decision": "hybrid", "weight": 0.25}}


def without(batch: Batch, *names: str) -> Batch:
    """Return the batch as the engine makes it where the protocol takes modalities away."""
    shown = {name: image * (name not in names) for name, image in batch["modalities"].items()}
    count = len(batch["label"])
    return {
        **batch,
        "modalities": shown,
        "available": {name: torch.full((count,), name not in names) for name in shown},
    }


@torch.no_grad()
def all_scores(method: MMDGFAS, batch: Batch) -> dict[str, Tensor]:
    return method.eval().scores(batch)


@pytest.mark.parametrize("modalities", [("rgb",), ("rgb", "ir"), ("rgb", "depth", "ir")])
def test_a_stream_for_each_modality_and_no_other(modalities: tuple[str, ...]) -> None:
    method = tiny("mmdgfas", modalities=modalities)
    trained(method, 1)
    assert method.modalities == tuple(method.network.streams) == modalities
    batch = images(range(3))
    others = {name: image + 1 for name, image in batch["modalities"].items() if name not in modalities}
    changed = {**batch, "modalities": batch["modalities"] | others}
    assert torch.equal(all_scores(method, batch)["score"], all_scores(method, changed)["score"])


@pytest.mark.parametrize("lost", [("depth",), ("ir",), ("depth", "ir")])
def test_scores_with_missing_modalities(lost: tuple[str, ...]) -> None:
    method = tiny("mmdgfas", **HYBRID)
    trained(method, 3)
    batch = images(range(3))
    scores = all_scores(method, without(batch, *lost))
    left = [name for name in method.modalities if name not in lost]
    mean = torch.stack([scores[name] for name in left]).mean(dim=0)
    torch.testing.assert_close(scores["score"], 0.25 * scores["fused"] + 0.75 * mean)
    whole = all_scores(method, batch)
    for name in left:  # a head sees its own modality alone
        torch.testing.assert_close(scores[name], whole[name])
    assert not torch.allclose(scores["score"], whole["score"])


def test_a_face_without_any_modality_is_judged_by_the_fused_head() -> None:
    method = tiny("mmdgfas", **HYBRID)
    scores = all_scores(method, without(images([0]), "rgb", "depth", "ir"))
    assert torch.equal(scores["score"], scores["fused"]) and torch.isfinite(scores["score"]).all()


def test_labels_are_not_read_when_scoring() -> None:
    method = tiny("mmdgfas")
    batch = images([0, 1])
    bare = {"modalities": batch["modalities"]}
    assert torch.equal(all_scores(method, batch)["score"], all_scores(method, bare)["score"])


def test_each_loss_trains_its_heads_and_only_them() -> None:
    trains = {}
    for loss in ("ce", "combined", "combined_all"):
        method = tiny("mmdgfas", loss=loss)
        before = {name: value.clone() for name, value in method.network.named_parameters()}
        trained(method, 1)
        changed = {name for name, value in method.network.named_parameters() if not torch.equal(value, before[name])}
        trains[loss] = any(name.startswith("modality_head") for name in changed)
        assert any(name.startswith("head") for name in changed)
    assert trains == {"ce": False, "combined": True, "combined_all": True}


def test_combined_compares_colour_and_depth_alone() -> None:
    method = tiny("mmdgfas", loss="combined")
    label = torch.tensor([1, 0, 1])
    logits = torch.randn(3, 2)
    apart = {name: torch.randn(3, 2) for name in ("rgb", "depth", "ir")}
    whole = method._combined(logits, apart, label)
    other = method._combined(logits, {**apart, "ir": torch.randn(3, 2)}, label)
    assert torch.equal(whole[""], other[""])
    every = tiny("mmdgfas", loss="combined_all")
    assert every._combined(logits, apart, label)["cross_modal"] != whole["cross_modal"]


@pytest.mark.parametrize("loss", ["ce", "combined", "combined_all"])
def test_a_broken_picture_makes_the_loss_no_number_and_ends_nothing(loss: str) -> None:
    """The engine tells whose it is, and keeps what was saved before."""
    batch = images(range(3))
    batch["modalities"]["depth"][1, 0, 0, 0] = float("nan")
    method = tiny("mmdgfas", loss=loss)
    logs = MemoryContext(method, lambda domains: batch).run_step()
    assert logs["loss"].isnan()


@pytest.mark.parametrize("kind", [torch.float16, torch.bfloat16])
def test_the_focal_loss_of_half_precision_is_that_of_the_same_numbers_in_single(kind: torch.dtype) -> None:
    """Two heads as wrong as can be: in half precision their weight would be nothing over nothing."""
    first, second = torch.tensor([0.0, 0.3, 1.0], dtype=kind), torch.tensor([0.0, 0.9, 1.0], dtype=kind)
    label = torch.tensor([1.0, 1.0, 0.0], dtype=kind)
    loss = cross_modal_focal_loss(first, second, label)
    assert torch.isfinite(loss) and loss.dtype == torch.float32
    torch.testing.assert_close(loss, cross_modal_focal_loss(first.float(), second.float(), label.float()))


def test_views_are_taken_once_whatever_the_batch() -> None:
    method = tiny("mmdgfas", size=40, crop=24, eval_views="crops36")
    batch = images(range(3), size=40)
    seen = []
    method.network.register_forward_pre_hook(lambda module, args: seen.append(1))
    count = []
    handle = method.network.streams["rgb"].register_forward_pre_hook(lambda module, args: count.append(len(args[0])))
    together = all_scores(method, batch)["score"]
    assert sum(count) == VIEWS * len(together) and max(count) == VIEWS * AT_ONCE
    handle.remove()
    alone = [
        all_scores(method, {"modalities": {name: image[k : k + 1] for name, image in batch["modalities"].items()}})
        for k in range(len(together))
    ]
    torch.testing.assert_close(torch.cat([scores["score"] for scores in alone]), together)


def test_views_as_the_published_code_has_them_hang_on_dataset_and_part() -> None:
    every = ("crops36", "full", "reference")
    ways = {views: tiny("mmdgfas", size=40, crop=24, eval_views=views).double() for views in every}
    batch = images(range(3), size=40)
    batch["modalities"] = {name: image.double() for name, image in batch["modalities"].items()}
    count = len(batch["label"])
    names = ["casia-surf", "wmca", "padisi-face", "casia-surf-cefa"]
    batch["id"] = [f"{names[k % 4]}/clip/{k}" for k in range(count)]
    cropped, whole = (all_scores(ways[views], batch)["score"] for views in ("crops36", "full"))
    exactly = {"rtol": 1e-10, "atol": 0.0}
    assert not torch.isclose(cropped, whole, **exactly).any()
    for part, shown_whole in (("test", "casia-surf"), ("val", "wmca")):
        scores = all_scores(ways["reference"], {**batch, "part": part})["score"]
        these = torch.tensor([sample_id.startswith(f"{shown_whole}/") for sample_id in batch["id"]])
        assert these.any() and not these.all()
        torch.testing.assert_close(scores, torch.where(these, whole, cropped), **exactly)


@pytest.mark.parametrize(("side", "crop"), [(112, 48), (100, 33), (48, 48), (50, 48), (200, 48)])
def test_crops_lie_inside_the_image(side: int, crop: int) -> None:
    corners = crop_corners(side, crop)
    assert len(corners) == 9
    assert all(0 <= place <= side - crop for corner in corners for place in corner)
    assert crops36({"ir": torch.rand(2, 1, side, side)}, crop)["ir"].shape == (2 * VIEWS, 1, crop, crop)


def test_a_learning_rate_restarts_and_momentum_stays() -> None:
    method = tiny("mmdgfas", cycle_epochs=2, lr=0.1, lr_lowest=0.001)
    context = MemoryContext(method, lambda domains: images(domains), steps_per_epoch=2)
    optimiser, rates = context.specs["all"].optimizer, []
    for _ in range(8):
        context.run_step()
        rates.append(optimiser.param_groups[0]["lr"])
    assert rates == pytest.approx([0.0505, 0.0505, 0.001, 0.001] * 2)
    assert all("momentum_buffer" in optimiser.state[value] for value in method.network.streams.parameters())


REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"modalities": ("rgb", "rgb")}, "each modality once"),
    ({"modalities": ()}, "at least 1"),
    ({"modalities": ("thermal",)}, "'rgb', 'depth' or 'ir'"),
    ({"fusion": {"decision": "hybrid"}}, "set loss=combined_all and ce_weight=1"),
    ({"modalities": ("rgb",), "loss": "combined"}, "compares modalities and there is one"),
    ({"lr": 0.0001}, "lr_lowest 0.001 is above lr 0.0001"),
    ({"planes": 20}, "multiple of 16"),
    ({"fusion": {"decission": "hybrid"}}, "extra"),
]


@pytest.mark.parametrize(("settings", "message"), REFUSED)
def test_settings_that_make_no_sense_are_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        MMDGFASSettings(**settings)


def test_images_smaller_than_a_crop_are_refused() -> None:
    with pytest.raises(UserError, match="images of 40 pixels are smaller than the crops of 48"):
        MMDGFAS(MMDGFASSettings(planes=16), n_domains=1, image_size=40)


def test_training_images_of_another_size_than_test_crops_are_refused() -> None:
    method = tiny("mmdgfas", crop=24, eval_views="crops36")
    with pytest.raises(UserError, match=r"training images of 32 pixels, and test crops of 24.*mix_crop_mask\.crop=24"):
        trained(method, 1)


@pytest.mark.parametrize(
    ("name", "channels", "message"), [("rgb", 1, "of 3 channels; found images of 1"), ("ir", 2, "1 or 3")]
)
def test_other_channels_are_refused_by_name(name: str, channels: int, message: str) -> None:
    method, batch = tiny("mmdgfas"), images([0])
    batch["modalities"][name] = torch.rand(4, channels, 32, 32)
    with pytest.raises(UserError, match=f"stream of {name} .*{message}"):
        all_scores(method, batch)


def test_a_modality_that_a_batch_lacks_is_refused_by_name() -> None:
    batch = images([0])
    del batch["modalities"]["depth"]
    with pytest.raises(UserError, match=r"stream of depth .*found none.*model\.modalities"):
        all_scores(tiny("mmdgfas"), batch)
