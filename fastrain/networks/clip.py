"""CLIP models of open_clip (two plain transformers): build them, load OpenAI's weights, run their towers by hand."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from fasdata.errors import UserError, unknown_name
from fasdata.foreign.states import fitted
from fastrain.networks.hub import find_clip_weights
from fastrain.networks.weights import check_fits, read_weights_of

# Entries of files that are no weights, among them the mask of the text, which follows from its length.
_NO_WEIGHTS = ("input_resolution", "context_length", "vocab_size", "attn_mask")


def open_clip_model(name: str, changes: dict[str, Any], image_size: int) -> Any:
    """Return the open_clip model `name`, untrained, for images of `image_size` pixels.

    `changes` are merged into its open_clip configuration.

    Raises:
        UserError: unknown model or one of another kind, arguments it does not take, a size that patches do not fill.
    """
    import open_clip
    from open_clip.model import CLIP

    config = open_clip.get_model_config(name)
    if config is None:
        raise unknown_name("CLIP model", name, open_clip.list_models())
    config = {key: value for key, value in config.items() if key not in ("custom_text",)}
    for key, value in changes.items():
        known = config.get(key)
        config[key] = {**known, **value} if isinstance(known, dict) and isinstance(value, dict) else value
    patch = config["vision_cfg"].get("patch_size")
    if isinstance(patch, int) and image_size % patch:
        raise UserError(
            f"images of {image_size} pixels do not divide into the patches of {name}",
            expected=f"a multiple of {patch}",
            do=f"--set data.image_size={max(1, round(image_size / patch)) * patch}",
        )
    config["vision_cfg"] = {**config["vision_cfg"], "image_size": image_size}
    try:
        model = CLIP(**config)
    except (TypeError, ValueError, AssertionError, RuntimeError, ZeroDivisionError) as error:
        raise UserError(
            f"open_clip cannot build {name} with {changes}: {error}", do="correct clip or clip_kwargs"
        ) from error
    if not (hasattr(model.visual, "class_embedding") and hasattr(model.visual, "transformer")):
        raise UserError(f"{name} has no plain image transformer", expected="a model such as ViT-B-16-quickgelu")
    _plain(model, name)
    return model


def load_clip(model: Any, name: str, pretrained: bool | str) -> bool:
    """Load OpenAI's weights, cast to float32, into `model`; return False when none are asked for.

    The file may be OpenAI's own, a TorchScript archive, whose tensors are taken without running what is in it.
    Images of another size than the file's get its position embedding resampled.

    Raises:
        UserError: see `find_clip_weights`; the file cannot be read or belongs to another CLIP model.
    """
    path = find_clip_weights(name, pretrained)
    if path is None:
        return False
    read = fitted(read_weights_of(path), model.state_dict())
    weights = {key: value for key, value in read.tensors.items() if key.rpartition(".")[2] not in _NO_WEIGHTS}
    state = {key: value.float() for key, value in weights.items()}
    _resample(state, model)
    check_fits(model, state, name, path, what="CLIP model", key="clip")
    model.load_state_dict(state)
    if choices := read.choices():
        print(f"note: {choices}")
    return True


def _plain(model: Any, name: str) -> None:
    """Check that the towers do nothing that running them layer by layer, as below, leaves out.

    Raises:
        UserError: they do; names it.
    """
    visual = model.visual
    kept = {
        "a pooling other than the class token": visual.pool_type == "tok" and not visual.final_ln_after_pool,
        "patch dropout": isinstance(visual.patch_dropout, nn.Identity),
        "no projection of images": isinstance(visual.proj, nn.Parameter),
        "text pooled elsewhere than at the end token": model.text_pool_type == "argmax",
        "a text tower that sees ahead": model.attn_mask is not None,
        "no projection of text": isinstance(model.text_projection, nn.Parameter),
    }
    odd = [what for what, plain in kept.items() if not plain]
    if odd:
        raise UserError(f"{name} has {odd[0]}", expected="a model such as ViT-B-16-quickgelu")


def _resample(state: dict[str, Tensor], model: Any) -> None:
    """Resample the position embedding of images in place, where it is that of another image size."""
    from open_clip.model import resize_pos_embed

    key = "visual.positional_embedding"
    wanted, given = model.state_dict()[key].shape, state[key].shape if key in state else None
    if given is None or given == wanted or given[1:] != wanted[1:] or round((given[0] - 1) ** 0.5) ** 2 != given[0] - 1:
        return  # right, or wrong in a way that `check_fits` names
    resize_pos_embed(state, model)


# -- Text -------------------------------------------------------------------------------------------------------------


def tokenized(sentences: Sequence[str]) -> Tensor:
    """Return CLIP's token ids (C,77) of sentences, filled up with zeros."""
    return _tokenizer()(list(sentences))


@cache
def _tokenizer() -> Any:
    from open_clip.tokenizer import SimpleTokenizer

    return SimpleTokenizer()


def check_vocabulary(tokens: Tensor, embedding: nn.Embedding) -> None:
    """Check that `embedding` has a row for every token id.

    Raises:
        UserError: it has too few.
    """
    vocabulary = embedding.weight.shape[0]
    if int(tokens.max()) >= vocabulary:
        raise UserError("the CLIP model knows too few words", expected="vocab_size 49408", found=str(vocabulary))


# -- The towers, layer by layer, so that prompts can change between layers and nothing is computed for nobody ---------


def image_tokens(visual: Any, images: Tensor) -> Tensor:
    """Return class token and patches (N,1+P,W) of images (N,3,S,S), with their positions, before `ln_pre`."""
    patches = visual.conv1(images).flatten(2).transpose(1, 2)
    head = visual.class_embedding.expand(images.shape[0], 1, -1).to(patches.dtype)
    return torch.cat([head, patches], dim=1) + visual.positional_embedding.to(patches.dtype)


def class_tokens(visual: Any, images: Tensor) -> Tensor:
    """Return (N,W): what the image tower makes of images (N,3,S,S), after `ln_post` and before the projection."""
    tokens = visual.ln_pre(image_tokens(visual, images))
    *blocks, last = visual.transformer.resblocks
    for block in blocks:
        tokens = image_layer(block, tokens)
    return visual.ln_post(image_layer(last, tokens, rows=1)[:, 0])


def image_layer(block: Any, x: Tensor, bias: Tensor | None = None, *, rows: int | None = None) -> Tensor:
    """Return (N,rows,W): the first `rows` tokens (all by default) after an open_clip block over tokens (N,L,W).

    `bias` (N,L) is added to the attention scores of each key. After the last layer only the class token is read, so
    `rows=1` computes its query and perceptron alone.
    """
    if bias is not None:
        bias = bias[:, None, None, :]
    kept = x if rows is None else x[:, :rows]
    kept = kept + _attention(block.attn, block.ln_1(x), bias, rows=rows)
    return kept + block.mlp(block.ln_2(kept))


def text_layer(block: Any, x: Tensor) -> Tensor:
    """Return tokens (N,L,W) after an open_clip block in which each token sees itself and those before it."""
    x = x + _attention(block.attn, block.ln_1(x), causal=True)
    return x + block.mlp(block.ln_2(x))


def _attention(
    attention: Any, x: Tensor, bias: Tensor | None = None, *, rows: int | None = None, causal: bool = False
) -> Tensor:
    width, heads = attention.embed_dim, attention.num_heads
    weight, offset = attention.in_proj_weight, attention.in_proj_bias
    if rows is None:
        query, key, value = F.linear(x, weight, offset).chunk(3, dim=-1)
    else:
        query = F.linear(x[:, :rows], weight[:width], offset[:width])
        key, value = F.linear(x, weight[width:], offset[width:]).chunk(2, dim=-1)
    query, key, value = (part.unflatten(-1, (heads, -1)).transpose(1, 2) for part in (query, key, value))
    if bias is not None:
        bias = bias.to(query.dtype)
    mixed = F.scaled_dot_product_attention(query, key, value, attn_mask=bias, is_causal=causal)
    return attention.out_proj(mixed.transpose(1, 2).flatten(2))
