"""One layer of each of CLIP's towers, run from outside so that prompts can change between layers."""

from __future__ import annotations

from typing import Any

from torch import Tensor
from torch.nn import functional as F


def image_layer(block: Any, x: Tensor, bias: Tensor | None = None, *, rows: int | None = None) -> Tensor:
    """Return (N,rows,W): the first `rows` tokens (all by default) after an open_clip block over tokens (N,L,W).

    `bias` (N,L) is added to what every query thinks of each key. In the last layer only the class token is read, so
    only its query and its perceptron have to be computed.
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
