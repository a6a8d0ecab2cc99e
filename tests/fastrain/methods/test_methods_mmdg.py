"""What MMDG does beside the published numbers: draws, prototypes, switches, missing modalities, bad input."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from pydantic import ValidationError
from torch import Tensor
from torch.nn import functional as F

from fasdata.errors import UserError
from fastrain.methods.base import Batch
from fastrain.methods.mmdg.adapters import SAMPLES, UAdapter, attended, binomial, certainty
from fastrain.methods.mmdg.method import MMDG
from fastrain.methods.mmdg.rebalancing import averaged, prototype_loss, rebalanced
from fastrain.methods.mmdg.settings import MMDGSettings
from tests.fastrain.methods.memory_context import MemoryContext
from tests.fastrain.methods.test_methods_mmdgfas import without
from tests.fastrain.methods.tiny import TINY, images, scored, tiny, trained

TRUNK = TINY["mmdg"]["trunk_kwargs"]


# -- Draws ------------------------------------------------------------------------------------------------------------


def test_counts_are_binomial() -> None:
    steps = 200_000
    kept = binomial((torch.arange(steps, dtype=torch.float64) + 0.5) / steps)
    share = torch.bincount(kept, minlength=SAMPLES + 1) / steps
    chances = [math.comb(SAMPLES, k) * 0.7**k * 0.3 ** (SAMPLES - k) for k in range(SAMPLES + 1)]
    torch.testing.assert_close(share, torch.tensor(chances), rtol=0, atol=1e-5)


def test_one_draw_is_distributed_as_twenty_passes_of_dropout() -> None:
    generator = torch.Generator().manual_seed(0)
    number, count = 1.3, 20_000
    passes = (torch.rand(SAMPLES, count, generator=generator) >= 0.3) * number / 0.7
    literal = torch.exp(-2.25 * passes.std(dim=0))
    ours = certainty(torch.full((count,), number), binomial(torch.rand(count, generator=generator)))
    for quantile in (0.1, 0.5, 0.9):
        assert ours.quantile(quantile) == pytest.approx(literal.quantile(quantile).item(), rel=0.02)
    assert certainty(torch.tensor([number])).item() == pytest.approx(math.exp(-2.25 * 0.650233203671706 * number))


def test_drawn_scores_are_each_images_own_and_make_no_bundle() -> None:
    drawn, expected = (tiny("mmdg", uncertainty_eval=kind) for kind in ("mc", "expected"))
    for method in (drawn, expected):
        liven(method)
    batch = images(range(3))
    together = scored(drawn, batch)
    assert not torch.equal(together, scored(expected, batch))
    torch.testing.assert_close(scored(drawn, rows(batch, [4, 1])), together[[4, 1]])
    with pytest.raises(UserError, match=r"drawn numbers.*uncertainty_eval=expected"):
        drawn.for_deployment()
    assert expected.for_deployment() is expected


def test_the_attention_of_one_dimension_a_head() -> None:
    torch.manual_seed(0)
    given = [torch.randn(2, n, 3, dtype=torch.float64, requires_grad=True) for n in (4, 7, 7)]
    apart = [of.transpose(1, 2)[..., None] for of in given]
    expected = F.scaled_dot_product_attention(*apart, scale=1.0)[..., 0].transpose(1, 2)
    ours = attended(*given)
    torch.testing.assert_close(ours, expected)
    with torch.no_grad():
        torch.testing.assert_close(attended(*given), expected)
    back = torch.randn_like(expected)
    gradients = [torch.autograd.grad(out, given, back) for out in (ours, expected)]
    torch.testing.assert_close(*gradients)


def test_an_adapter_is_silent_at_first() -> None:
    adapter = UAdapter(16)
    out = adapter(torch.randn(2, 17, 16), torch.randn(2, 17, 16), torch.ones(2, 17))
    assert out.shape == (2, 17, 16) and not out.any()


# -- Prototypes -------------------------------------------------------------------------------------------------------


def test_classes_without_a_face_take_no_part() -> None:
    features, prototypes = torch.randn(3, 4), torch.randn(5, 4)
    classes, known = torch.tensor([1, 0, 4]), torch.tensor([True, True, False, True, False])
    loss = prototype_loss(features, prototypes, classes, known)
    alone = prototype_loss(features[:2], prototypes[[0, 1, 3]], torch.tensor([1, 0]))
    torch.testing.assert_close(loss, alone)
    features.requires_grad_()
    prototype_loss(features, prototypes, classes, known).backward()
    assert torch.isfinite(features.grad).all() and not features.grad[2].any() and features.grad[:2].any()


def test_without_any_prototype_there_is_no_loss_and_at_one_no_missing_gradient() -> None:
    features = torch.randn(3, 4, requires_grad=True)
    loss = prototype_loss(features, torch.zeros(5, 4), torch.tensor([1, 0, 2]), torch.zeros(5, dtype=torch.bool))
    loss.backward()
    assert loss == 0 and not features.grad.any()
    prototype_loss(features, features.detach().clone(), torch.tensor([0, 1, 2])).backward()
    assert torch.isfinite(features.grad).all()


def test_prototypes_are_averaged_over_epochs() -> None:
    old = torch.tensor([[[1.0], [2.0], [0.0], [0.0]]])
    seen = torch.tensor([True, True, False, False])
    sums, counts = torch.tensor([[[6.0], [0.0], [8.0], [0.0]]]), torch.tensor([2, 0, 4, 0])
    ours, known = averaged(old, seen, sums, counts, 0.2, phantom=False)
    assert ours.flatten().tolist() == pytest.approx([0.8 * 3 + 0.2, 2.0, 2.0, 0.0])
    assert known.tolist() == [True, True, True, False]
    theirs, _ = averaged(old, seen, sums, counts, 0.2, phantom=True)
    assert theirs.flatten().tolist() == pytest.approx([0.8 * 3 + 0.2, 0.4, 1.6, 0.0])
    first, _ = averaged(0 * old, torch.zeros(4, dtype=torch.bool), sums, counts, 0.2, phantom=True)
    assert first.flatten().tolist() == [3.0, 0.0, 2.0, 0.0]


def test_an_epoch_begins_with_prototypes_of_a_part_of_its_batches() -> None:
    method = tiny("mmdg", prototype_share=0.5)
    context = MemoryContext(method, lambda domains: images(domains), steps_per_epoch=8)
    context.run_step()
    assert 2 < len(context.drawn) < 8 and method.training
    assert method.known.tolist() == [True] * 4 + [False]  # bona fide, and the attacks of three sources
    before = method.prototypes.clone()
    for _ in range(7):
        context.run_step()
    assert torch.equal(method.prototypes, before)
    context.run_step()
    assert not torch.equal(method.prototypes, before)
    none = tiny("mmdg", prototype_share=0.0)
    trained(none, 1)
    assert not none.known.any()


# -- Rebalanced gradients ---------------------------------------------------------------------------------------------


def gradients_of(**changes: Any) -> dict[str, Tensor]:
    """Return the gradient of every parameter in the second iteration, by name; all without chance."""
    method = tiny("mmdg", uncertainty_train="expected", adapter_dropout=0.0, **changes)
    liven(method)
    trained(method, 1)
    return {name: parameter.grad for name, parameter in method.network.named_parameters() if parameter.grad is not None}


def test_which_weights_each_mode_reaches() -> None:
    plain = gradients_of(regrad="off")
    reached = {}
    for mode, changes in {"released": {}, "corrected": {}, "sum": {"regrad_shared": "sum"}}.items():
        taken = gradients_of(**{"regrad": "corrected" if mode == "sum" else mode, **changes})
        assert taken.keys() == plain.keys()
        changed = {name for name, gradient in taken.items() if not torch.allclose(gradient, plain[name], atol=1e-9)}
        reached[mode] = {name.partition(".")[0] for name in changed}
    assert reached == {
        "released": {"class_tokens", "positions"},
        "corrected": {"class_tokens", "positions", "adapters"},
        "sum": {"class_tokens", "positions", "adapters", "blocks", "patches", "norm"},
    }


def test_the_losses_in_the_objective_train_everything_but_the_head() -> None:
    plain, summed = gradients_of(regrad="off"), gradients_of(regrad="off", ssp_in_total=True)
    for name, gradient in summed.items():
        assert torch.allclose(gradient, plain[name], atol=1e-9) == name.startswith("head"), name


def test_a_lone_modality_keeps_its_gradient() -> None:
    own = torch.randn(3)
    assert torch.equal(rebalanced(0, [own], torch.ones(1), True), own)
    trained(tiny("mmdg", modalities=("rgb",)), 2)


@pytest.mark.parametrize(("frozen", "blocks"), [("nothing", 2), ("all_but_last", 1), ("all", 0)])
def test_what_is_frozen_stays(frozen: str, blocks: int) -> None:
    method = tiny("mmdg", frozen=frozen)
    before = {name: value.clone() for name, value in method.network.named_parameters()}
    trained(method, 2)
    changed = {name for name, value in method.network.named_parameters() if not torch.equal(value, before[name])}
    assert {name.split(".")[1] for name in changed if name.startswith("blocks.")} == {"1", "0"} - set(
        "01"[: 2 - blocks]
    )
    assert any(name.startswith("patches") for name in changed) == (frozen == "nothing")
    for part in ("class_tokens", "positions", "adapters", "norm", "head"):
        assert any(name.startswith(part) for name in changed)


def test_a_broken_picture_makes_the_loss_no_number_and_ends_nothing() -> None:
    batch = images(range(3))
    batch["modalities"]["depth"][1, 0, 0, 0] = float("nan")
    logs = MemoryContext(tiny("mmdg"), lambda domains: batch, steps_per_epoch=1).run_step()
    assert logs["loss"].isnan()


# -- Modalities -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("modalities", [("rgb",), ("rgb", "ir"), ("depth", "ir")])
def test_a_stream_for_each_modality_and_no_other(modalities: tuple[str, ...]) -> None:
    method = tiny("mmdg", modalities=modalities)
    liven(method)
    pairs = {f"{modalities[0]}_from_{modalities[-1]}", f"{modalities[-1]}_from_{modalities[0]}"}
    assert set(method.network.adapters) == (pairs if len(modalities) > 1 else set())
    batch = images(range(3))
    others = {name: image + 1 for name, image in batch["modalities"].items() if name not in modalities}
    changed = {**batch, "modalities": batch["modalities"] | others}
    assert torch.equal(scored(method, batch), scored(method, changed))


@pytest.mark.parametrize("lost", [("depth",), ("ir",), ("depth", "ir")])
def test_a_missing_modality_is_a_black_image(lost: tuple[str, ...]) -> None:
    method = tiny("mmdg")
    liven(method)
    batch = images(range(3))
    black = {**batch["modalities"], **{name: torch.zeros_like(batch["modalities"][name]) for name in lost}}
    scores = scored(method, without(batch, *lost))
    assert torch.equal(scores, scored(method, {"modalities": black}))
    assert not torch.allclose(scores, scored(method, batch))


def test_infrared_with_two_pictures_of_it() -> None:
    """As three channels of whole grey levels, everywhere or in prototypes alone; what is missing stays black."""
    batch = images([0])
    plain, mixed, always = (tiny("mmdg", ir_input=kind) for kind in ("ir", "mixed", "ir_hog_plgf"))
    shown = always.shown(batch)["ir"]
    assert not torch.equal(shown[:, 0], shown[:, 1]) and not torch.equal(shown[:, 1], shown[:, 2])
    torch.testing.assert_close((128 * shown + 127.5).round(), 128 * shown + 127.5, rtol=0, atol=1e-3)
    assert torch.equal(mixed.shown(batch)["ir"], plain.shown(batch)["ir"])
    assert always.shown(without(batch, "ir"))["ir"].unique().tolist() == pytest.approx([-127.5 / 128])
    for method in (plain, mixed, always):
        trained(method, 1)
    assert torch.allclose(mixed.prototypes, always.prototypes) and not torch.allclose(
        mixed.prototypes, plain.prototypes
    )


def test_each_modality_is_corrected_by_its_partners_alone() -> None:
    """Colour hears both others; depth hears infrared only through colour, one block later."""
    method = tiny("mmdg", trunk_kwargs={**TRUNK, "depth": 1})
    liven(method)
    batch = images([0])
    shown = {name: image.clone() for name, image in batch["modalities"].items()}
    shown["ir"] += 0.3
    with torch.no_grad():
        before, after = (
            method.eval().network(method.shown({"modalities": of})).features for of in (batch["modalities"], shown)
        )
    same = [torch.allclose(a, b) for a, b in zip(before, after, strict=True)]
    assert same == [False, True, False]


# -- Bad input --------------------------------------------------------------------------------------------------------


REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"modalities": ("rgb", "rgb")}, "each modality once"),
    ({"modalities": ("rgb", "ir"), "proto_swap": True}, "second and third modality; found rgb, ir"),
    ({"modalities": ("rgb", "depth"), "ir_input": "mixed"}, "made of infrared; found rgb, depth"),
    ({"regrad": "fixed"}, "'corrected', 'released' or 'off'"),
    ({"prototype_momentum": 1.0}, "less than 1"),
]


@pytest.mark.parametrize(("settings", "message"), REFUSED)
def test_settings_that_make_no_sense_are_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        MMDGSettings(**settings)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"trunk": "resnet10t", "trunk_kwargs": {}}, "timm cannot build trunk 'resnet10t'|class ResNet"),
        ({"trunk": "deit3_small_patch16_224", "trunk_kwargs": TRUNK}, "a plain vision transformer"),
        ({"trunk_kwargs": {**TRUNK, "class_token": False, "global_pool": "avg"}}, "with a class token"),
    ],
)
def test_other_trunks_are_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=message):
        MMDG(MMDGSettings(**{**TINY["mmdg"], **changes}), n_domains=3, image_size=32)


def test_images_of_another_size_are_refused() -> None:
    with pytest.raises(UserError, match=r"images of one size; expected 16 patches; found 36 of an image of 48 pixels"):
        scored(tiny("mmdg"), images([0], size=48))


@pytest.mark.parametrize(
    ("name", "channels", "message"), [("rgb", 1, "of 3 channels; found images of 1"), ("ir", 2, "1 or 3")]
)
def test_other_channels_are_refused_by_name(name: str, channels: int, message: str) -> None:
    batch = images([0])
    batch["modalities"][name] = torch.rand(4, channels, 32, 32)
    with pytest.raises(UserError, match=f"stream of {name} .*{message}"):
        scored(tiny("mmdg"), batch)


def liven(method: MMDG) -> None:
    """Give the adapters something to say, which are silent at first."""
    generator = torch.Generator().manual_seed(1)
    for adapters in method.network.adapters.values():
        for adapter in adapters:
            adapter.up.weight.data = torch.randn(adapter.up.weight.shape, generator=generator)


def rows(batch: Batch, members: list[int]) -> Batch:
    return {"modalities": {name: image[members] for name, image in batch["modalities"].items()}}
