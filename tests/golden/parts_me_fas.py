"""What the ME-FAS fixtures are run with: the network filled by the formula, their operations, torch's shuffling."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import nn

from fastrain.data.base_views import blur, brightness, cropped, cropped_by, hue_and_saturation
from fastrain.data.samplers import GroupStream
from fastrain.methods.me_fas.method import contrastive_head
from fastrain.methods.me_fas.network import TextEnhancedCLIP
from fastrain.methods.me_fas.settings import MEFASSettings
from fastrain.networks.clip import open_clip_model
from tests.golden.fill_me_fas import FillMEFAS


class Parts:
    """CLIP and the contrastive head, filled once; networks of any configuration share them."""

    def __init__(self, fill: FillMEFAS) -> None:
        self.fill = fill
        self.clip = open_clip_model("ViT-B-16-quickgelu", {}, 224)
        self.head = contrastive_head(512, 2048, 256)
        for module, prefix in ((self.clip, "clipModel."), (self.head, "projection_head.mlp.")):
            filled(module, fill, prefix)
        self.head_start = {key: value.clone() for key, value in self.head.state_dict().items()}

    def network(self, **changes: Any) -> TextEnhancedCLIP:
        network = TextEnhancedCLIP(self.clip, MEFASSettings(pretrained=False, **changes))
        filled(network.fusions, self.fill, "clipModel.image_projections_prompt.")
        filled(network.prompts.proj, self.fill, "prompt_learner.proj.")
        key = "clipModel.text_projection_image"
        network.text_projection_image.data.copy_(torch.from_numpy(self.fill.tensor(key, (512, 768))))
        self.head.load_state_dict(self.head_start)
        return network.eval()


def filled(module: nn.Module, fill: FillMEFAS, prefix: str) -> None:
    shapes = [(prefix + key, tuple(value.shape)) for key, value in module.state_dict().items()]
    state = fill.state(shapes)
    module.load_state_dict({key.removeprefix(prefix): value for key, value in state.items()})


def operation(name: str, image: np.ndarray) -> np.ndarray:
    """Carry out what the key of an array of the fixture says."""
    kind, *words = name.split("_")
    if kind.startswith("bright"):
        numbers = [float(word) for word in words[1:]]
        steps = {"mul": ["multiply"], "muladd": ["multiply", "add"], "addmul": ["multiply", "add"]}[kind[6:]]
        done = list(zip(steps, numbers, strict=True))
        return brightness(image, words[0], done[::-1] if kind == "brightaddmul" else done)
    if kind == "fliplr":
        return image[:, ::-1]
    numbers = [float(word) for word in words if word != "trbl"]
    if kind == "crop":
        return cropped_by(image, [int(number) for number in numbers])
    if kind == "croppercent":
        return cropped(image, numbers)
    return {"huesat": hue_and_saturation, "blur": blur}[kind](image, *numbers)


def smooth(height: int, width: int, seed: int) -> np.ndarray:
    row, column, channel = np.ogrid[:height, :width, :3]
    ramp = (2 * row + column + 11 * channel + 37 * 2 + seed) % 256
    return ((ramp // 2 + 40 + 60 * ((row // 8 + column // 8 + channel) % 2)) % 256).astype(np.uint8)


class TorchPasses(GroupStream):
    """A stream whose passes are shuffled as torch's random sampler does, with a seed of torch's own generator."""

    def _shuffled(self, number: int) -> np.ndarray:
        generator = torch.Generator().manual_seed(int(torch.empty((), dtype=torch.int64).random_()))
        return self.members[torch.randperm(len(self.members), generator=generator).numpy()]
