"""What the FLIP fixtures are run with: methods filled by the formula, their images, and how a gradient is compared."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from fastrain.methods.flip.method import FLIP
from fastrain.methods.flip.published import VOCABULARY, to_reference
from fastrain.methods.flip.settings import FLIPSettings
from tests.golden.fill import Fill, summary

ROWS = 49408  # of the published vocabulary
TEXT = {"width": 128, "heads": 2, "layers": 2}
SMALL = {"embed_dim": 512, "vision_cfg": {"layers": 2, "width": 128, "patch_size": 8}, "text_cfg": TEXT}
SMALL_V = {"embed_dim": 512, "vision_cfg": {"layers": 2, "width": 768, "patch_size": 16}, "text_cfg": TEXT}
LABELS = {"real": 1, "fake": 0}


class FillFLIP(Fill):
    """The formula, and CLIP's scale, which has no axis."""

    def tensor(self, name: str, shape: tuple[int, ...]) -> np.ndarray:
        return np.array(math.log(1 / 0.07)) if name.endswith("logit_scale") else super().tensor(name, shape)

    def picture(self, name: str, shape: tuple[int, int, int, int]) -> Tensor:
        """Return images in [0,1], as methods are given them: they are normalised there."""
        return torch.from_numpy(self.image(name, shape))


def method_of(
    fill: FillFLIP, variant: str, size: int = 32, clip: Mapping[str, Any] | None = None, **changes: Any
) -> FLIP:
    """Return the method in float64, its weights by the formula."""
    kwargs = clip if clip is not None else SMALL_V if variant == "v" else SMALL
    settings = FLIPSettings(variant=variant, clip_kwargs=dict(kwargs), pretrained=False, **changes)  # type: ignore[arg-type]
    method = FLIP(settings, n_domains=4, image_size=size).double()
    method.load_state_dict({key: filled(fill, key, value, method) for key, value in method.state_dict().items()})
    return method.eval()


def filled(fill: FillFLIP, key: str, value: Tensor, method: FLIP) -> Tensor:
    """Return the formula's tensor of one of our entries; of the vocabulary the rows that the sentences use."""
    name = to_reference(key)
    if name is None:
        return value
    if key == VOCABULARY:
        return torch.from_numpy(fill.tensor(name, (ROWS, value.shape[1]))[method.network.words.numpy()])
    return torch.from_numpy(fill.tensor(name, tuple(value.shape)))


def published_shape(key: str, value: Tensor) -> tuple[int, ...]:
    return (ROWS, value.shape[1]) if key == VOCABULARY else tuple(value.shape)


def gradients(method: FLIP) -> dict[str, np.ndarray]:
    """Return gradients by published name, that of the vocabulary with all its rows."""
    named = {}
    for key, parameter in method.named_parameters():
        gradient = parameter.grad
        assert gradient is not None, key
        if key == VOCABULARY:
            whole = gradient.new_zeros(ROWS, gradient.shape[1])
            whole[method.network.words] = gradient
            gradient = whole
        named[str(to_reference(key))] = gradient.numpy()
    return named


def same_summaries(ours: Mapping[str, np.ndarray], names: np.ndarray, theirs: np.ndarray, skipped: set[str]) -> None:
    """Check the three numbers of every named tensor, relative to its norm; ours does not have the `skipped`."""
    assert set(names) - skipped == set(ours)
    for name, expected in zip(names.tolist(), theirs, strict=True):
        if name not in skipped:
            np.testing.assert_allclose(
                summary(ours[name]), expected, rtol=0, atol=1e-9 * expected[1] + 1e-13, err_msg=name
            )


def close(ours: Any, theirs: np.ndarray, within: float = 1e-10) -> None:
    """Check outputs relative to the largest entry."""
    ours = ours.detach().numpy() if isinstance(ours, Tensor) else np.asarray(ours)
    np.testing.assert_allclose(ours, theirs, rtol=0, atol=within * np.abs(theirs).max() + 1e-14)


def batch_of(fill: FillFLIP, step: int, groups: list[str], views: tuple[str, ...]) -> dict[str, Any]:
    """Return the batch of a published training step: three images of each group, in the stored order."""
    pairs = [group.split("_") for group in groups]
    images = [
        torch.cat([fill.picture(f"step{step}/{slot}/{kind}/{view}", (3, 3, 32, 32)) for slot, kind in pairs])
        for view in views
    ]
    label = torch.tensor([LABELS[kind] for _, kind in pairs for _ in range(3)])
    return {"modalities": {"rgb": images[0]}, "views": [{"rgb": image} for image in images], "label": label}


def arrays(folder: Path, name: str) -> dict[str, np.ndarray]:
    return dict(np.load(folder / f"{name}.npz"))
