"""What `fastrain landscape` is asked for, checked before anything heavy is loaded."""

from __future__ import annotations

from dataclasses import dataclass
from math import isfinite
from pathlib import Path

from fasdata.errors import UserError, unknown_name
from fastrain.landscape.surfaces import BATCHNORM

DEVICES = ("auto", "cpu", "cuda", "mps")
MOST_STEPS = 1001  # an axis; a million points, more than any figure shows
RADII = (0.01, 0.05, 0.1, 0.2)
"""Of the sharpness; 0.05 is the published default of sharpness-aware minimisation, 0.1 that of GAC-FAS."""


@dataclass(frozen=True)
class LandscapeRequest:
    """A run, the grid, the images, and how to compute.

    `reach` is how far the grid goes to each side, in lengths of the directions; `steps` is the number of points an
    axis, odd, so that the network itself is one of them; `images` are those of a domain, half of each label; `rho` are
    the radii of the sharpness; `again` replaces what is there. `batch_size` None = the run's own.
    """

    folder: Path
    reach: float = 1.0
    steps: int = 21
    images: int = 500
    seed: int = 0
    batchnorm: str = "ignore"
    rho: tuple[float, ...] = RADII
    batch_size: int | None = None
    device: str = "auto"
    again: bool = False
    dry_run: bool = False

    def checked(self) -> LandscapeRequest:
        """Return the request.

        Raises:
            UserError: a value that no landscape can have.
        """
        if self.batchnorm not in BATCHNORM:
            raise unknown_name("policy for batch norm", self.batchnorm, BATCHNORM)
        if self.device not in DEVICES:
            raise unknown_name("device", self.device, DEVICES)
        if not (isfinite(self.reach) and self.reach > 0):
            raise UserError(f"--range {self.reach:g}", expected="a length above 0", do="--range 1 is the usual one")
        if not 3 <= self.steps <= MOST_STEPS or self.steps % 2 == 0:
            raise UserError(
                f"--steps {self.steps}",
                expected=f"an odd number from 3 to {MOST_STEPS}: the point in the middle is the network itself",
            )
        if self.images < 2:
            raise UserError(f"--images {self.images}", expected="2 or more: one of each label")
        bad = [radius for radius in self.rho if not (isfinite(radius) and radius > 0)]
        if bad or len(set(self.rho)) < len(self.rho):
            raise UserError(
                "--rho " + " --rho ".join(f"{radius:g}" for radius in self.rho), expected="lengths above 0, each once"
            )
        return self
