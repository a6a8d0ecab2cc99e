"""The networks of the RetinaFace files that hold weights alone: MobileNet0.25, slim and RFB.

Written from the structure that biubug6/Face-Detector-1MB-with-landmark publishes. The parts are called as in its files.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TypeAlias

import torch
from torch import Tensor, nn
from torch.nn import functional as F

Answers: TypeAlias = tuple[Tensor, Tensor, Tensor]
"""Of B images with N anchors each: boxes (B,N,4), logits of background and face (B,N,2), five points (B,N,10)."""

BOX, CLASSES, POINTS = 4, 2, 10


@dataclass(frozen=True)
class Anchors:
    """The squares that a network judges: on a grid of every step (pixels), squares of several sides."""

    steps: tuple[int, ...]
    sides: tuple[tuple[int, ...], ...]

    def of(self, width: int, height: int) -> Tensor:
        """Return the centres and sides of all anchors in an image, (N,3), in the order of a network's answers."""
        levels = []
        for step, sides in zip(self.steps, self.sides, strict=True):
            rows, columns = torch.arange(-(-height // step)), torch.arange(-(-width // step))
            y, x, side = torch.meshgrid(rows, columns, torch.tensor(sides), indexing="ij")
            levels.append(torch.stack([(x + 0.5) * step, (y + 0.5) * step, side], dim=-1).reshape(-1, 3))
        return torch.cat(levels).float()


# -- Layers -----------------------------------------------------------------------------------------------------------


def _normalised(inside: int, out: int, size: int, stride: int = 1, *, relu: bool = True) -> nn.Sequential:
    layers: list[nn.Module] = [
        nn.Conv2d(inside, out, size, stride, size // 2, bias=False),
        nn.BatchNorm2d(out),
    ]
    return nn.Sequential(*layers, *([nn.ReLU()] if relu else []))


def _separable(inside: int, out: int, stride: int = 1) -> nn.Sequential:
    """Return a convolution of each channel, and one across them, each normalised and rectified."""
    each = nn.Conv2d(inside, inside, 3, stride, 1, groups=inside, bias=False)
    across = nn.Conv2d(inside, out, 1, bias=False)
    return nn.Sequential(each, nn.BatchNorm2d(inside), nn.ReLU(), across, nn.BatchNorm2d(out), nn.ReLU())


def _plain_separable(inside: int, out: int, stride: int = 1) -> nn.Sequential:
    """Return the same two convolutions with biases, without normalisation and the last rectifier."""
    return nn.Sequential(nn.Conv2d(inside, inside, 3, stride, 1, groups=inside), nn.ReLU(), nn.Conv2d(inside, out, 1))


def _answers(maps: Sequence[Tensor], width: int) -> Tensor:
    """Return the numbers of all anchors, (B,N,width), from maps (B, anchors * width, h, w)."""
    return torch.cat([level.permute(0, 2, 3, 1).reshape(level.shape[0], -1, width) for level in maps], dim=1)


# -- RetinaFace with a MobileNet of a quarter of the width ------------------------------------------------------------


class MobileNetRetina(nn.Module):
    """Three stages of MobileNet, a feature pyramid, and a context module and three heads on each of its levels."""

    anchors = Anchors((8, 16, 32), ((10, 20), (32, 64), (128, 256)))

    def __init__(self) -> None:
        """Build the network without weights."""
        super().__init__()
        width = 64
        stages = [(8, 16, 32, 32, 64, 64), (64, 128, 128, 128, 128, 128, 128), (128, 256, 256)]
        strides = [(1, 2, 1, 2, 1), (2, 1, 1, 1, 1, 1), (2, 1)]
        self.body = nn.ModuleDict()
        for number, (widths, steps) in enumerate(zip(stages, strides, strict=True), 1):
            first = [_normalised(3, widths[0], 3, 2)] if number == 1 else []
            rest = [_separable(a, b, step) for (a, b), step in zip(pairwise(widths), steps, strict=True)]
            self.body[f"stage{number}"] = nn.Sequential(*first, *rest)
        self.fpn = nn.ModuleDict(
            {f"output{level}": _normalised(widths[-1], width, 1) for level, widths in enumerate(stages, 1)}
        )
        self.fpn.update({f"merge{level}": _normalised(width, width, 3) for level in (1, 2)})
        self.ssh1, self.ssh2, self.ssh3 = (_context(width) for _ in range(3))
        count = len(self.anchors.sides[0])
        self.BboxHead, self.ClassHead, self.LandmarkHead = (
            nn.ModuleList(nn.Sequential(OrderedDict(conv1x1=nn.Conv2d(width, count * numbers, 1))) for _ in range(3))
            for numbers in (BOX, CLASSES, POINTS)
        )

    def forward(self, image: Tensor) -> Answers:
        """Return the answers for images (B,3,H,W), BGR less their means."""
        levels = []
        for stage in self.body.values():
            image = stage(image)
            levels.append(image)
        first, second, third = (self.fpn[f"output{number}"](level) for number, level in enumerate(levels, 1))
        second = self.fpn["merge2"](second + F.interpolate(third, second.shape[2:]))
        first = self.fpn["merge1"](first + F.interpolate(second, first.shape[2:]))
        seen = [_in_context(*pair) for pair in ((self.ssh1, first), (self.ssh2, second), (self.ssh3, third))]
        box, classes, points = (
            _answers([head(level) for head, level in zip(heads, seen, strict=True)], numbers)
            for heads, numbers in ((self.BboxHead, BOX), (self.ClassHead, CLASSES), (self.LandmarkHead, POINTS))
        )
        return box, classes, points


def _context(width: int) -> nn.ModuleDict:
    """Return the layers that look at 3, 5 and 7 pixels around, the larger ones by repeated small convolutions."""
    half, quarter = width // 2, width // 4
    return nn.ModuleDict(
        {
            "conv3X3": _normalised(width, half, 3, relu=False),
            "conv5X5_1": _normalised(width, quarter, 3),
            "conv5X5_2": _normalised(quarter, quarter, 3, relu=False),
            "conv7X7_2": _normalised(quarter, quarter, 3),
            "conv7x7_3": _normalised(quarter, quarter, 3, relu=False),
        }
    )


def _in_context(layers: nn.ModuleDict, level: Tensor) -> Tensor:
    begun = layers["conv5X5_1"](level)
    around = [layers["conv3X3"](level), layers["conv5X5_2"](begun), layers["conv7x7_3"](layers["conv7X7_2"](begun))]
    return torch.cat(around, dim=1).relu()


# -- slim and RFB: one column of layers, with heads at four of them ---------------------------------------------------


class SlimRetina(nn.Module):
    """A column of separable layers, and heads after the eighth, the eleventh, the thirteenth and the last of them."""

    anchors = Anchors((8, 16, 32, 64), ((10, 16, 24), (32, 48), (64, 96), (128, 192, 256)))

    def __init__(self) -> None:
        """Build the network without weights."""
        super().__init__()
        self.conv1 = _normalised(3, 16, 3, 2)
        widths = (16, 32, 32, 32, 64, 64, 64, 64, 128, 128, 128, 256, 256)
        halving = (3, 5, 9, 12)
        for number, (inside, out) in enumerate(pairwise(widths), 2):
            self.add_module(f"conv{number}", _separable(inside, out, 2 if number in halving else 1))
        self.conv14 = nn.Sequential(nn.Conv2d(256, 64, 1), nn.ReLU(), _plain_separable(64, 256, 2), nn.ReLU())
        counts = [len(sides) for sides in self.anchors.sides]
        for name, numbers in (("loc", BOX), ("conf", CLASSES), ("landm", POINTS)):
            small = [_plain_separable(w, n * numbers) for w, n in zip((64, 128, 256), counts[:3], strict=True)]
            self.add_module(name, nn.Sequential(*small, nn.Conv2d(256, counts[3] * numbers, 3, padding=1)))

    def forward(self, image: Tensor) -> Answers:
        """Return the answers for images (B,3,H,W), BGR less their means."""
        levels = []
        for number in range(1, 15):
            image = self.get_submodule(f"conv{number}")(image)
            if number in (8, 11, 13, 14):
                levels.append(image)
        box, classes, points = (
            _answers([head(level) for head, level in zip(heads.children(), levels, strict=True)], numbers)
            for heads, numbers in (
                (self.get_submodule("loc"), BOX),
                (self.get_submodule("conf"), CLASSES),
                (self.get_submodule("landm"), POINTS),
            )
        )
        return box, classes, points


class RfbRetina(SlimRetina):
    """As slim, with a block of receptive fields of three sizes for the eighth layer."""

    def __init__(self) -> None:
        """Build the network without weights."""
        super().__init__()
        self.conv8 = ReceptiveFields(64)


class ReceptiveFields(nn.Module):
    """Three branches of dilated convolutions, joined, beside a shortcut."""

    def __init__(self, width: int) -> None:
        """Build the block for maps of `width` channels."""
        super().__init__()
        thin, wide = width // 8, width // 4
        between = thin // 2 * 3
        self.branch0 = nn.Sequential(*_branch((width, thin, wide), dilation=2))
        self.branch1 = nn.Sequential(*_branch((width, thin, wide), dilation=3))
        self.branch2 = nn.Sequential(*_branch((width, thin, between, wide), dilation=5))
        self.ConvLinear = _named(3 * wide, width, 1)
        self.shortcut = _named(width, width, 1)

    def forward(self, level: Tensor) -> Tensor:
        """Return a map of the size of `level`."""
        joined = torch.cat([branch(level) for branch in (self.branch0, self.branch1, self.branch2)], dim=1)
        out: Tensor = (self.ConvLinear(joined) + self.shortcut(level)).relu()
        return out


def _branch(widths: Sequence[int], dilation: int) -> list[nn.Module]:
    """Return a convolution of one pixel, some of three, and a dilated one; the first and the last are not rectified."""
    first, *middle = pairwise(widths)
    return [
        _named(*first, 1),
        *(_named(inside, out, 3, relu=True) for inside, out in middle),
        _named(widths[-1], widths[-1], 3, dilation=dilation),
    ]


def _named(inside: int, out: int, size: int, *, dilation: int = 1, relu: bool = False) -> nn.Sequential:
    """Return a normalised convolution whose parts have names, as in this block of the file."""
    layers = nn.Sequential()
    padding = dilation if size == 3 else 0
    layers.add_module("conv", nn.Conv2d(inside, out, size, padding=padding, dilation=dilation, bias=False))
    layers.add_module("bn", nn.BatchNorm2d(out))
    if relu:
        layers.add_module("relu", nn.ReLU())
    return layers


NETWORKS: Mapping[str, type[MobileNetRetina | SlimRetina]] = {
    "RetinaFace-MobileNet0.25": MobileNetRetina,
    "slim": SlimRetina,
    "RFB": RfbRetina,
}


# -- Another network under the same names -----------------------------------------------------------------------------

_LEAK = 0.1
_CLEARLY = 1.35  # times as far off


def has_leaky_rectifiers(state: Mapping[str, Tensor]) -> bool:
    """Tell whether the weights of a `MobileNetRetina` were trained with rectifiers that let a tenth through.

    Files of biubug6/Pytorch_Retinaface have the names and shapes of this network, but those rectifiers and larger
    anchors: run as this one, they would quietly find other faces. The means that a layer's normalisation remembers
    tell which it was, since they follow from the layer before: a normalised channel is about normal, with the mean
    `bias` and the deviation `weight`, and a depthwise convolution sees one channel at a time. Without the leak the
    thirteen layers' means are predicted 1.7 to 2 times as far off as with it where there was one (three files of a
    fork), 0.9 times where there was none.
    """
    places = [f"body.stage{stage}.{number}" for stage, count in ((1, 6), (2, 6), (3, 2)) for number in range(count)]
    farther = []
    for before, place in pairwise(places):
        last = f"{before}.{1 if before == places[0] else 4}"
        passed, leaked = (passed_on(state[f"{last}.bias"], state[f"{last}.weight"], leak) for leak in (0.0, _LEAK))
        kernel, remembered = state[f"{place}.0.weight"].float().sum(dim=(1, 2, 3)), state[f"{place}.1.running_mean"]
        plain, leaky = ((kernel * seen - remembered).abs().mean() + 1e-9 for seen in (passed, leaked))
        farther.append(torch.log(plain / leaky))
    return bool(torch.stack(farther).mean().exp() > _CLEARLY)


def passed_on(mean: Tensor, deviation: Tensor, leak: float) -> Tensor:
    """Return the means of normal channels after a rectifier that lets the share `leak` of negative numbers through."""
    mean, deviation = mean.float(), deviation.float().abs().clamp(min=1e-6)
    ratio = mean / deviation
    density = torch.exp(-(ratio**2) / 2) / (2 * torch.pi) ** 0.5
    passed = mean * torch.special.ndtr(ratio) + deviation * density
    return passed + leak * (mean - passed)
