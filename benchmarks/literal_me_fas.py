"""The network of ME-FAS and its training step as the published code performs them, for timing ours against them.

Names and order of work are the published ones; nothing is left out that it computes and nothing is added: tokens come
first in memory, all 77 text tokens and every image token go through the last layer, masks are made image by image, and
scoring gives each image three times.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional as F

Noise = Callable[[int, tuple[int, int]], Tensor]
Shuffle = Callable[[int, int, int], Tensor]


class LayerNorm(nn.LayerNorm):
    """In float32 whatever comes in."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x.type(torch.float32)).type(x.dtype)


class QuickGELU(nn.Module):
    """x times its sigmoid, steeper."""

    def forward(self, x: Tensor) -> Tensor:
        return x * torch.sigmoid(1.702 * x)


class Block(nn.Module):
    """A pre-norm residual block over tokens (L,N,W)."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.attn = nn.MultiheadAttention(width, heads)
        self.ln_1 = LayerNorm(width)
        layers = [("c_fc", nn.Linear(width, width * 4)), ("gelu", QuickGELU()), ("c_proj", nn.Linear(width * 4, width))]
        self.mlp = nn.Sequential(OrderedDict(layers))
        self.ln_2 = LayerNorm(width)

    def forward(self, x: Tensor, attn_mask: Tensor | None = None, padding: Tensor | None = None) -> Tensor:
        y = self.ln_1(x)
        x = x + self.attn(y, y, y, need_weights=False, attn_mask=attn_mask, key_padding_mask=padding)[0]
        return x + self.mlp(self.ln_2(x))


class Transformer(nn.Module):
    """A row of blocks."""

    def __init__(self, width: int, layers: int, heads: int) -> None:
        super().__init__()
        self.resblocks = nn.Sequential(*[Block(width, heads) for _ in range(layers)])


class Visual(nn.Module):
    """The image tower."""

    def __init__(self, layers: int) -> None:
        super().__init__()
        self.class_embedding = nn.Parameter(768**-0.5 * torch.randn(768))
        self.positional_embedding = nn.Parameter(768**-0.5 * torch.randn(197, 768))
        self.proj = nn.Parameter(768**-0.5 * torch.randn(768, 512))
        self.conv1 = nn.Conv2d(3, 768, 16, 16, bias=False)
        self.ln_pre, self.ln_post = LayerNorm(768), LayerNorm(768)
        self.transformer = Transformer(768, layers, 12)


class Fusion(nn.Module):
    """From the images' prompts to the text's context."""

    def __init__(self) -> None:
        super().__init__()
        self.fc, self.ln = nn.Linear(768, 512), nn.LayerNorm(512)
        self.mlp = nn.Sequential(nn.Linear(512, 128), nn.ReLU(), nn.Linear(128, 512))

    def forward(self, text: Tensor, image: Tensor) -> Tensor:
        visual, words = image.mean(dim=0), text.mean(dim=0)
        key = self.fc(visual)
        attention = torch.softmax(words @ key.t() / 512**0.5, dim=-1)
        out = self.mlp(self.ln(attention @ key))
        return out.unsqueeze(0).expand(text.shape[0], -1, -1)


class CLIPModel(nn.Module):
    """Both towers, with what ties them together."""

    def __init__(self, layers: int, depth: int) -> None:
        super().__init__()
        self.visual = Visual(layers)
        self.transformer = Transformer(512, layers, 8)
        self.token_embedding = nn.Embedding(49408, 512)
        self.positional_embedding = nn.Parameter(0.01 * torch.randn(77, 512))
        self.ln_final = LayerNorm(512)
        self.text_projection = nn.Parameter(512**-0.5 * torch.randn(512, 512))
        self.logit_scale = nn.Parameter(torch.ones([]) * 2.6592)
        self.text_projection_image = nn.Parameter(512**-0.5 * torch.randn(512, 768))
        self.image_projections_prompt = nn.ModuleList(Fusion() for _ in range(depth - 1))


class PromptLearner(nn.Module):
    """The learnable words."""

    token_prefix: Tensor
    token_suffix: Tensor

    def __init__(self, ids: Tensor, embedding: nn.Embedding) -> None:
        super().__init__()
        embedded = embedding(ids).detach()
        self.ctx = nn.Parameter(embedded[0, 1:3].clone())
        self.register_buffer("token_prefix", embedded[:, :1])
        self.register_buffer("token_suffix", embedded[:, 3:])
        self.proj = nn.Linear(512, 768)


class ProjectionHead(nn.Module):
    """The head of the contrastive loss."""

    def __init__(self) -> None:
        super().__init__()
        self.mlp = nn.Sequential(
            nn.Linear(512, 2048), nn.BatchNorm1d(2048), nn.ReLU(),
            nn.Linear(2048, 2048), nn.BatchNorm1d(2048), nn.ReLU(),
            nn.Linear(2048, 256),
        )  # fmt: skip


class LiteralMEFAS(nn.Module):
    """The published network: two prompts, deep prompts to layer 9, masks of half the patches in every layer.

    `noise(k, shape)` and `shuffle(layer, image, n)` are its random draws, torch's own by default.
    """

    def __init__(self, ids: Tensor, layers: int = 12, depth: int = 9) -> None:
        super().__init__()
        self.layers, self.depth, self.ids = layers, depth, ids
        self.clipModel = CLIPModel(layers, depth)
        self.prompt_learner = PromptLearner(ids, self.clipModel.token_embedding)
        self.projection_head = ProjectionHead()
        self.noise: Noise = lambda k, shape: torch.empty(shape).normal_(std=0.02)
        self.shuffle: Shuffle = lambda layer, image, n: torch.randperm(n)

    def forward(self, images: list[Tensor], label: Tensor) -> tuple[Tensor, ...]:
        """Return logits, the two projections and the two cosines of three batches of images."""
        image, text = self.encode(torch.cat(images), len(label))
        image = image / image.norm(dim=-1, keepdim=True)
        text = text / text.norm(dim=-1, keepdim=True)
        origin, view1, view2 = image.split(len(label))
        logits = self.clipModel.logit_scale.exp() * origin @ text.t()
        projected = [self.projection_head.mlp(view) for view in (view1, view2)]
        own = torch.stack([text[int(which)] for which in label])
        return logits, *projected, *(F.cosine_similarity(view, own) for view in (view1, view2))

    def encode(self, x: Tensor, batch: int) -> tuple[Tensor, Tensor]:
        """Return image and text features."""
        clip, learner = self.clipModel, self.prompt_learner
        visual = clip.visual
        context = learner.ctx.unsqueeze(0).expand(len(self.ids), -1, -1)
        t = torch.cat([learner.token_prefix, context, learner.token_suffix], dim=1)
        t = (t + clip.positional_embedding).permute(1, 0, 2)
        p = visual.conv1(x)
        p = p.reshape(p.shape[0], p.shape[1], -1).permute(0, 2, 1)
        p = torch.cat([visual.class_embedding + torch.zeros(len(p), 1, 768, device=p.device), p], dim=1)
        p = p + visual.positional_embedding
        p = torch.cat([p, learner.proj(learner.ctx).expand(len(p), -1, -1)], dim=1)
        p = visual.ln_pre(p).permute(1, 0, 2)
        deep = [self.noise(k, (2, 768)).to(p) for k in range(self.depth - 1)]
        causal = torch.full((77, 77), float("-inf"), device=p.device).triu_(1)
        for layer in range(self.layers):
            padding = self.mask(layer, t, p, batch)
            t = clip.transformer.resblocks[layer](t, attn_mask=causal)
            p = visual.transformer.resblocks[layer](p, padding=padding)
            if layer < self.depth - 1:
                words, prompts = t[1:3].permute(1, 0, 2), p[-2:].permute(1, 0, 2)
                fused = clip.image_projections_prompt[layer](words, prompts).permute(1, 0, 2)
                t = torch.cat([t[:1], fused, t[3:]], dim=0)
                p = torch.cat([p[:-2], deep[layer].unsqueeze(1).expand(-1, p.shape[1], -1)], dim=0)
        p = visual.ln_post(p.permute(1, 0, 2)[:, 0]) @ visual.proj
        t = t.permute(1, 0, 2)
        return p, t[torch.arange(len(t)), self.ids.argmax(dim=-1)] @ clip.text_projection

    def mask(self, layer: int, t: Tensor, p: Tensor, batch: int) -> Tensor:
        """Return the layer's mask: float, so that the attention adds it to its scores."""
        text = t.permute(1, 0, 2)
        text = text[torch.arange(len(text)), self.ids.argmax(dim=-1)] @ self.clipModel.text_projection_image
        mask = torch.zeros(p.shape[1], p.shape[0], device=p.device)
        n = 98
        for image in range(batch):
            likeness = text @ p[:197, image].t()
            row = likeness[likeness[:, 0].argmin()][1:]
            mask[image, 1 + row.argsort()[:n]] = 1
            shuffled = self.shuffle(layer, image, 196)
            mask[image, 1:197][(shuffled < n).to(mask.device)] = 1
        return mask


def info_nce(view1: Tensor, view2: Tensor, temperature: float = 0.1) -> Tensor:
    """Return the contrastive loss of two views."""
    z = F.normalize(torch.cat([view1, view2]), dim=1)
    likeness = z @ z.t() / temperature
    keep = ~torch.eye(len(z), dtype=torch.bool, device=z.device)
    total = (likeness.exp() * keep).sum(dim=1).log()
    partner = torch.cat([torch.diag(likeness, len(view1)), torch.diag(likeness, -len(view1))])
    return (total - partner).mean()


def losses_of(
    logits: Tensor, view1: Tensor, view2: Tensor, first: Tensor, second: Tensor, label: Tensor
) -> list[Tensor]:
    """Return the three losses of the network's outputs, and their sum."""
    terms = [F.cross_entropy(logits, label), info_nce(view1, view2), F.mse_loss(second, first)]
    return [*terms, sum(terms, torch.zeros((), device=label.device))]


def optimiser(model: LiteralMEFAS) -> torch.optim.Optimizer:
    """Return the published optimiser: every parameter in one group."""
    return torch.optim.Adam(model.parameters(), lr=1e-6, weight_decay=1e-6)


def training_step(model: LiteralMEFAS, moving: torch.optim.Optimizer, images: list[Tensor], label: Tensor) -> Tensor:
    """Do one iteration."""
    loss = losses_of(*model.train()(images, label), label)[-1]
    moving.zero_grad()
    loss.backward()
    moving.step()
    return loss


@torch.no_grad()
def scored(model: LiteralMEFAS, image: Tensor, label: Tensor) -> Tensor:
    """Return the scores of a batch: each image stands in all three places, and masks are on."""
    return model.eval()([image, image, image], label)[0].softmax(dim=1)[:, 1]
