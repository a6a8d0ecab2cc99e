"""The network and the training step of MMDG as the published code performs them, for timing ours.

Names and order of work are the published ones; nothing is left out that it computes and nothing is added: each modality
goes through the blocks by itself, uncertainty is twenty passes of dropout, the last block and its adapters compute all
tokens although class tokens alone are read, and every loss's gradient is taken for every trained tensor. Its routine of
gradients is repaired so that it reaches all tensors it is meant for. Random masks come from `drop`, so that a test can
give the ones it knows.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torchvision.models.vision_transformer import EncoderBlock

Drop = Callable[[Tensor, float, str], Tensor]
PAIRS = ((1, 2), (2, 1), (1, 3), (3, 1))


class DifferenceConvolution(nn.Module):
    """A 3x3 convolution less theta times a 1x1 convolution with the kernel's sum."""

    def __init__(self, theta: float = 0.5) -> None:
        super().__init__()
        self.conv = nn.Conv2d(8, 8, 3, 1, 1, bias=False)
        self.theta = theta

    def forward(self, x: Tensor) -> Tensor:
        summed = self.conv.weight.sum(2).sum(2)[:, :, None, None]
        return self.conv(x) - self.theta * F.conv2d(x, summed)


class CrossAttention(nn.Module):
    """Eight heads of one dimension."""

    def __init__(self) -> None:
        super().__init__()
        self.q_linear, self.k_linear, self.v_linear = (nn.Linear(8, 8, bias=False) for _ in range(3))
        self.proj = nn.Linear(8, 8)

    def forward(self, x: Tensor, source: Tensor, certain: Tensor) -> Tensor:
        batch, tokens, _ = x.shape
        q, k, v = (
            linear(of).reshape(batch, tokens, 8, 1).permute(0, 2, 1, 3)
            for linear, of in ((self.q_linear, source), (self.k_linear, x), (self.v_linear, x))
        )
        attention = q @ k.transpose(-2, -1) * 1.0
        attention = attention * certain.mean(dim=2)[:, None, :, None]
        out = (attention.softmax(dim=-1) @ v).transpose(1, 2).reshape(batch, tokens, 8)
        return self.proj(out)


class Adapter(nn.Module):
    """A U-Adapter; `name` is what its dropout is called."""

    def __init__(self, width: int, name: str) -> None:
        super().__init__()
        self.adapter_conv = DifferenceConvolution()
        self.cross_attention = CrossAttention()
        self.ln_before = nn.LayerNorm(8)
        self.adapter_down_1, self.adapter_down_2 = nn.Linear(width, 8), nn.Linear(width, 8)
        self.adapter_up = nn.Linear(8, width)
        self.name = name

    def forward(self, x: Tensor, source: Tensor, certain: Tensor, drop: Drop) -> Tensor:
        batch, tokens, _ = x.shape
        down = quick_gelu(self.adapter_down_1(x))
        other = quick_gelu(self.adapter_down_2(source))
        down = self.ln_before(down + self.cross_attention(down, other, certain))
        side = int((tokens - 1) ** 0.5)
        patch = down[:, 1:].reshape(batch, side, side, 8).permute(0, 3, 1, 2)
        patch = self.adapter_conv(patch).permute(0, 2, 3, 1).reshape(batch, side * side, 8)
        token = down[:, :1].reshape(batch, 1, 1, 8).permute(0, 3, 1, 2)
        token = self.adapter_conv(token).permute(0, 2, 3, 1).reshape(batch, 1, 8)
        out = quick_gelu(torch.cat([token, patch], dim=1))
        return self.adapter_up(drop(out, 0.2, self.name) if self.training else out)


def quick_gelu(x: Tensor) -> Tensor:
    return x * torch.sigmoid(1.702 * x)


class LiteralMMDG(nn.Module):
    """Takes three images (B,3,224,224), normalised; returns logits, features, the last block's certainties."""

    def __init__(self, width: int = 768, blocks: int = 12, heads: int = 12, hidden: int = 3072) -> None:
        super().__init__()
        for m in (1, 2, 3):
            self.register_parameter(f"class_token{m}", nn.Parameter(torch.zeros(1, 1, width)))
            self.register_parameter(f"pos_embedding{m}", nn.Parameter(0.02 * torch.randn(1, 197, width)))
            self.add_module(f"conv_proj{m}", nn.Conv2d(3, width, 16, 16).requires_grad_(False))
        norm = partial(nn.LayerNorm, eps=1e-6)
        layers = [EncoderBlock(heads, width, hidden, 0.0, 0.0, norm) for _ in range(blocks)]
        self.ViT_Encoder = nn.ModuleList([nn.Dropout(0.0), *layers, norm(width)])
        for layer in layers[:-1]:
            layer.requires_grad_(False)
        self.fc_all = nn.Sequential(nn.Linear(3 * width, 2))
        for receiver, source in PAIRS:
            names = [f"adapter_{receiver}_{source}_2.{layer}" for layer in range(blocks)]
            self.add_module(f"adapter_{receiver}_{source}_2", nn.ModuleList(Adapter(width, name) for name in names))
        self.drop: Drop = lambda x, rate, name: F.dropout(x, rate)

    def certainty(self, attended: Tensor, name: str) -> Tensor:
        """Return exp(-2.25 s) of the deviation of twenty passes of dropout."""
        with torch.no_grad():
            passes = torch.stack([self.drop(attended, 0.3, f"{name}/s{j}") for j in range(20)])
            return torch.exp(-2.25 * passes.std(dim=0))

    def forward(self, *images: Tensor) -> tuple[Tensor, list[Tensor], list[Tensor]]:
        z = []
        for m, image in enumerate(images, 1):
            patches = getattr(self, f"conv_proj{m}")(image).flatten(2).permute(0, 2, 1)
            token = getattr(self, f"class_token{m}").expand(len(image), -1, -1)
            z.append(self.ViT_Encoder[0](torch.cat([token, patches], dim=1) + getattr(self, f"pos_embedding{m}")))
        certain: list[Tensor] = []
        for number, layer in enumerate(self.ViT_Encoder[1:-1]):
            y, certain, following = [], [], []
            for m in range(3):
                normed = layer.ln_1(z[m])
                attended, _ = layer.self_attention(normed, normed, normed, need_weights=False)
                certain.append(self.certainty(attended, f"m{m + 1}/l{number}"))
                middle = z[m] + layer.dropout(attended)
                y.append(layer.ln_2(middle))
                following.append(middle + layer.mlp(y[m]))
            for receiver, source in PAIRS:
                adapter = getattr(self, f"adapter_{receiver}_{source}_2")[number]
                own, other = receiver - 1, source - 1
                following[own] = following[own] + adapter(y[own], y[other], certain[other], self.drop)
            z = following
        features = [self.ViT_Encoder[-1](tokens)[:, 0] for tokens in z]
        return self.fc_all(torch.cat(features, dim=1)), features, certain


def prototype_loss(features: Tensor, prototypes: Tensor, classes: Tensor) -> Tensor:
    """Return SSP, one distance after the other."""
    rows = [
        torch.stack([(feature - prototype).pow(2).sum().sqrt() for prototype in prototypes]) for feature in features
    ]
    return F.cross_entropy(-torch.stack(rows), classes)


def projection(main: Tensor, other: Tensor) -> Tensor:
    return (main * other).sum() / (main.pow(2).sum() + 1e-8) * main


def modulated(main: Tensor, other: Tensor) -> Tensor:
    return projection(main, other) if (main * other).sum() > 0 else other - projection(main, other)


def owner(name: str) -> int | None:
    """Return the modality (0, 1, 2) of a tensor, None for a shared one."""
    digits = [letter for letter in name.partition(".")[0] if letter.isdigit()]
    return int(digits[0]) - 1 if digits else None


def optimiser(network: LiteralMMDG) -> torch.optim.Adam:
    """Return the optimiser of the later script."""
    learnt = [parameter for parameter in network.parameters() if parameter.requires_grad]
    return torch.optim.Adam(learnt, lr=5e-5, weight_decay=5e-5)


def training_step(
    network: LiteralMMDG,
    moving: torch.optim.Adam,
    images: list[Tensor],
    classes: Tensor,
    prototypes: Tensor,
) -> list[float]:
    """Do one step on three images (B,3,224,224); return the losses, and the certainty of each modality."""
    network.train()
    logits, features, certain = network(*images)
    total = F.cross_entropy(logits, (classes == 1).long())
    apart = [0.3 * prototype_loss(f, p, classes) for f, p in zip(features, prototypes, strict=True)]
    weights = [of[:, 0].mean() for of in certain]
    gradients: list[dict[str, Tensor]] = []
    for loss in (*apart, total):
        moving.zero_grad()
        loss.backward(retain_graph=True)
        named = network.named_parameters()
        gradients.append({name: p.grad.clone() for name, p in named if p.requires_grad and p.grad is not None})
    least = min(loss.item() for loss in apart)
    for name, parameter in network.named_parameters():
        o = owner(name)
        if not parameter.requires_grad or o is None:
            continue
        of_each = [gradient.get(name, torch.zeros_like(parameter)) for gradient in gradients[:3]]
        others = [m for m in range(3) if m != o]
        if apart[o].item() == least:
            rest = of_each[others[0]] + of_each[others[1]]
            made = weights[o] * modulated(rest, of_each[o]) + rest
        else:
            made = of_each[o] + sum(weights[m] * modulated(of_each[o], of_each[m]) for m in others)
        parameter.grad = gradients[3].get(name, torch.zeros_like(parameter)) + made
    moving.step()
    return [loss.item() for loss in (total, *apart, *weights)]
