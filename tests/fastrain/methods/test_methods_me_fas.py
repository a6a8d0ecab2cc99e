"""What ME-FAS does beside the published numbers: masks, prompts, evaluation, switches, bad input."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from fasdata.errors import UserError
from fastrain.methods.me_fas.blocks import GeneratorDraws, marked_patches
from fastrain.methods.me_fas.method import MEFAS
from fastrain.methods.me_fas.network import Masking
from fastrain.methods.me_fas.settings import Mask, MEFASSettings, Schedule
from fastrain.networks.hub import find_clip_weights
from tests.fastrain.methods.tiny import DOMAINS, SIZE, TINY, images, scored, tiny, trained

PATCHES = 36


def marked(mode: str, ratio: float = 0.5, seed: int = 0, **changes: Any) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    tokens = torch.randn(3, 1 + PATCHES, 8, generator=generator)
    sentences = torch.randn(2, 8, generator=generator)
    label = changes.pop("label", None)
    mask = Mask(mode=mode, ratio=ratio, **changes)  # type: ignore[arg-type]
    return marked_patches(mask, tokens, sentences, 0, GeneratorDraws(generator), label)


@pytest.mark.parametrize("mode", ["location", "random", "grid", "border"])
@pytest.mark.parametrize("ratio", [0.0, 0.3, 0.75, 0.99])
def test_a_set_holds_the_whole_part_of_the_ratio(mode: str, ratio: float) -> None:
    assert marked(mode, ratio).sum(dim=1).tolist() == [int(PATCHES * ratio)] * 3


def test_random_location_is_the_union_of_both() -> None:
    union = marked("random_location")
    location = marked("location")
    assert (union & location).eq(location).all()
    random = marked("random")  # the generator stands where it stood for the union
    assert torch.equal(union, location | random)
    assert not marked("none").any()


def test_grid_keeps_every_second_patch_and_border_the_middle() -> None:
    kept = ~marked("grid", 0.75)[0].view(6, 6)
    assert kept[::2, ::2].all() and kept.sum() == 9
    ring = marked("border", 20 / 36)[0].view(6, 6)
    assert not ring[1:5, 1:5].any() and ring.sum() == 20


def test_location_marks_what_is_least_like_the_sentence_of_the_label() -> None:
    tokens = torch.zeros(2, 5, 2)
    tokens[:, 1:, 0] = torch.tensor([3.0, 1.0, 2.0, 4.0])
    tokens[:, 1:, 1] = -tokens[:, 1:, 0]
    tokens[:, 0] = torch.tensor([0.0, 1.0])
    mask, sentences = Mask(mode="location"), torch.eye(2)
    draws = GeneratorDraws(torch.Generator())
    # the class token is like sentence 1, so the furthest is sentence 0
    far = marked_patches(mask, tokens, sentences, 0, draws, None)
    assert far.tolist() == [[False, True, True, False]] * 2
    own = marked_patches(mask, tokens, sentences, 0, draws, torch.tensor([0, 1]))
    assert own.tolist() == [[False, True, True, False], [True, False, False, True]]


@pytest.mark.parametrize("views", [("first", 12), ("all", 36)])
def test_which_images_are_masked(views: tuple[str, int], monkeypatch: pytest.MonkeyPatch) -> None:
    method = tiny("me_fas", mask={"views": views[0], "sentence": "label"})
    seen: list[Masking] = []
    forward = type(method.network).forward

    def noted(self: Any, images: Tensor, draws: Any, masking: Masking) -> Any:
        seen.append(masking)
        return forward(self, images, draws, masking)

    monkeypatch.setattr(type(method.network), "forward", noted)
    trained(method, 1)
    assert seen[0].count == views[1] and seen[0].label is not None and len(seen[0].label) == views[1]
    assert [len(marked) for marked in seen[0].marked] == [views[1]] * 2


def test_hidden_patches_change_nothing_and_favoured_ones_do() -> None:
    """With `neg_inf` the class token after one layer does not depend on what is marked."""
    for apply, alike in (("neg_inf", True), ("additive_one", False)):
        method = tiny("me_fas", mask={"mode": "border", "apply": apply}, prompts={"depth": 1})
        network = method.network.eval()
        network.layers = 1
        picture = torch.rand(1, 3, SIZE, SIZE, generator=torch.Generator().manual_seed(1))
        other = picture.clone()
        other[:, :, :8] = 0.0  # the top row of patches is among the first that border marks
        with torch.no_grad():
            original, changed = (network(x, GeneratorDraws(torch.Generator()), Masking(1))[0] for x in (picture, other))
        assert torch.allclose(original, changed) == alike


@pytest.mark.parametrize("compat", ["reference", "paper"])
@pytest.mark.parametrize("context", ["running", "own"])
def test_scores_do_not_depend_on_batch_mates(compat: str, context: str) -> None:
    method = tiny("me_fas", compat=compat, eval={"context": context})
    trained(method, 3)
    batch = images(range(DOMAINS), per_group=4, seed=5)["modalities"]["rgb"]
    together = scored(method, {"modalities": {"rgb": batch}})
    order = torch.randperm(len(batch), generator=torch.Generator().manual_seed(1))
    for size, places in ((1, torch.arange(len(batch))), (7, torch.arange(len(batch))), (5, order)):
        scores = torch.cat([scored(method, {"modalities": {"rgb": batch[some]}}) for some in places.split(size)])
        torch.testing.assert_close(scores, together[places], rtol=0, atol=1e-6)
    assert len(together.unique()) == len(together)


def test_the_reference_policy_lets_batch_mates_in() -> None:
    method = tiny("me_fas", eval={"policy": "reference"})
    trained(method, 3)
    batch = images(range(DOMAINS), seed=5)["modalities"]["rgb"]
    together = scored(method, {"modalities": {"rgb": batch}})
    assert torch.equal(scored(method, {"modalities": {"rgb": batch}}), together)  # repeatable all the same
    alone = torch.cat([scored(method, {"modalities": {"rgb": image[None]}}) for image in batch])
    assert (alone - together).abs().max() > 1e-4


def test_prompt_seed_decides_noise_and_nothing_once_prompts_are_learned() -> None:
    for compat, alike in (("reference", False), ("paper", True)):
        first, second = (tiny("me_fas", compat=compat, eval={"prompt_seed": seed}) for seed in (0, 1))
        for method in (first, second):
            trained(method, 2)
        batch = images(range(DOMAINS), seed=5)
        assert torch.equal(scored(first, batch), scored(second, batch)) == alike


def test_running_means_are_the_mean_of_the_first_batches() -> None:
    method = tiny("me_fas", lr=1e-12, prompts={"depth": 2, "deep": "learned"}, mask={"mode": "none"})
    assert not scored(method, images([0])).isnan().any()  # before any batch, the text sees each image's own prompts
    trained(method, 1)
    after_one = method.network.running_means.clone()
    assert after_one.abs().sum() > 0
    trained(method, 4)
    assert int(method.network.batches_seen) == 5
    torch.testing.assert_close(method.network.running_means, after_one, rtol=1e-3, atol=1e-5)  # the same batch


@pytest.mark.parametrize(("compat", "expected"), [("reference", (False, False, False)), ("paper", (True, True, True))])
def test_compat_stands_behind_the_switches_and_each_can_be_set_alone(
    compat: str, expected: tuple[bool, bool, bool]
) -> None:
    def switches(**changes: Any) -> tuple[bool, bool, bool]:
        settings = MEFASSettings(compat=compat, **changes)  # type: ignore[arg-type]
        return settings.final_norm, settings.hides, settings.learned_prompts

    assert switches() == expected
    turned = [not switch for switch in expected]
    assert switches(text={"final_norm": turned[0]}) == (turned[0], *expected[1:])
    assert switches(mask={"apply": "neg_inf" if turned[1] else "additive_one"})[1] == turned[1]
    assert switches(prompts={"deep": "learned" if turned[2] else "noise"})[2] == turned[2]


@pytest.mark.parametrize("words", ["", "a photo"])
def test_more_prompts_than_words_start_at_random(words: str) -> None:
    method = tiny("me_fas", words=words, prompts={"n_ctx": 5, "depth": 2})
    assert method.network.prompts.ctx.shape == (5, 16)
    ids = method.network.prompts.tokens[0, 1:6].tolist()
    assert len(set(ids)) == 1  # placeholders
    trained(method, 2)
    assert not scored(method, images([0])).isnan().any()


def test_frozen_parameters_stay_and_the_others_have_their_rate() -> None:
    method = tiny("me_fas", freeze=("clip.visual", "head"), lr_new=0.5)
    before = {key: value.clone() for key, value in method.state_dict().items()}
    context = trained(method, 1)
    groups = context.specs["all"].optimizer.param_groups
    assert [group["lr"] for group in groups] == [0.003, 0.5]
    named = dict(method.named_parameters())
    for key, value in named.items():
        frozen = key.startswith(("network.clip.visual", "head"))
        assert value.requires_grad != frozen
        if frozen:
            assert torch.equal(value, before[key])
    assert not torch.equal(named["network.prompts.ctx"], before["network.prompts.ctx"])
    with pytest.raises(UserError, match=r"no parameter of me_fas begins with 'clip\.image'"):
        tiny("me_fas", freeze=("clip.image",))


def test_one_source_domain_is_enough_and_one_image_is_not() -> None:
    settings = MEFASSettings(**TINY["me_fas"])
    method = MEFAS(settings, n_domains=1, image_size=SIZE)
    context = trained(method, 2)
    assert context.drawn == [(0,), (0,)]
    single = {name: value[:1] if isinstance(value, Tensor) else value for name, value in images([0], views=3).items()}
    single["views"] = [{"rgb": view["rgb"][:1]} for view in single["views"]]
    with pytest.raises(UserError, match="two images in a batch"):
        method.training_step(single, context)


def test_sizes_that_patches_do_not_fill_are_refused() -> None:
    with pytest.raises(UserError, match=r"images of 36 pixels do not divide.*multiple of 8.*image_size=32"):
        tiny("me_fas", size=36)


def test_unknown_models_and_wrong_arguments_are_refused() -> None:
    with pytest.raises(UserError, match="did you mean 'ViT-B-16"):
        tiny("me_fas", clip="ViT-B16")
    with pytest.raises(UserError, match="open_clip cannot build"):
        tiny("me_fas", clip_kwargs={"vision_cfg": {"colour": 1}})
    with pytest.raises(UserError, match="knows too few words"):
        tiny("me_fas", clip_kwargs={**TINY["me_fas"]["clip_kwargs"], "text_cfg": {"vocab_size": 100, "layers": 1}})
    with pytest.raises(UserError, match=r"(no plain image transformer|a model such as)"):
        tiny("me_fas", clip="RN50", clip_kwargs={}, size=32)


def test_weights_of_another_clip_model_are_refused(tmp_path: Path) -> None:
    save_file(tiny("me_fas").network.clip.state_dict(), tmp_path / "small.safetensors")
    other = {**TINY["me_fas"]["clip_kwargs"], "embed_dim": 24}
    with pytest.raises(UserError, match=r"another network than CLIP model .* of another shape"):
        tiny("me_fas", pretrained=str(tmp_path / "small.safetensors"), clip_kwargs=other)
    with pytest.raises(UserError, match="no weight file at"):
        tiny("me_fas", pretrained=str(tmp_path / "none.pt"))
    with pytest.raises(UserError, match="no weights are known for CLIP model 'ViT-S-16'"):
        find_clip_weights("ViT-S-16", True)


def test_weights_are_loaded_also_in_half_precision_and_for_another_size(tmp_path: Path) -> None:
    source = tiny("me_fas", seed=5).network.clip.state_dict()
    save_file({key: value.half() for key, value in source.items()}, tmp_path / "clip.safetensors")
    method = tiny("me_fas", seed=6, pretrained=str(tmp_path / "clip.safetensors"))
    loaded = method.network.clip.state_dict()
    assert all(value.dtype == torch.float32 for value in loaded.values())
    assert all(torch.equal(loaded[key], value.half().float()) for key, value in source.items())
    # the sentences are those of the loaded vocabulary
    ids = method.network.prompts.tokens[0, 1:3]
    assert torch.equal(method.network.prompts.ctx, loaded["token_embedding.weight"][ids])
    larger = tiny("me_fas", size=48, pretrained=str(tmp_path / "clip.safetensors"))
    position = larger.network.clip.visual.positional_embedding
    assert position.shape == (1 + 36, 32)
    assert torch.equal(position[0], loaded["visual.positional_embedding"][0])


def as_torchscript(state: dict[str, Tensor]) -> torch.jit.ScriptModule:
    """Return a TorchScript module that holds these tensors under their dotted names, as OpenAI's file does."""
    root = nn.Module()
    for name, value in state.items():
        *parts, last = name.split(".")
        module = root
        for part in parts:
            if not hasattr(module, part):
                module.add_module(part, nn.Module())
            module = getattr(module, part)
        module.register_parameter(last, nn.Parameter(value, requires_grad=False))
    return torch.jit.script(root)


def test_the_form_of_openais_own_file_is_read(tmp_path: Path) -> None:
    source = {key: value.half() for key, value in tiny("me_fas", seed=5).network.clip.state_dict().items()}
    numbers = {name: torch.tensor(32) for name in ("input_resolution", "context_length", "vocab_size")}
    mask = {"transformer.resblocks.0.attn_mask": torch.zeros(77, 77)}
    as_torchscript({**source, **numbers, **mask}).save(str(tmp_path / "ViT-B-16.pt"))
    loaded = tiny("me_fas", seed=6, pretrained=str(tmp_path / "ViT-B-16.pt")).network.clip.state_dict()
    assert all(
        value.dtype == torch.float32 and torch.equal(value, source[key].float()) for key, value in loaded.items()
    )


def test_a_warm_up_longer_than_the_schedule_is_refused() -> None:
    with pytest.raises(ValueError, match="more epochs than the 2"):
        Schedule(use=True, epochs=2)


@pytest.mark.parametrize("compat", ["reference", "paper"])
def test_mixed_precision_trains_and_scores_alike(compat: str) -> None:
    method = tiny("me_fas", compat=compat)
    context = trained(method, 2)
    batch = images(range(DOMAINS), seed=3)
    whole = scored(method, batch)
    with torch.autocast("cpu", torch.bfloat16):
        half = scored(method, batch)
        logs = context.run_step()
    assert all(torch.isfinite(value) for value in logs.values())
    assert all(value.dtype == torch.float32 for value in method.parameters())
    torch.testing.assert_close(half.float(), whole, rtol=0, atol=0.05)
