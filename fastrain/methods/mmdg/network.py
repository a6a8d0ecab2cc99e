"""MMDG's network: one transformer for every modality, and adapters between the first of them and the others."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

import torch
from timm.layers import resample_abs_pos_embed
from timm.models.vision_transformer import VisionTransformer
from torch import Tensor, nn

from fasdata.errors import UserError
from fastrain.methods.mmdg.adapters import DROPOUT, Chance, UAdapter, certainty

POSITION_DEVIATION = 0.02


@dataclass(frozen=True)
class Outcome:
    """What a forward pass gives: logits (B,2) of attack and bona fide, and of each modality, in their order, the
    features (M,B,E) and the certainty (M,B) of the last block's class token."""

    logits: Tensor
    features: Tensor
    certain: Tensor


class ThreeStreams(nn.Module):
    """Map images (B,3,S,S), by modality, to an `Outcome`.

    All modalities go through the same blocks, as one batch. Each has its own patch embedding, class token and
    positions. After every block the first modality gets a correction from each of the others, and each of them one from
    the first.

    Raises:
        UserError: the trunk is no plain vision transformer, or its patches do not fill the images.
    """

    def __init__(
        self,
        trunk: Any,
        modalities: Sequence[str],
        *,
        image_size: int,
        positions: str = "new",
        dropout: float = DROPOUT,
    ) -> None:
        super().__init__()
        trunk = require_plain(trunk)
        self.modalities = tuple(modalities)
        self.patches = nn.ModuleDict({name: deepcopy(trunk.patch_embed.proj) for name in modalities})
        self.blocks: Any = trunk.blocks
        self.norm = trunk.norm
        width, place = trunk.embed_dim, _positions(trunk, image_size)
        self.class_tokens, self.positions = nn.ParameterDict(), nn.ParameterDict()
        for name in modalities:
            self.class_tokens[name] = nn.Parameter(trunk.cls_token.detach().clone())
            own = place.clone() if positions == "pretrained" else torch.randn_like(place) * POSITION_DEVIATION
            self.positions[name] = nn.Parameter(own)
        self.adapters = nn.ModuleDict(
            {
                f"{receiver}_from_{source}": nn.ModuleList(UAdapter(width, dropout=dropout) for _ in self.blocks)
                for receiver, source in exchanges(modalities)
            }
        )
        self.head = nn.Linear(len(modalities) * width, 2)

    def forward(self, images: Mapping[str, Tensor], chance: Chance | None = None, *, drawn: bool = True) -> Outcome:
        """`chance` gives the draws of uncertainty and, in training mode, of dropout.

        Without it, or with `drawn` false, uncertainty is what is expected of it; without it nothing is dropped.
        """
        tokens = self._embedded(images)
        count = len(self.modalities)
        last = len(self.blocks) - 1
        for number, block in enumerate(self.blocks):
            attended = block.attn(block.norm1(tokens))
            middle = tokens + attended
            seen = block.norm2(middle)
            if number == last:  # only class tokens leave the last block; the others are keys and values there
                middle, asking, attended = middle[:, :1], seen[:, :1], attended[:, :1]
            else:
                asking = seen
            certain = self._certain(attended, number, chance if drawn else None)
            tokens = middle + block.mlp(asking)
            own, asked = seen.unflatten(0, (count, -1)), asking.unflatten(0, (count, -1))
            tokens = tokens + self._corrections(number, own, asked, certain, chance).flatten(0, 1)
        features = self.norm(tokens[:, 0]).unflatten(0, (count, -1))
        return Outcome(self.head(features.transpose(0, 1).flatten(1)), features, certain[..., 0])

    def _embedded(self, images: Mapping[str, Tensor]) -> Tensor:
        """Return the tokens (M*B,N,E), modality by modality."""
        streams = []
        for name in self.modalities:
            image, place = images[name], self.positions[name]
            tokens = self.patches[name](image).flatten(2).transpose(1, 2)
            if tokens.shape[1] + 1 != place.shape[1]:
                raise UserError(
                    "the positions of mmdg are for images of one size",
                    expected=f"{place.shape[1] - 1} patches",
                    found=f"{tokens.shape[1]} of an image of {image.shape[-1]} pixels",
                    do="--set data.image_size= as it was trained with",
                )
            streams.append(torch.cat([self.class_tokens[name].expand(len(tokens), -1, -1), tokens], dim=1) + place)
        return torch.cat(streams)

    def _certain(self, attended: Tensor, number: int, chance: Chance | None) -> Tensor:
        """Return (M,B,n): the mean certainty of each token over its channels."""
        apart = attended.detach().unflatten(0, (len(self.modalities), -1))
        kept = None if chance is None else chance.kept(number, apart.shape, apart)
        return certainty(apart, kept).mean(dim=-1)

    def _corrections(self, number: int, own: Tensor, asking: Tensor, certain: Tensor, chance: Chance | None) -> Tensor:
        """Return (M,B,n,E): what the adapters of a block add to each modality's tokens."""
        place = {name: k for k, name in enumerate(self.modalities)}
        added: list[Tensor | None] = [None] * len(place)
        for receiver, source in exchanges(self.modalities):
            name = f"{receiver}_from_{source}"
            adapter: Any = self.adapters[name][number]  # type: ignore[index]
            to, of = place[receiver], place[source]
            hidden = adapter.hidden(own[to], asking[of], certain[of])
            if chance is not None and adapter.drop.training and adapter.drop.p:
                hidden = chance.dropped(name, number, hidden, adapter.drop.p)
            correction, before = adapter.up(hidden), added[to]
            added[to] = correction if before is None else before + correction
        return torch.stack([torch.zeros_like(asking[k]) if total is None else total for k, total in enumerate(added)])


def exchanges(modalities: Sequence[str]) -> list[tuple[str, str]]:
    """Return receiver and source of each kind of adapter: the first modality and every other, in both directions.

    >>> exchanges(["rgb", "depth", "ir"])
    [('rgb', 'depth'), ('depth', 'rgb'), ('rgb', 'ir'), ('ir', 'rgb')]
    """
    first, *others = modalities
    return [pair for other in others for pair in ((first, other), (other, first))]


def _positions(trunk: Any, image_size: int) -> Tensor:
    """Return the trunk's position embedding (1,1+P,E) for images of a size; of another than its own it is resampled."""
    patch = trunk.patch_embed.proj.stride[0]
    if image_size % patch or image_size < patch:
        raise UserError(
            f"patches of {patch} pixels do not fill images of {image_size}",
            expected=f"a multiple of {patch}",
            do="another --set data.image_size=",
        )
    side = image_size // patch
    return resample_abs_pos_embed(trunk.pos_embed.detach(), [side, side], num_prefix_tokens=1)


def require_plain(trunk: nn.Module) -> Any:
    """Return the trunk after a check that it is what the streams are made of: a class token and plain blocks."""
    wanted = ("cls_token", "pos_embed", "patch_embed.proj.weight", "norm.weight")
    state = trunk.state_dict()
    plain = isinstance(trunk, VisionTransformer) and all(name in state for name in wanted)
    parts = {name.split(".", 2)[2] for name in state if name.startswith("blocks.")}
    usual = {"norm1", "norm2", "attn.qkv", "attn.proj", "mlp.fc1", "mlp.fc2"}
    if not plain or {part.rpartition(".")[0] for part in parts} != usual or "norm_pre.weight" in state:
        raise UserError(
            f"mmdg cannot use a trunk of class {type(trunk).__name__}",
            expected="a plain vision transformer with a class token, such as vit_base_patch16_224",
            do="correct trunk or trunk_kwargs",
        )
    return trunk
