"""A picture in several kinds of light: what is seen, what an infrared lamp would light, how warm and how far it is."""

from __future__ import annotations

import numpy as np

from fasdata.synth.camera import Patch
from fasdata.synth.fields import Array, luminance

_BACKDROP_WARMTH = 0.2


class Layers:
    """Registered float32 layers of one frame, H x W each.

    `light` is linear radiance (three channels), `nir` the share of a lamp's near-infrared light that comes back from
    beside the lamp, `warmth` 0-1 from room to body temperature, `depth` mm along the camera's axis.
    """

    def __init__(self, light: Array, reflectance: Array, depth: Array) -> None:
        """Start from a backdrop: its radiance, its reflectance (three channels) and its depth."""
        self.light, self.depth = light.copy(), depth.astype(np.float32, copy=True)
        self.nir = 0.8 * luminance(reflectance)
        self.warmth = np.full_like(self.depth, _BACKDROP_WARMTH)

    def lay(self, patch: Patch, nir: Array, warmth: Array | float, depth: Array) -> None:
        """Lay a thing over what is there; a pixel's depth is that of the thing that covers most of it."""
        patch.over(self.light)
        for layer, value in ((self.nir, nir), (self.warmth, warmth)):
            under = layer[patch.window.slices]
            under += (value - under) * patch.coverage
        np.copyto(self.depth[patch.window.slices], depth, where=patch.coverage > 0.5, casting="same_kind")
