"""SA-FAS's own rules: its heads and their alignment, what may be missing from a batch, and its scores."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from fasdata.errors import UserError
from fastrain.methods.base import Batch
from fastrain.methods.sa_fas.network import aligned_heads, mean_cosine
from fastrain.methods.sa_fas.published import from_reference, to_reference
from fastrain.methods.sa_fas.settings import SAFASSettings
from fastrain.run.settings import layered, presets, resolve
from tests.fastrain.methods.memory_context import MemoryContext
from tests.fastrain.methods.tiny import DOMAINS, images, tiny


def heads_of(method) -> Tensor:  # type: ignore[no-untyped-def]
    return torch.cat([method.network.weight(), method.network.bias()[:, None]], dim=1).detach().clone()


def without(domain: int) -> Batch:
    batch = images(range(DOMAINS))
    kept = batch["domain"] != domain
    views = [{"rgb": view["rgb"][kept]} for view in batch["views"]]
    return {
        "views": views,
        "modalities": views[0],
        **{name: batch[name][kept] for name in ("label", "domain", "group")},
    }


def test_alignment_keeps_lengths_and_closes_the_gap_by_its_rate() -> None:
    heads = torch.randn(4, 9, dtype=torch.float64, generator=torch.Generator().manual_seed(3))
    aligned = aligned_heads(heads, 0.9)
    torch.testing.assert_close(aligned.norm(dim=1), heads.norm(dim=1), rtol=1e-8, atol=0)
    assert mean_cosine(aligned) > mean_cosine(heads)
    pair = torch.tensor([[1.0, 0.02], [2.0, -0.04]], dtype=torch.float64)  # angles ± 0.02, nearly
    closer = aligned_heads(pair, 0.995)
    assert (closer[0, 1] / closer[0, 0] / 0.02).item() == pytest.approx(2 * 0.995 - 1, rel=1e-3)


def test_alignment_begins_with_its_epoch_and_can_be_left_out() -> None:
    def cosines(align_epoch: int | None) -> list[float]:
        method = tiny("sa_fas", align_epoch=align_epoch, alpha=0.5, lr=1e-6)
        context = MemoryContext(method, images, steps_per_epoch=2)
        return [context.run_step()["loss"].item() * 0 + method.cosine().item() for _ in range(4)]

    never, late = cosines(None), cosines(1)
    assert late[:2] == pytest.approx(never[:2]) and late[2] > never[2] + 0.1


def test_a_head_without_images_stays_or_decays_once_it_has_learnt() -> None:
    for kept, moves in (("keep", [False, True, False]), ("decay", [False, True, True])):
        method = tiny("sa_fas", absent_head=kept, align_epoch=None, weight_decay=0.1)
        batches = iter([without(1), images(range(DOMAINS)), without(1)])
        context = MemoryContext(method, lambda domains, batches=batches: next(batches))
        seen = []
        for _ in moves:
            before = heads_of(method)
            context.run_step()
            assert not torch.equal(heads_of(method)[0], before[0])
            seen.append(not torch.equal(heads_of(method)[1], before[1]))
        assert seen == moves


def test_released_is_its_switches_where_they_are_not_set() -> None:
    ours, released = SAFASSettings(), SAFASSettings(compat="released")
    assert (ours.heads_for(2), ours.absent_heads_decay) == (2, False)
    assert (released.heads_for(2), released.absent_heads_decay) == (3, True)
    switched = SAFASSettings(compat="released", heads=2, absent_head="keep")
    assert (switched.heads_for(2), switched.absent_heads_decay) == (2, False)


def test_an_idle_head_keeps_its_start_and_counts_in_the_score() -> None:
    method = tiny("sa_fas", heads=4, align_epoch=None)
    before = heads_of(method)[3]
    MemoryContext(method, images).run_step()
    assert torch.equal(heads_of(method)[3], before)
    method.eval()
    batch = images(range(DOMAINS), seed=2)
    with torch.no_grad():
        logits = method.network(method._normalized(batch["modalities"]["rgb"]))[1]
        torch.testing.assert_close(method.predict(batch), logits.sigmoid().mean(dim=1))
    assert logits.shape[1] == 4
    with pytest.raises(UserError, match="2 heads cannot serve 3 source domains"):
        tiny("sa_fas", heads=2)


def test_heads_of_signs_do_not_learn() -> None:
    method = tiny("sa_fas", head="sign", align_epoch=None, weight_decay=0.0)
    before = method.network.weight().detach().clone()
    MemoryContext(method, images).run_step()
    torch.testing.assert_close(method.network.weight(), before, rtol=0, atol=1e-6)


def test_every_head_learns_from_its_own_domain_alone() -> None:
    method = tiny("sa_fas", contrastive_weight=0.0)
    batch = images(range(DOMAINS))
    _, logits = method.network(method._normalized(batch["modalities"]["rgb"]))
    own = logits.gather(1, batch["domain"][:, None])
    own[batch["domain"] == 2].sum().backward()
    gradients = [head.bias.grad.item() for head in method.network.heads]
    assert gradients == pytest.approx([0, 0, int((batch["domain"] == 2).sum())])


def test_names_translate_both_ways() -> None:
    keys = list(tiny("sa_fas", scale=None).network.state_dict())
    assert [from_reference(to_reference(key)) for key in keys] == keys
    assert from_reference("proj.weight") is None
    for key in ("fc.weight", "neck.weight"):
        with pytest.raises(KeyError):
            from_reference(key)


def test_the_presets_are_the_published_protocols() -> None:
    steps = {"OCI2M": 71, "OMI2C": 67, "OCM2I": 61, "ICM2O": 110, "MI2C": 16, "MI2O": 16}
    assert {*steps, "demo"} == set(presets("sa_fas"))
    for preset, of_epoch in steps.items():
        config = resolve(layered("sa_fas", preset))
        assert config.train.steps_per_epoch == of_epoch
        assert SAFASSettings(**config.model).heads == (3 if len(preset) == 4 else None)
