"""The parts of MMDG's network: the uncertainty of a modality, and the U-Adapter."""

from __future__ import annotations

import math
from typing import Any, Protocol

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from fastrain.networks.central_difference import CentralDifference

# -- Uncertainty ------------------------------------------------------------------------------------------------------

SAMPLES, DROPPED, SHARPNESS = 20, 0.3, 2.25


def factors(samples: int = SAMPLES, dropped: float = DROPPED) -> Tensor:
    """Return float64 (samples + 1): the deviation of a number 1 of which k = 0, 1, ... samples survived dropout.

    Dropout multiplies what survives by 1 / (1 - dropped), so the sample deviation depends on k alone.
    """
    kept = torch.arange(samples + 1, dtype=torch.float64)
    return (kept * (samples - kept) / (samples * (samples - 1))).sqrt() / (1 - dropped)


def expected_factor(samples: int = SAMPLES, dropped: float = DROPPED) -> float:
    """Return the mean of `factors` over k ~ Binomial(samples, 1 - dropped).

    >>> round(expected_factor(), 12)
    0.650233203672
    """
    chances = [math.comb(samples, k) * (1 - dropped) ** k * dropped ** (samples - k) for k in range(samples + 1)]
    return float((factors(samples, dropped) * torch.tensor(chances, dtype=torch.float64)).sum())


def certainty(
    attended: Tensor,
    kept: Tensor | None = None,
    *,
    samples: int = SAMPLES,
    dropped: float = DROPPED,
    sharpness: float = SHARPNESS,
) -> Tensor:
    """Return exp(-sharpness * deviation) of an attention output (...,E) under dropout; no gradient flows.

    `kept` (...,E) says how many of the samples of each number survived; None takes the expected deviation. So one draw
    stands for all the passes of dropout, exactly in distribution.
    """
    size = attended.detach().abs()
    if kept is None:
        return torch.exp(size * (-sharpness * expected_factor(samples, dropped)))
    table = (-sharpness * factors(samples, dropped)).to(size.device, size.dtype)
    return torch.exp(size * table[kept])


class Chance(Protocol):
    """The random numbers of a forward pass."""

    def kept(self, block: int, shape: torch.Size, like: Tensor) -> Tensor:
        """Return int (M,B,N,E) in 0...SAMPLES on the device of `like`: how many samples keep each number."""

    def dropped(self, adapter: str, block: int, hidden: Tensor, rate: float) -> Tensor:
        """Return `hidden` after dropout."""


class TorchChance:
    """Draws from torch's own generator of the device, as dropout does: what training uses."""

    def kept(self, block: int, shape: torch.Size, like: Tensor) -> Tensor:
        return binomial(torch.rand(shape, device=like.device))

    def dropped(self, adapter: str, block: int, hidden: Tensor, rate: float) -> Tensor:
        return F.dropout(hidden, rate)


class SeededChance:
    """Gives each image the same numbers at every call, so that a score depends on its own image alone."""

    def __init__(self, seed: int) -> None:
        self._seed = seed

    def kept(self, block: int, shape: torch.Size, like: Tensor) -> Tensor:
        generator = torch.Generator().manual_seed(self._seed * 1_000_003 + block)
        alone = torch.rand((shape[0], 1, *shape[2:]), generator=generator)
        return binomial(alone).to(like.device).expand(shape)

    def dropped(self, adapter: str, block: int, hidden: Tensor, rate: float) -> Tensor:
        return hidden


def binomial(uniform: Tensor, samples: int = SAMPLES, dropped: float = DROPPED) -> Tensor:
    """Return int32 draws of Binomial(samples, 1 - dropped) of uniform numbers in [0,1), by its inverse."""
    chances = [math.comb(samples, k) * (1 - dropped) ** k * dropped ** (samples - k) for k in range(samples)]
    bounds = torch.tensor(chances, dtype=torch.float64).cumsum(0).to(uniform.device, uniform.dtype)
    return torch.bucketize(uniform, bounds, out_int32=True, right=True)


# -- The adapter ------------------------------------------------------------------------------------------------------

WIDTH, DROPOUT, THETA = 8, 0.2, 0.5


class UAdapter(nn.Module):
    """Correct the tokens of a receiver by those of a source, whose certainty is the temperature of its queries.

    The source decides where to look; keys and values are the receiver's own. Attention has one dimension a head.
    """

    def __init__(self, tokens: int, width: int = WIDTH, dropout: float = DROPOUT) -> None:
        super().__init__()
        self.drop = nn.Dropout(dropout)
        self.down_own, self.down_source = nn.Linear(tokens, width), nn.Linear(tokens, width)
        self.query, self.key, self.value = (nn.Linear(width, width, bias=False) for _ in range(3))
        self.out = nn.Linear(width, width)
        self.norm = nn.LayerNorm(width)
        self.convolution = CentralDifference(width, width, theta=THETA)
        self.up = nn.Linear(width, tokens)
        for down in (self.down_own, self.down_source):
            nn.init.xavier_uniform_(down.weight)
            nn.init.zeros_(down.bias)
        nn.init.zeros_(self.up.weight)
        nn.init.zeros_(self.up.bias)

    def hidden(self, own: Tensor, source: Tensor, temperature: Tensor) -> Tensor:
        """Return (B,n,W), before dropout and `up`, of tokens own (B,N,E), source (B,n,E), temperature (B,n).

        n is N, or 1 for the class token alone.
        """
        reduced, asking = quick_gelu(self.down_own(own)), quick_gelu(self.down_source(source))
        queries = self.query(asking) * temperature[..., None].to(asking.dtype)
        looked = self.out(attended(queries, self.key(reduced), self.value(reduced)))
        return quick_gelu(self._convolved(self.norm(reduced[:, : looked.shape[1]] + looked)))

    def forward(self, own: Tensor, source: Tensor, temperature: Tensor) -> Tensor:
        return self.up(self.drop(self.hidden(own, source, temperature)))

    def _convolved(self, tokens: Tensor) -> Tensor:
        """Return the tokens after the convolution: the class token by itself, the patches as a square map."""
        kernel = self.convolution.kernel()
        alone = F.linear(tokens[:, :1], kernel[..., 1, 1])
        if tokens.shape[1] == 1:
            return alone
        side = math.isqrt(tokens.shape[1] - 1)
        maps = tokens[:, 1:].transpose(1, 2).unflatten(2, (side, side))
        return torch.cat([alone, F.conv2d(maps, kernel, padding=1).flatten(2).transpose(1, 2)], dim=1)


def attended(queries: Tensor, keys: Tensor, values: Tensor) -> Tensor:
    """Return (B,n,W) of queries (B,n,W), keys and values (B,N,W): every channel is a head of its own, at scale 1."""
    heads = [of.transpose(1, 2) for of in (queries, keys, values)]
    if torch.is_grad_enabled() and not torch.compiler.is_exporting():
        return ThinAttention.apply(*heads).transpose(1, 2)
    return (_weights(heads[0], heads[1]) @ heads[2][..., None])[..., 0].transpose(1, 2)


def _weights(queries: Tensor, keys: Tensor) -> Tensor:
    return (queries[..., None] * keys[..., None, :]).softmax(dim=-1)


class ThinAttention(torch.autograd.Function):
    """Attention of heads of one dimension: queries (B,W,n), keys and values (B,W,N) to (B,W,n).

    With one dimension a head, every gradient is a product of the weights (n,N) with three vectors, so that a pass back
    makes no other matrix of that size; torch's own makes five, and this method goes back four times.
    """

    @staticmethod
    def forward(ctx: Any, queries: Tensor, keys: Tensor, values: Tensor) -> Tensor:
        kind = queries.dtype
        with torch.autocast(queries.device.type, enabled=False):  # at single precision or more
            single = torch.promote_types(kind, torch.float32)
            q, k, v = (of.to(single) for of in (queries, keys, values))
            weights = _weights(q, k)
            out, key, both = (weights @ torch.stack([v, k, v * k], dim=-1)).unbind(-1)
        ctx.save_for_backward(weights, q, v, out, key, both)
        ctx.kind = kind
        return out.to(kind)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, Tensor, Tensor]:  # type: ignore[override]
        weights, q, v, out, key, both = ctx.saved_tensors
        gradient = gradient.to(weights.dtype)
        asked = gradient * q
        sums = weights.transpose(-1, -2) @ torch.stack([gradient, asked, asked * out], dim=-1)
        of_values, first, second = sums.unbind(-1)
        made = gradient * (both - out * key), v * first - second, of_values
        return tuple(of.to(ctx.kind) for of in made)  # type: ignore[return-value]


def quick_gelu(x: Tensor) -> Tensor:
    """Return x sigmoid(1.702 x)."""
    return x * torch.sigmoid(1.702 * x)
