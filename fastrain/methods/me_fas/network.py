"""The network of ME-FAS: CLIP's two towers side by side, with shared prompts, prompt fusion and masks."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from fastrain.methods.me_fas.blocks import DEVIATION, Draws, marked_patches
from fastrain.methods.me_fas.prompts import SharedPrompts
from fastrain.methods.me_fas.settings import MEFASSettings
from fastrain.networks.clip import image_layer, image_tokens, text_layer

MOMENTUM = 0.1  # of the running means


class ImageToText(nn.Module):
    """Prompt fusion: attention of the text's context over the images' prompts, and a perceptron; no residual.

    Maps context (G,C,n_ctx,Wt), its classes, and the prompts' means (G,n_ctx,Wi) to new context (G,n_ctx,Wt), the same
    for all classes. G is 1, or the number of images where each has a text of its own.
    """

    def __init__(self, text_width: int, image_width: int, hidden: int) -> None:
        super().__init__()
        self.fc = nn.Linear(image_width, text_width)
        self.ln = nn.LayerNorm(text_width)
        self.mlp = nn.Sequential(nn.Linear(text_width, hidden), nn.ReLU(), nn.Linear(hidden, text_width))

    def forward(self, context: Tensor, means: Tensor) -> Tensor:
        query = context.mean(dim=1)
        key = self.fc(means)
        weights = (query @ key.transpose(-1, -2) / query.shape[-1] ** 0.5).softmax(dim=-1)
        return self.mlp(self.ln(weights @ key))


@dataclass
class Masking:
    """Which images a forward pass masks: the first `count`, by the sentences of `label` (count,) where given.

    Afterwards `marked` holds the marked patches of each layer, bool (count,P).
    """

    count: int
    label: Tensor | None = None
    marked: list[Tensor] = field(default_factory=list)


class TextEnhancedCLIP(nn.Module):
    """Map images (N,3,S,S), normalised, to features (N,D) and text features (G,C,D), neither of unit length yet.

    `clip` is an open_clip model of two plain transformers; its blocks are run from here, one layer of both towers
    after the other. Between layers the text's context is replaced by what `fusions` make of the images' prompts, and
    these by deep prompts. G is 1, or N where every image has its own text.
    """

    running_means: Tensor
    batches_seen: Tensor

    def __init__(self, clip: Any, config: MEFASSettings) -> None:
        super().__init__()
        self.clip, self.config = clip, config
        text_width, image_width = clip.token_embedding.weight.shape[1], clip.visual.class_embedding.shape[0]
        n_ctx = config.prompts.n_ctx
        self.prompts = SharedPrompts(clip.token_embedding, config.words, config.classes, n_ctx, image_width)
        self.length = int(self.prompts.end.max()) + 1  # the words are fixed
        self.layers = len(clip.visual.transformer.resblocks)
        self.deep_layers = min(config.prompts.depth, self.layers) - 1
        self.fusions = nn.ModuleList(
            ImageToText(text_width, image_width, config.fusion_width) for _ in range(self.deep_layers)
        )
        if config.learned_prompts:
            self.deep = nn.Parameter(torch.empty(self.deep_layers, n_ctx, image_width).normal_(std=DEVIATION))
        # Projects text to the width of image tokens; only the choice of patches uses it, which has no gradient.
        self.text_projection_image = nn.Parameter(torch.empty(text_width, image_width).normal_(std=text_width**-0.5))
        self.register_buffer("running_means", torch.zeros(self.deep_layers, n_ctx, image_width))
        self.register_buffer("batches_seen", torch.zeros((), dtype=torch.int64))

    def forward(self, images: Tensor, draws: Draws, masking: Masking | None = None) -> tuple[Tensor, Tensor]:
        """Run both towers; the text sees the mean of all images, and train mode updates its running mean."""
        tokens, deep, text = self._image_tokens(images), self.deep_prompts(draws, images), self._text_tokens()
        for layer in range(self.layers):
            bias = self._bias(layer, tokens, text, draws, masking)
            if layer < len(self.clip.transformer.resblocks):
                text = self._text_layer(layer, text)
            tokens = self._image_layer(layer, tokens, bias)
            if layer < self.deep_layers:
                means = tokens[:, -self.prompts.n_ctx :].mean(dim=0, keepdim=True)
                self._remember(layer, means)
                text = self._fused(layer, text, means)
                tokens = self._with_prompts(tokens, deep[layer])
        return self._image_features(tokens), self._text_features(self._remaining_text(text))

    def alone(self, images: Tensor, deep: Tensor, *, own: bool) -> tuple[Tensor, Tensor]:
        """Run both towers without masks, each image independent of the others.

        The text sees the running means of training or, with `own` or before any training, each image's own prompts.
        """
        features, prompts_by_layer = self.images_alone(images, deep)
        return features, self.text_alone(prompts_by_layer if self.sees_own(own) else None)

    def sees_own(self, own: bool) -> bool:
        """Tell whether the text sees each image's own prompts: `own`, or there was no training to take means of."""
        return own or not int(self.batches_seen)

    def images_alone(self, images: Tensor, deep: Tensor) -> tuple[Tensor, list[Tensor]]:
        """Return the features of images, each independent of the others, and the prompts after each deep layer."""
        tokens = self._image_tokens(images)
        prompts_by_layer = []
        for layer in range(self.layers):
            tokens = self._image_layer(layer, tokens, None)
            if layer < self.deep_layers:
                prompts_by_layer.append(tokens[:, -self.prompts.n_ctx :])
                tokens = self._with_prompts(tokens, deep[layer])
        return self._image_features(tokens), prompts_by_layer

    def text_alone(self, prompts_by_layer: Sequence[Tensor] | None) -> Tensor:
        """Return the features of the text that saw these prompts, of each image; None: the running means of all."""
        text = self._text_tokens()
        if prompts_by_layer:
            text = text.expand(prompts_by_layer[0].shape[0], -1, -1, -1)
        for layer in range(self.deep_layers):
            means = (
                self.running_means[layer : layer + 1].to(text.dtype)
                if prompts_by_layer is None
                else prompts_by_layer[layer]
            )
            if layer < len(self.clip.transformer.resblocks):
                text = self._text_layer(layer, text)
            text = self._fused(layer, text, means)
        return self._text_features(self._remaining_text(text, self.deep_layers))

    def deep_prompts(self, draws: Draws, like: Tensor) -> Tensor:
        """Return the deep prompts of a call (deep_layers,n_ctx,W), learned or noise."""
        if self.config.learned_prompts:
            return self.deep
        n_ctx, width = self.running_means.shape[1:]
        drawn = [draws.deep_prompt(number, (n_ctx, width)) for number in range(self.deep_layers)]
        return (torch.stack(drawn) if drawn else self.running_means).to(like)

    def _image_tokens(self, images: Tensor) -> Tensor:
        tokens = image_tokens(self.clip.visual, images)
        shared = self.prompts()[1].expand(images.shape[0], -1, -1).to(tokens.dtype)
        return self.clip.visual.ln_pre(torch.cat([tokens, shared], dim=1))

    def _text_tokens(self) -> Tensor:
        """Return the text's tokens (1,C,L,W) up to the last end token: tokens see only those before them."""
        tokens = self.prompts()[0][:, : self.length] + self.clip.positional_embedding[: self.length]
        return tokens[None]

    def _image_layer(self, layer: int, tokens: Tensor, bias: Tensor | None) -> Tensor:
        rows = 1 if layer == self.layers - 1 and layer >= self.deep_layers else None
        return image_layer(self.clip.visual.transformer.resblocks[layer], tokens, bias, rows=rows)

    def _text_layer(self, layer: int, text: Tensor) -> Tensor:
        block = self.clip.transformer.resblocks[layer]
        return text_layer(block, text.flatten(0, 1)).unflatten(0, text.shape[:2])

    def _remaining_text(self, text: Tensor, done: int | None = None) -> Tensor:
        blocks = len(self.clip.transformer.resblocks)
        for layer in range(self.layers if done is None else done, blocks):
            text = self._text_layer(layer, text)
        return text

    def _fused(self, layer: int, text: Tensor, means: Tensor) -> Tensor:
        last = 1 + self.prompts.n_ctx
        context = text[:, :, 1:last]
        new = self.fusions[layer](context, means)[:, None].expand_as(context).to(text.dtype)
        return torch.cat([text[:, :, :1], new, text[:, :, last:]], dim=2)

    def _with_prompts(self, tokens: Tensor, prompts: Tensor) -> Tensor:
        kept = tokens[:, : -self.prompts.n_ctx]
        return torch.cat([kept, prompts.to(kept.dtype).expand(kept.shape[0], -1, -1)], dim=1)

    @torch.no_grad()
    def _remember(self, layer: int, means: Tensor) -> None:
        if not self.training:
            return
        if layer == 0:
            self.batches_seen += 1
        weight = max(MOMENTUM, 1 / int(self.batches_seen))
        self.running_means[layer].lerp_(means[0].to(self.running_means.dtype), weight)

    @torch.no_grad()
    def _bias(self, layer: int, tokens: Tensor, text: Tensor, draws: Draws, masking: Masking | None) -> Tensor | None:
        """Return what the layer's mask adds to the attention scores, (N,L); None without a mask."""
        mask = self.config.mask
        if masking is None or mask.mode == "none" or layer >= mask.depth:
            return None
        patches = tokens.shape[1] - self.prompts.n_ctx
        sentences = self._ends(text)[0] @ self.text_projection_image
        marked = marked_patches(mask, tokens[: masking.count, :patches], sentences, layer, draws, masking.label)
        masking.marked.append(marked)
        bias = tokens.new_zeros(tokens.shape[:2])
        bias[: masking.count, 1:patches][marked] = -math.inf if self.config.hides else 1.0
        return bias

    def _ends(self, text: Tensor) -> Tensor:
        classes = torch.arange(text.shape[1], device=text.device)
        return text[:, classes, self.prompts.end.to(text.device)]

    def _image_features(self, tokens: Tensor) -> Tensor:
        visual = self.clip.visual
        return visual.ln_post(tokens[:, 0]) @ visual.proj

    def _text_features(self, text: Tensor) -> Tensor:
        ends = self._ends(text)
        if self.config.final_norm:
            ends = self.clip.ln_final(ends)
        return ends @ self.clip.text_projection
