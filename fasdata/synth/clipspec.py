"""What a clip shows, in the words the layouts use."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Presentation = Literal[
    "bonafide", "print-flat", "print-warped", "print-cut", "display-photo", "display-video",
    "mask-rigid", "mask-silicone", "mask-paper", "mask-transparent", "mask-half",
    "glasses-funny", "glasses-paper", "mannequin",
]  # fmt: skip


@dataclass(frozen=True)
class ClipSpec:
    """What a clip shows; `name` is unique in its dataset and, with the seed, decides every pixel.

    `sway` scales how far an instrument moves (0 = on a stand), `dim` is the poor light of a session.
    `holes` is what is cut out of a "print-cut" in the multi-modal sets, `bent` whether its paper is.
    """

    dataset: str
    subject: str
    name: str
    presentation: Presentation
    frames: int
    dim: bool = False
    sway: float = 0.7
    holes: tuple[Literal["eyes", "nose", "mouth"], ...] = ("eyes",)
    bent: bool = False
