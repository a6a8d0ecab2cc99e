"""The sentences of the two classes, whose learnable words the image tower shares."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from fasdata.errors import UserError
from fastrain.methods.me_fas.blocks import DEVIATION
from fastrain.networks.clip import check_vocabulary, tokenized


class SharedPrompts(nn.Module):
    """Sentences `words` + class name + ".", whose first `n_ctx` words are learnable and the same for all classes.

    They start with the embeddings of `words`; where these are fewer than `n_ctx`, at random in place of placeholders.
    `tokens` int64 (C,L) are the sentences' ids, `end` (C,) the place of the end token. The forward pass returns the
    text tokens (C,L,Wt) before their positions are added, and the same words as prompts of images (n_ctx,Wi).
    """

    token_prefix: Tensor
    token_suffix: Tensor

    def __init__(
        self, embedding: nn.Embedding, words: str, classes: Sequence[str], n_ctx: int, image_width: int
    ) -> None:
        super().__init__()
        self._length = 0
        learnt = words.split()
        known = 0 < n_ctx <= len(learnt)
        sentence = words if known else " ".join(["X"] * n_ctx)
        self.n_ctx = n_ctx
        self.tokens = tokenized([f"{sentence} {name}." for name in classes])
        self.end = self.tokens.argmax(dim=1)
        _check(self.tokens, n_ctx, embedding)
        width = embedding.weight.shape[1]
        self.ctx = nn.Parameter(torch.empty(n_ctx, width).normal_(std=DEVIATION))
        self.register_buffer("token_prefix", torch.empty(len(classes), 1, width))
        self.register_buffer("token_suffix", torch.empty(len(classes), self.tokens.shape[1] - 1 - n_ctx, width))
        self.proj = nn.Linear(width, image_width)
        self._known = tokenized([words])[0, 1 : 1 + n_ctx] if known else None
        self.start_from(embedding)

    @torch.no_grad()
    def start_from(self, embedding: nn.Embedding) -> None:
        """Copy the current embeddings of the words."""
        embedded = embedding.weight[self.tokens.to(embedding.weight.device)]
        self.token_prefix.copy_(embedded[:, :1])
        self.token_suffix.copy_(embedded[:, 1 + self.n_ctx :])
        if self._known is not None:
            self.ctx.copy_(embedding.weight[self._known.to(embedding.weight.device)])

    def forward(self) -> tuple[Tensor, Tensor]:
        context = self.ctx.expand(len(self.tokens), -1, -1)
        return torch.cat([self.token_prefix, context, self.token_suffix], dim=1), self.proj(self.ctx)


def _check(tokens: Tensor, n_ctx: int, embedding: nn.Embedding) -> None:
    check_vocabulary(tokens, embedding)
    if 1 + n_ctx > int(tokens.argmax(dim=1).min()):
        raise UserError("the sentences are shorter than prompts.n_ctx", found=str(n_ctx))
