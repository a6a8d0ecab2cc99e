"""The networks of FLIP and their training steps as the published code performs them, for timing ours against them.

Names and order of work are the published ones; nothing is left out that it computes and nothing is added: tokens come
first in memory, all 77 text tokens and every image token go through the last layer, the three batches of images go
through the tower one after the other, halves of the sentences are averaged image by image, and the text is read again
for every batch that is scored.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from benchmarks.literal_me_fas import LayerNorm, Transformer

Draw = Callable[[], Tensor]


@dataclass(frozen=True)
class Sizes:
    """Of CLIP's two towers."""

    image: int = 224
    patch: int = 16
    width: int = 768
    layers: int = 12
    text_width: int = 512
    text_layers: int = 12
    joint: int = 512
    vocabulary: int = 49408
    context: int = 77
    hidden: int = 4096  # of the contrastive head
    out: int = 256
    ids: Tensor = field(default_factory=lambda: torch.zeros(12, 77, dtype=torch.int64))
    """Of the sentences, six of attacks first."""


class Visual(nn.Module):
    """The image tower."""

    def __init__(self, sizes: Sizes) -> None:
        super().__init__()
        width, tokens = sizes.width, (sizes.image // sizes.patch) ** 2 + 1
        self.class_embedding = nn.Parameter(width**-0.5 * torch.randn(width))
        self.positional_embedding = nn.Parameter(width**-0.5 * torch.randn(tokens, width))
        self.proj = nn.Parameter(width**-0.5 * torch.randn(width, sizes.joint))
        self.conv1 = nn.Conv2d(3, width, sizes.patch, sizes.patch, bias=False)
        self.ln_pre, self.ln_post = LayerNorm(width), LayerNorm(width)
        self.transformer = Transformer(width, sizes.layers, width // 64)

    def class_token(self, x: Tensor) -> Tensor:
        x = self.conv1(x)
        x = x.reshape(x.shape[0], x.shape[1], -1).permute(0, 2, 1)
        first = self.class_embedding + torch.zeros(len(x), 1, x.shape[-1], dtype=x.dtype, device=x.device)
        x = torch.cat([first, x], dim=1) + self.positional_embedding
        x = self.ln_pre(x).permute(1, 0, 2)
        for block in self.transformer.resblocks:
            x = block(x)
        return self.ln_post(x.permute(1, 0, 2)[:, 0])


class CLIP(nn.Module):
    """Both towers."""

    def __init__(self, sizes: Sizes) -> None:
        super().__init__()
        width = sizes.text_width
        self.visual = Visual(sizes)
        self.transformer = Transformer(width, sizes.text_layers, width // 64)
        self.token_embedding = nn.Embedding(sizes.vocabulary, width)
        self.positional_embedding = nn.Parameter(0.01 * torch.randn(sizes.context, width))
        self.ln_final = LayerNorm(width)
        self.text_projection = nn.Parameter(width**-0.5 * torch.randn(width, sizes.joint))
        self.logit_scale = nn.Parameter(torch.ones([]) * 2.6592)

    def encode_image(self, x: Tensor) -> Tensor:
        return self.visual.class_token(x) @ self.visual.proj

    def encode_text(self, ids: Tensor) -> Tensor:
        x = (self.token_embedding(ids) + self.positional_embedding).permute(1, 0, 2)
        causal = torch.full((len(x), len(x)), float("-inf"), dtype=x.dtype, device=x.device).triu_(1)
        for block in self.transformer.resblocks:
            x = block(x, attn_mask=causal)
        x = self.ln_final(x.permute(1, 0, 2))
        return x[torch.arange(len(x)), ids.argmax(dim=-1)] @ self.text_projection


class ImageMLP(nn.Module):
    """The head of the contrastive loss."""

    def __init__(self, sizes: Sizes) -> None:
        super().__init__()
        self.layer1 = nn.Linear(sizes.joint, sizes.hidden)
        self.bn1 = nn.BatchNorm1d(sizes.hidden)
        self.layer2 = nn.Linear(sizes.hidden, sizes.hidden)
        self.bn2 = nn.BatchNorm1d(sizes.hidden)
        self.layer3 = nn.Linear(sizes.hidden, sizes.out)

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(self.bn1(self.layer1(x)))
        return self.layer3(F.relu(self.bn2(self.layer2(x))))


class LiteralIT(nn.Module):
    """Images against the mean of six sentences a class."""

    ids: Tensor

    def __init__(self, sizes: Sizes) -> None:
        super().__init__()
        self.model = CLIP(sizes)
        self.register_buffer("ids", sizes.ids, persistent=False)

    def logits(self, image: Tensor, spoof: Tensor, real: Tensor) -> Tensor:
        text = torch.stack([spoof.mean(dim=0), real.mean(dim=0)])
        image, text = image / image.norm(dim=-1, keepdim=True), text / text.norm(dim=-1, keepdim=True)
        return self.model.logit_scale.exp() * image @ text.t()

    def forward(self, x: Tensor) -> Tensor:
        spoof, real = self.model.encode_text(self.ids[:6]), self.model.encode_text(self.ids[6:])
        return self.logits(self.model.encode_image(x), spoof, real)

    def losses(self, views: Sequence[Tensor], label: Tensor) -> list[Tensor]:
        """Return the losses of a step, the last being what is minimised."""
        return [F.cross_entropy(self(views[0]), label)]


class LiteralMCL(LiteralIT):
    """The same with two views: `draw` gives three sentences of six, once an image."""

    def __init__(self, sizes: Sizes) -> None:
        super().__init__(sizes)
        self.image_mlp = ImageMLP(sizes)
        self.draw: Draw = lambda: torch.randint(6, (3,))

    def losses(self, views: Sequence[Tensor], label: Tensor) -> list[Tensor]:
        spoof, real = self.model.encode_text(self.ids[:6]), self.model.encode_text(self.ids[6:])
        base, first, second = (self.model.encode_image(view) for view in views)
        simclr = info_nce(self.image_mlp(first), self.image_mlp(second))
        halves: tuple[list[Tensor], list[Tensor]] = ([], [])
        for own in label.tolist():
            sentences = real if own else spoof
            drawn = self.draw().tolist()
            rest = [number for number in range(6) if number not in drawn]
            for half, numbers in zip(halves, (drawn, rest), strict=True):
                half.append(torch.stack([sentences[number] for number in numbers]).mean(dim=0))
        cosines = [F.cosine_similarity(view, torch.stack(h)) for view, h in zip((first, second), halves, strict=True)]
        terms = [F.cross_entropy(self.logits(base, spoof, real), label), simclr, F.mse_loss(*cosines)]
        return [*terms, terms[0] + terms[1] + terms[2]]


def info_nce(first: Tensor, second: Tensor, temperature: float = 0.1) -> Tensor:
    """Return the contrastive loss: of every row the partner comes first, then all others."""
    rows = F.normalize(torch.cat([first, second]), dim=1)
    count = len(rows)
    same = torch.cat([torch.arange(len(first)) for _ in range(2)])
    same = (same[None] == same[:, None]).to(rows.device)
    likeness, keep = rows @ rows.t(), ~torch.eye(count, dtype=torch.bool, device=rows.device)
    same, likeness = same[keep].view(count, -1), likeness[keep].view(count, -1)
    logits = torch.cat([likeness[same].view(count, -1), likeness[~same].view(count, -1)], dim=1) / temperature
    return F.cross_entropy(logits, torch.zeros(count, dtype=torch.int64, device=rows.device))


class LiteralV(nn.Module):
    """The image tower under an embedder and a classifier, whose weights each call overwrites."""

    def __init__(self, sizes: Sizes) -> None:
        super().__init__()
        self.backbone, self.embedder, self.classifier = nn.Module(), nn.Module(), nn.Module()
        self.backbone.vit = Visual(sizes)
        self.embedder.bottleneck_layer_fc = nn.Linear(sizes.width, 512)
        self.dropout = nn.Dropout(0.5)
        self.classifier.classifier_layer = nn.Linear(512, 2)

    def forward(self, x: Tensor) -> Tensor:
        token = self.backbone.vit.class_token(x)
        token @ self.backbone.vit.proj  # the tower's last product, which nobody reads
        g = self.dropout(F.relu(self.embedder.bottleneck_layer_fc(token)))
        length = g.norm(p=2, dim=1, keepdim=True).clamp(min=1e-12)
        g = g / (2 * length).sqrt()
        layer = self.classifier.classifier_layer
        layer.weight.data = layer.weight.data / layer.weight.data.norm(p=2, dim=0, keepdim=True)
        return layer(g)

    def losses(self, views: Sequence[Tensor], label: Tensor) -> list[Tensor]:
        return [F.cross_entropy(self(views[0]), label)]


Literal = LiteralIT | LiteralV


def optimiser(model: Literal) -> torch.optim.Optimizer:
    """Return the published optimiser: every parameter in one group."""
    return torch.optim.Adam(model.parameters(), lr=1e-6, weight_decay=1e-6)


def training_step(
    model: Literal, moving: torch.optim.Optimizer, views: Sequence[Tensor], label: Tensor
) -> list[Tensor]:
    """Do one iteration."""
    terms = model.train().losses(views, label)
    moving.zero_grad()
    terms[-1].backward()
    moving.step()
    return terms


@torch.no_grad()
def scored(model: Literal, image: Tensor) -> Tensor:
    """Return the scores of a batch; the text is read for it."""
    return model.eval()(image).softmax(dim=1)[:, 1]
