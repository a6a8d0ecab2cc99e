"""Change brightness, contrast, saturation and hue at random, as torchvision's ColorJitter does; levels and gamma."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import torch
from torch import Tensor

from fastrain.augmentation import ColourJitter, LevelsGamma

_LEVELS = np.arange(256, dtype=np.float32)


@dataclass(frozen=True)
class Colours:
    """The colour changes of one image: steps in the order in which they apply, with their factor or shift."""

    steps: tuple[tuple[str, float], ...] = ()

    @classmethod
    def draw(cls, config: ColourJitter | None, rng: np.random.Generator) -> Colours:
        """Draw the steps; none without `config`, or with probability 1 - `config.p`."""
        if config is None or rng.random() >= config.p:
            return cls()
        steps = [(name, float(rng.uniform(max(0.0, 1 - s), 1 + s))) for name, s in _strengths(config).items()]
        if config.hue:
            steps.append(("hue", float(rng.uniform(-config.hue, config.hue))))
        return cls(tuple(steps[i] for i in rng.permutation(len(steps))))

    def changed(self, image: np.ndarray) -> np.ndarray:
        """Return the image HxWx3 of uint8 with these steps done.

        Brightness and contrast change each value by itself, so a table of 256 entries does them.
        """
        if not self.steps:
            return image
        from torchvision.transforms.v2 import functional

        for name, amount in self.steps:
            if name == "brightness":
                # torchvision's own arithmetic, which takes a tenth of the time without its dispatch.
                table = np.minimum(_LEVELS * np.float32(amount), np.float32(255)).astype(np.uint8)
                image = cv2.LUT(image, table).reshape(image.shape)
            elif name == "contrast":
                image = cv2.LUT(image, _contrast_table(_planar(image), amount)).reshape(image.shape)
            else:
                change = functional.adjust_saturation if name == "saturation" else functional.adjust_hue
                image = np.ascontiguousarray(change(_planar(image), amount).numpy().transpose(1, 2, 0))
        return image


def _strengths(config: ColourJitter) -> dict[str, float]:
    named = {"brightness": config.brightness, "contrast": config.contrast, "saturation": config.saturation}
    return {name: strength for name, strength in named.items() if strength}


def _planar(image: np.ndarray) -> Tensor:
    return torch.from_numpy(np.stack(cv2.split(image)))


def _contrast_table(image: Tensor, amount: float) -> np.ndarray:
    """Return what torchvision's `adjust_contrast` makes of each value: a blend with the mean of the grey image."""
    from torchvision.transforms.v2 import functional

    mean = functional.rgb_to_grayscale(image).float().mean()
    table = torch.arange(256, dtype=torch.uint8).mul(amount).add_(mean, alpha=1 - amount)
    return table.clamp_(0, 255).to(torch.uint8).numpy()


# -- Levels and gamma -------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class LevelsGammaDraw:
    """The change of one 8-bit image: grey levels that are added to each channel, and the power that follows."""

    shifts: tuple[int, ...]
    gamma: float

    @classmethod
    def draw(cls, config: LevelsGamma, image: np.ndarray, rng: np.random.Generator) -> LevelsGammaDraw:
        """Draw the change of an image HxW or HxWxC."""
        channels = image.shape[2] if image.ndim == 3 else 1
        shifts = rng.integers(-config.shift, config.shift, channels, endpoint=True)
        return cls(tuple(shifts.tolist()), float(rng.uniform(*config.gamma)))

    def changed(self, image: np.ndarray) -> np.ndarray:
        """Return the image of uint8 changed: one table of 256 values a channel does both steps."""
        levels = np.arange(256, dtype=np.float32)
        power = (255 * (levels / np.float32(255)) ** np.float32(self.gamma)).astype(np.uint8)
        shifted = np.clip(np.arange(256)[:, None] + np.array(self.shifts), 0, 255)  # (256, C)
        return cv2.LUT(image, np.ascontiguousarray(power[shifted])[None]).reshape(image.shape)
