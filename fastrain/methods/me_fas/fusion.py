"""Prompt fusion: what the images' prompts found becomes the context of the text."""

from __future__ import annotations

from torch import Tensor, nn


class ImageToText(nn.Module):
    """Attention of the text's context over the images' prompts, and a small perceptron; no residual.

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
