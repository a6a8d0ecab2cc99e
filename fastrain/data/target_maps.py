"""Make the maps that a method learns to draw: from the unchanged images, moved along with them, then made small."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from fasdata.errors import UserError
from fastrain.augmentation import AugmentConfig
from fastrain.networks.lit_pixels import lit_map
from fastrain.pixel_targets import MapSource, PixelTarget


@dataclass(frozen=True)
class Source:
    """One kind of map: `plane` makes it of a sample's images by modality, HxW uint8 at their size; `small` turns what
    became of it (1,H,W) into the map (1,side,side) in [0,1].

    A map that is stored, such as a depth that another network guessed, is a picture among these images.
    """

    plane: Callable[[Mapping[str, np.ndarray]], np.ndarray]
    small: Callable[[Tensor, int], Tensor]


def lit_plane(images: Mapping[str, np.ndarray]) -> np.ndarray:
    """Return (H,W) uint8, 1 where the first image that is not all black is not black."""
    plane: np.ndarray = np.zeros(0, bool)
    for image in images.values():
        plane = np.asarray(image.any(axis=2) if image.ndim == 3 else image > 0)
        if plane.any():
            break
    return plane.astype(np.uint8)


SOURCES: dict[MapSource, Source] = {"lit": Source(lit_plane, lit_map)}


@dataclass(frozen=True)
class MapWriter:
    """Writes the maps of one sample into `out`, arrays (1,side,side) by the names of `targets`."""

    targets: Mapping[str, PixelTarget]
    out: Mapping[str, np.ndarray]

    def planes(self, images: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Return the map of every target at the size of the images, (H,W) uint8."""
        return {name: SOURCES[target.source].plane(images) for name, target in self.targets.items()}

    def write(self, name: str, plane: np.ndarray) -> None:
        """Make a plane that moved as its images did small, and write it."""
        target = self.targets[name]
        moved = torch.from_numpy(np.ascontiguousarray(plane))[None].float()
        self.out[name][:] = SOURCES[target.source].small(moved, target.side).numpy()


def require_movable(
    targets: Mapping[str, PixelTarget], config: AugmentConfig, views: int = 1
) -> Mapping[str, PixelTarget]:
    """Check that maps can follow what an augmentation does to images, and return them.

    Raises:
        UserError: they cannot: the augmentation takes windows or makes views by itself.
        ValueError: the method asks for several views.
    """
    if targets and views > 1:
        raise ValueError("a method with pixel_targets has one view of each image")
    for name in ("mix_crop_mask", "base_views", "simclr_views") if targets else ():
        if getattr(config, name):
            raise UserError(
                f"augment.{name} moves images in ways that the map {next(iter(targets))} cannot follow",
                do=f"--set data.augment.{name}=null",
            )
    return targets
