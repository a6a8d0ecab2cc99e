"""The light of a scene: a uniform sky and one key light."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fasdata.synth.camera import unit
from fasdata.synth.fields import Array


@dataclass(frozen=True)
class Light:
    """Linear radiance of the ambient and the key light (r, g, b), and the unit direction towards the key light.

    Directions are in the head's frame: x right, y down, z towards the camera.
    """

    ambient: Array
    key: Array
    direction: Array

    @property
    def level(self) -> float:
        """Brightness of both together, for things that must look bright beside them."""
        return float(self.ambient.mean() + self.key.mean())


def photo_light(rng: np.random.Generator) -> Light:
    """Return the light under which an attacker's source photo was taken: anything from flat to one-sided."""
    share = float(rng.uniform(0.35, 0.75))
    ambient = np.full(3, 1.15 * (1 - share), np.float32)
    key = np.array([1.18, 1.14, 1.10], np.float32) * share
    return Light(ambient, key, unit((rng.normal(0, 0.6), rng.uniform(-0.6, -0.2), 0.75)))
