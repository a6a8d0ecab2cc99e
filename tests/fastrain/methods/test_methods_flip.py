"""What FLIP does beside the published numbers: sentences, halves, what is read once, switches, bad input."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from pydantic import ValidationError
from torch import Generator, Tensor

from fasdata.errors import UserError
from fasdata.resources import configs_dir
from fastrain.conformance.toys import Toy
from fastrain.conformance.two_devices import gradients_of_one, gradients_of_two
from fastrain.methods.flip import method as flip
from fastrain.methods.flip.method import FLIP
from fastrain.methods.flip.network import ClassifiedTower, SentenceCLIP, drawn_sentences, halves
from fastrain.methods.flip.settings import FLIPSettings
from fastrain.run.settings import layered, resolve
from tests.fastrain.methods.tiny import DOMAINS, SIZE, TINY, images, scored, tiny, trained

VARIANTS = ("v", "it", "mcl")
LISTS = {"attack": ("a mask", "a paper face"), "bonafide": ("a person", "a real face")}


def text_of(method: Any) -> Tensor:
    return method.network.class_text(method.network.sentence_features())


@pytest.mark.parametrize("variant", VARIANTS)
def test_every_variant_learns_and_its_scores_depend_on_one_image_each(variant: str) -> None:
    method = tiny("flip", variant=variant)
    trained(method, 20)
    batch = images(range(DOMAINS), seed=1)
    together = scored(method, batch)
    assert together[batch["label"] == 1].min() > together[batch["label"] == 0].max()
    alone = [scored(method, {"modalities": {"rgb": image[None]}}) for image in batch["modalities"]["rgb"]]
    torch.testing.assert_close(torch.cat(alone), together)
    assert method.views == (3 if variant == "mcl" else 1)


def test_variants_share_their_towers_and_mcl_scores_as_it() -> None:
    it, mcl, v = (tiny("flip", variant=variant) for variant in ("it", "mcl", "v"))
    batch = images([0])
    assert torch.equal(scored(it, batch), scored(mcl, batch))
    mine, theirs = v.network.visual.state_dict(), it.network.clip.visual.state_dict()
    assert set(theirs) - set(mine) == {"proj"} and all(torch.equal(mine[key], theirs[key]) for key in mine)


def test_the_text_is_read_once_for_all_batches_and_anew_after_a_change(monkeypatch: pytest.MonkeyPatch) -> None:
    method = tiny("flip")
    reads: list[int] = []
    read = SentenceCLIP.sentence_features

    def counted(self: SentenceCLIP) -> Tensor:
        reads.append(1)
        return read(self)

    monkeypatch.setattr(SentenceCLIP, "sentence_features", counted)
    batch, scores = images([0]), []

    def score(times: int) -> int:
        before = len(reads)
        with torch.no_grad():
            scores.extend(method.predict(batch) for _ in range(times))
        return len(reads) - before

    method.eval()
    assert score(3) == 1
    with torch.no_grad():  # as an optimiser changes weights, in place
        method.network.clip.text_projection.add_(torch.randn_like(method.network.clip.text_projection))
    assert score(2) == 1 and not torch.equal(scores[-1], scores[0])
    method.load_state_dict(tiny("flip", seed=4).state_dict())
    assert score(1) == 1
    method.double()
    batch = {"modalities": {"rgb": batch["modalities"]["rgb"].double()}}
    assert score(1) == 1 and scores[-1].dtype == torch.float64
    method.eval()
    assert score(1) == 1
    method.log_odds(batch)  # with gradients nothing is kept
    assert len(reads) == 6 and score(1) == 0


def test_the_rows_of_unused_words_are_gone_and_the_others_are_those_of_the_vocabulary() -> None:
    network = tiny("flip").network
    assert network.clip.token_embedding.weight.shape == (26, 16) and network.ids.shape == (2, 6, 12)
    own = tiny("flip", text=LISTS).network
    assert len(own.words) < 12 and own.ids.shape[2] == int(own.end.max()) + 1


def test_lists_of_different_length_count_every_sentence_once() -> None:
    text = {"attack": ("a mask", "a screen", "a paper face"), "bonafide": ("a person", "a face")}
    network = tiny("flip", variant="it", text=text).network
    sentences = network.sentence_features()
    assert sentences.shape[:2] == (2, 3)
    both = network.class_text(sentences)
    expected = sentences[1, :2].mean(dim=0)
    torch.testing.assert_close(both[1], expected / expected.norm())
    expected = sentences[0].mean(dim=0)
    torch.testing.assert_close(both[0], expected / expected.norm())


def test_the_mean_of_unit_vectors_is_another_one() -> None:
    raw, unit = (tiny("flip", text={"mean": mean}) for mean in ("raw", "unit"))
    first, second = text_of(raw), text_of(unit)
    assert not torch.allclose(first, second)
    torch.testing.assert_close(first.norm(dim=1), torch.ones(2))
    torch.testing.assert_close(second.norm(dim=1), torch.ones(2))


@pytest.mark.parametrize("with_replacement", [True, False])
def test_halves_are_drawn_as_asked(with_replacement: bool) -> None:
    drawn = drawn_sentences(400, 6, Generator().manual_seed(0), with_replacement=with_replacement)
    assert drawn.shape == (400, 3) and set(drawn.unique().tolist()) == set(range(6))
    kinds = torch.tensor([len(row.unique()) for row in drawn])
    shares = [float((kinds == k).float().mean()) for k in (3, 2, 1)]
    if with_replacement:
        assert shares == pytest.approx([0.556, 0.417, 0.028], abs=0.06) and shares[2] > 0
    else:
        assert shares == [1, 0, 0]


def test_a_repeated_sentence_counts_twice_and_the_rest_is_what_was_not_drawn() -> None:
    own = torch.eye(6).expand(2, 6, 6)
    first, second = halves(torch.tensor([[4, 1, 4], [0, 0, 0]]), own)
    torch.testing.assert_close(first[0], torch.tensor([0, 1, 0, 0, 2, 0]) / 3)
    torch.testing.assert_close(second[0], torch.tensor([1, 0, 1, 1, 0, 1]) / 4)
    torch.testing.assert_close(first[1], torch.eye(6)[0])
    torch.testing.assert_close(second[1], torch.tensor([0, 1, 1, 1, 1, 1]) / 5)


def test_the_classifier_is_overwritten_in_training_and_left_alone_in_scoring() -> None:
    method = tiny("flip", variant="v", lr=1e-12)
    assert isinstance(method.network, ClassifiedTower)
    layer = method.network.classifier
    before, batch = layer.weight.detach().clone(), images([0])
    score = scored(method, batch)
    assert torch.equal(layer.weight, before)
    trained(method, 1)
    torch.testing.assert_close(layer.weight.detach().norm(dim=0), torch.ones(512), rtol=0, atol=1e-6)
    torch.testing.assert_close(scored(method, batch), score, rtol=0, atol=1e-5)
    layer.weight.data[:, 3] = 0  # a column of zeros is no division by zero
    assert torch.isfinite(scored(method, batch)).all()
    plain = tiny("flip", variant="v", head={"norm": "none"})
    kept = plain.network.classifier.weight.detach().clone()
    trained(plain, 1)
    assert (plain.network.classifier.weight.detach() - kept).abs().max() < 0.02


def test_two_devices_take_the_gradients_of_one_once_their_sentences_are_alike(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of which sentences an image's first view is compared with its place in the batch decides."""
    monkeypatch.setattr(flip, "drawn_sentences", lambda count, *_, **__: torch.tensor([[0, 3, 3]]).expand(count, 3))
    toy = Toy("flip", FLIP, tmp_path)
    alone, together = gradients_of_one(tiny("flip"), toy), gradients_of_two([tiny("flip"), tiny("flip")], toy)
    for key, gradient in alone[0].items():
        torch.testing.assert_close(together[0][key], gradient, rtol=1e-9, atol=1e-12, msg=key)


def test_new_parts_have_their_own_rate() -> None:
    for variant, new in (("v", 4), ("it", 0), ("mcl", 10)):
        groups = trained(tiny("flip", variant=variant, lr_new=0.5), 1).specs["all"].optimizer.param_groups
        assert [group["lr"] for group in groups] == [0.003, 0.5][: 2 if new else 1]
        assert sum(len(group["params"]) for group in groups[1:]) == new


def test_a_deployed_network_has_its_text_folded_in() -> None:
    method, batch = tiny("flip").eval(), images([0])
    alone = method.for_deployment().eval()
    torch.testing.assert_close(scored(alone, batch), scored(method, batch))
    with torch.no_grad():
        method.network.clip.text_projection.zero_()
    torch.testing.assert_close(scored(alone, batch), scored(alone, batch))
    assert torch.isfinite(scored(alone, batch)).all()
    classified = tiny("flip", variant="v")
    assert classified.for_deployment() is classified


def test_bad_input_is_told() -> None:
    with pytest.raises(ValidationError, match="as many sentences of attacks as of bona fide"):
        FLIPSettings(text={"attack": ["a mask"]})  # type: ignore[arg-type]
    assert FLIPSettings(variant="it", text={"attack": ["a mask"]}).text.attack == ("a mask",)  # type: ignore[arg-type]
    with pytest.raises(ValidationError, match="at least 1"):
        FLIPSettings(text={"attack": []})  # type: ignore[arg-type]
    short = {**TINY["flip"]["clip_kwargs"], "text_cfg": {"layers": 1, "width": 16, "heads": 2, "context_length": 8}}
    with pytest.raises(UserError, match=r"longest sentence has more tokens.*at most 8; found 12"):
        tiny("flip", clip_kwargs=short)
    with pytest.raises(UserError, match="knows too few words"):
        tiny("flip", clip_kwargs={**TINY["flip"]["clip_kwargs"], "text_cfg": {"vocab_size": 100, "layers": 1}})
    with pytest.raises(UserError, match=r"images of 36 pixels do not divide"):
        tiny("flip", size=36)
    method = FLIP(FLIPSettings(**TINY["flip"]), n_domains=1, image_size=SIZE)
    context = trained(method, 1)
    single = images([0], views=3)
    single = {"views": [{"rgb": view["rgb"][:1]} for view in single["views"]], "label": single["label"][:1]}
    with pytest.raises(UserError, match="two images in a batch"):
        method.training_step(single, context)


@pytest.mark.parametrize("variant", VARIANTS)
def test_mixed_precision_trains_and_scores_alike(variant: str) -> None:
    method = tiny("flip", variant=variant)
    context = trained(method, 2)
    batch = images(range(DOMAINS), seed=3)
    whole = scored(method, batch)
    with torch.autocast("cpu", torch.bfloat16):
        half = scored(method, batch)
        logs = context.run_step()
    assert all(torch.isfinite(value) for value in logs.values())
    assert all(value.dtype == torch.float32 for value in method.parameters())
    torch.testing.assert_close(half.float(), whole, rtol=0, atol=0.05)


@pytest.mark.parametrize(
    ("preset", "per_group", "variant"),
    [("MCIO", 3, "mcl"), ("single", 3, "mcl"), ("5shot", 3, "mcl"), ("WCS", 3, "mcl"), ("WCS-IT", 8, "it")],
)
def test_presets_are_the_published_configurations(preset: str, per_group: int, variant: str) -> None:
    config = resolve(layered("flip", preset))
    model = FLIPSettings.model_validate(config.model)
    assert (model.variant, model.lr, model.pretrained) == (variant, 1e-6, True)
    assert (config.data.batch_per_group, config.data.last_batch) == (per_group, "drop")
    assert (config.train.max_iterations, config.train.steps_per_epoch) == (4001, 100)


def test_the_demo_is_small_and_says_what_it_is() -> None:
    text = (configs_dir() / "flip.demo.yaml").read_text()
    assert "From scratch, not indicative" in text
    config = resolve(layered("flip", "demo"))
    method = FLIP(FLIPSettings.model_validate(config.model), n_domains=3, image_size=config.data.image_size or 0)
    assert config.data.image_size == 64
    assert sum(parameter.numel() for parameter in method.parameters()) <= 2_000_000
