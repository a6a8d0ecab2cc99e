"""MiniFASNet, the deployed anti-spoofing networks of Silent-Face-Anti-Spoofing: built as wide as their weights are.

A MobileFaceNet of 80x80 pixels: bottlenecks (1x1 up, 3x3 of each channel alone, 1x1 down) in three stages, each begun
by one of stride 2; then a convolution over the whole map, an embedding of 128 numbers and three classes, of which class
1 is bona fide. The variants differ in how wide their bottlenecks are, and in whether the last one of a stage weighs its
channels (squeeze and excitation, "SE"). Pictures are fed as BGR from 0 to 255, as they are. Names of weights are the
published ones.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from fasdata.errors import UserError

STAGES = (("conv_23", "conv_3"), ("conv_34", "conv_4"), ("conv_45", "conv_5"))
SIDE, CLASSES = 80, 3


class Convolution(nn.Module):
    """A convolution without bias, batch norm and, where `active`, a PReLU."""

    def __init__(
        self, inputs: int, outputs: int, side: int = 1, stride: int = 1, padding: int = 0, *, apart: bool = False,
        active: bool = True,
    ) -> None:  # fmt: skip
        super().__init__()
        groups = inputs if apart else 1
        self.conv = nn.Conv2d(inputs, outputs, side, stride, padding, groups=groups, bias=False)
        self.bn = nn.BatchNorm2d(outputs)
        if active:
            self.prelu = nn.PReLU(outputs)

    def forward(self, x: Tensor) -> Tensor:
        """(B,I,H,W) -> (B,O,H',W')."""
        x = self.bn(self.conv(x))
        return self.prelu(x) if hasattr(self, "prelu") else x


class ChannelWeights(nn.Module):
    """Squeeze and excitation: each channel times a number in (0, 1) that the means of all channels give."""

    def __init__(self, channels: int, inner: int) -> None:
        super().__init__()
        self.fc1, self.bn1 = nn.Conv2d(channels, inner, 1, bias=False), nn.BatchNorm2d(inner)
        self.fc2, self.bn2 = nn.Conv2d(inner, channels, 1, bias=False), nn.BatchNorm2d(channels)

    def forward(self, x: Tensor) -> Tensor:
        """(B,C,H,W) -> the same shape."""
        weights = functional.relu(self.bn1(self.fc1(x.mean(dim=(2, 3), keepdim=True))))
        return x * torch.sigmoid(self.bn2(self.fc2(weights)))


class Bottleneck(nn.Module):
    """1x1 to `inner` channels, 3x3 of each alone, 1x1 to `outputs`; with stride 1 the input is added."""

    def __init__(self, inputs: int, inner: int, outputs: int, *, stride: int = 1, weighed: int = 0) -> None:
        super().__init__()
        self.conv = Convolution(inputs, inner)
        self.conv_dw = Convolution(inner, inner, 3, stride, 1, apart=True)
        self.project = Convolution(inner, outputs, active=False)
        self.added = stride == 1
        if weighed:
            self.se_module = ChannelWeights(outputs, weighed)

    def forward(self, x: Tensor) -> Tensor:
        """(B,I,H,W) -> (B,O,H/stride,W/stride)."""
        y = self.project(self.conv_dw(self.conv(x)))
        if hasattr(self, "se_module"):
            y = self.se_module(y)
        return x + y if self.added else y


class Stage(nn.Module):
    """Bottlenecks of stride 1, one after the other."""

    def __init__(self, blocks: list[Bottleneck]) -> None:
        super().__init__()
        self.model = nn.Sequential(*blocks)

    def forward(self, x: Tensor) -> Tensor:
        """(B,C,H,W) -> the same shape."""
        out: Tensor = self.model(x)
        return out


@dataclass(frozen=True)
class Widths:
    """How wide a MiniFASNet is: channels of the stem and, a stage, of its bottlenecks inside and of their output.

    `weighed` are the channels inside the weights of a stage's last bottleneck, 0 without; `last` is the side of the
    last map.
    """

    stem: int
    down: tuple[int, ...]
    inner: tuple[tuple[int, ...], ...]
    outputs: tuple[int, ...]
    weighed: tuple[int, ...]
    embedding: int
    last: int

    @classmethod
    def of(cls, state: Mapping[str, Tensor]) -> Widths:
        """Read the widths off a state dictionary.

        Raises:
            UserError: it is not of such a network; names what it lacks.
        """

        def rows(name: str) -> int:
            if name not in state:
                raise UserError("the file holds no MiniFASNet", expected=f"weights called {name}")
            return int(state[name].shape[0])

        inner = []
        for _, stage in STAGES:
            numbers = {int(match[1]) for name in state if (match := re.match(rf"{stage}\.model\.(\d+)\.", name))}
            inner.append(
                tuple(rows(f"{stage}.model.{number}.conv.conv.weight") for number in range(max(1, len(numbers))))
            )
        last = [
            f"{stage}.model.{len(of) - 1}.se_module.fc1.weight" for (_, stage), of in zip(STAGES, inner, strict=True)
        ]
        return cls(
            rows("conv1.conv.weight"),
            tuple(rows(f"{down}.conv.conv.weight") for down, _ in STAGES),
            tuple(inner),
            tuple(rows(f"{down}.project.conv.weight") for down, _ in STAGES),
            tuple(rows(name) if name in state else 0 for name in last),
            rows("linear.weight"),
            int(state["conv_6_dw.conv.weight"].shape[-1]) if "conv_6_dw.conv.weight" in state else 0,
        )


class MiniFASNet(nn.Module):
    """The network; `forward` takes (B,3,80,80), BGR from 0 to 255, and returns logits (B,3)."""

    def __init__(self, widths: Widths) -> None:
        super().__init__()
        self.conv1 = Convolution(3, widths.stem, 3, 2, 1)
        self.conv2_dw = Convolution(widths.stem, widths.stem, 3, 1, 1, apart=True)
        channels = widths.stem
        for place, (down, stage) in enumerate(STAGES):
            outputs, inner = widths.outputs[place], widths.inner[place]
            self.add_module(down, Bottleneck(channels, widths.down[place], outputs, stride=2))
            *plain, last = inner
            blocks = [Bottleneck(outputs, width, outputs) for width in plain]
            blocks.append(Bottleneck(outputs, last, outputs, weighed=widths.weighed[place]))
            self.add_module(stage, Stage(blocks))
            channels = outputs
        self.conv_6_sep = Convolution(channels, 512)
        self.conv_6_dw = Convolution(512, 512, widths.last, apart=True, active=False)
        self.linear = nn.Linear(512, widths.embedding, bias=False)
        self.bn = nn.BatchNorm1d(widths.embedding)
        self.prob = nn.Linear(widths.embedding, CLASSES, bias=False)

    @classmethod
    def of(cls, state: Mapping[str, Tensor]) -> MiniFASNet:
        """Return the network that a state dictionary is of, with its weights, ready to score.

        Raises:
            UserError: it is of another network; names the first weight that does not fit.
        """
        network = cls(Widths.of(state))
        wanted = network.state_dict()
        # Files of some versions of torch do not count batches.
        odd = [name for name in wanted if name not in state and not name.endswith("num_batches_tracked")]
        odd += [name for name in state if name not in wanted or state[name].shape != wanted[name].shape]
        if odd:
            raise UserError("the file holds another network than a MiniFASNet", found=f"{odd[0]} does not fit")
        network.load_state_dict({**wanted, **state})
        return network.eval()

    @property
    def variant(self) -> str:
        """The name that its makers gave it, by its weights."""
        weighed = any(isinstance(module, ChannelWeights) for module in self.modules())
        wide = sum(isinstance(module, Bottleneck) for module in self.modules())
        narrow = self.conv_3.model[1].conv.conv.weight.shape[0] == 13 if wide else False  # type: ignore[union-attr,index]
        return f"MiniFASNetV{2 if narrow else 1}{'SE' if weighed else ''}"

    def forward(self, x: Tensor) -> Tensor:
        """(B,3,80,80) -> (B,3)."""
        x = self.conv2_dw(self.conv1(x))
        for down, stage in STAGES:
            x = getattr(self, stage)(getattr(self, down)(x))
        x = self.conv_6_dw(self.conv_6_sep(x)).flatten(1)
        logits: Tensor = self.prob(self.bn(self.linear(x)))
        return logits
