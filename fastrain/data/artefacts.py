"""What printing or showing a face and taking it again does to its picture, and which pictures it is done to.

Physics and published equations in place of recorded material: `fastrain.data.printed`, `fastrain.data.displayed`.
Attacks that are made of bona fide pictures are those of simulated physical spoofing clues (He et al., CVPR workshops
2024: colour jitter for prints, a swirled copy for moiré) and FAS-Aug (Cai et al., IJCV 2024), which also found that a
network may come to rely on the artefacts alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import ceil

import cv2
import numpy as np
from numpy.typing import NDArray

from fasdata.errors import UserError
from fastrain.augmentation import Artefacts, AugmentConfig
from fastrain.data.displayed import Shown
from fastrain.data.light import Light, light_of, pixels_of
from fastrain.data.printed import Printed
from fastrain.data.samples import ClipFrames, Samples

# Attacks that are made so are of species of their own, told apart from those that somebody recorded.
SPECIES = {"print": "simulated-print", "display": "simulated-display", "": ""}


def disc(radius: float) -> Light:
    """Return the blur of a lens out of focus: an even disc, the circle of confusion of geometric optics; its sum is 1.

    >>> disc(0.1).tolist(), disc(2.0).shape
    ([[1.0]], (5, 5))
    """
    reach, fine = max(ceil(radius - 0.5), 0), 8
    place = (np.arange((2 * reach + 1) * fine) + 0.5) / fine - reach - 0.5
    inside = (place[:, None] ** 2 + place[None] ** 2 <= max(radius, 0.5) ** 2).astype(np.float32)
    kernel = inside.reshape(2 * reach + 1, fine, 2 * reach + 1, fine).mean(axis=(1, 3))
    return kernel / kernel.sum()


@dataclass(frozen=True)
class Artefact:
    """What happened to a picture: it was printed, shown, or neither; then taken again, blurred by `radius` pixels."""

    instrument: str
    medium: Printed | Shown | None
    radius: float

    @classmethod
    def draw(cls, config: Artefacts, rng: np.random.Generator) -> Artefact:
        """Draw what happens to one picture: print or display alike, where both have a step that is on."""
        instruments = config.instruments()
        instrument = instruments[rng.integers(len(instruments))] if instruments else ""
        medium: Printed | Shown | None = None
        if instrument == "print":
            medium = Printed.draw(config.printer, config.halftone, rng)
        elif instrument == "display":
            medium = Shown.draw(config.display, config.moire, rng)
        return cls(instrument, medium, float(rng.uniform(*config.recapture.radius)) if config.recapture else 0.0)

    @property
    def species(self) -> str:
        """Return the species of an attack that was made so."""
        return SPECIES[self.instrument]

    def colour(self, image: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Return the picture (H,W,3) changed; what was black all over stays so: it is beside the face, not of it."""
        light = self.medium.light(image) if self.medium else light_of(image)
        if self.radius:
            blurred = cv2.filter2D(light, -1, disc(self.radius), borderType=cv2.BORDER_REFLECT_101)
            light = np.asarray(blurred, np.float32)
        changed = pixels_of(light)
        changed[~image.any(axis=2)] = 0
        return changed

    def on(self, images: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Return the images of a sample, colour changed; depth and infrared stay what they are."""
        return {name: self.colour(image) if name == "rgb" else image for name, image in images.items()}


# -- Which pictures ---------------------------------------------------------------------------------------------------


class ArtefactDraws:
    """Draws for each item of a batch whether its picture is changed, and of which picture an attack is made.

    With `label: attack` an attack that is drawn gives its place to one of the bona fide pictures of its domain, so that
    a batch holds as many attacks as before and methods see labels where they expect them.
    """

    def __init__(self, config: Artefacts, samples: Samples, clips: ClipFrames | None) -> None:
        self._config, self._clips = config, clips
        self._attack = samples.label == 0
        self._domain = samples.domain
        live = {int(domain): np.flatnonzero((samples.label == 1) & (samples.domain == domain))
                for domain in np.unique(samples.domain)}  # fmt: skip
        self._live = {domain: np.unique(clips.clip[members]) if clips else members for domain, members in live.items()}

    def of(self, member: int, rng: np.random.Generator) -> tuple[int, Artefact | None]:
        """Return the sample that takes the place of `member` (mostly itself), and what happens to its picture."""
        made = self._config.label == "attack"
        if (made and not self._attack[member]) or rng.random() >= self._config.p:
            return member, None
        if made:
            live = self._live[int(self._domain[member])]
            member = int(live[rng.integers(len(live))])
            member = self._clips.random_frame(member, rng) if self._clips else member
        return member, Artefact.draw(self._config, rng)


def require_colour_alone(augment: AugmentConfig, modalities: tuple[str, ...], *, shuffled: bool) -> None:
    """Check that attacks can be made of bona fide pictures.

    Raises:
        UserError: the network sees depth or infrared too, in which they would still be a face; labels are shuffled.
    """
    if not augment.artefacts or augment.artefacts.label != "attack":
        return
    keep = "--set data.augment.artefacts.label=keep, or artefacts=null"
    if modalities != ("rgb",):
        raise UserError(
            "data.augment.artefacts makes attacks in colour alone: depth and infrared would show a face",
            found=", ".join(modalities), do=keep,
        )  # fmt: skip
    if shuffled:
        raise UserError("data.augment.artefacts makes attacks, whose label cannot be shuffled", do=keep)


def notes_on(config: Artefacts | None) -> tuple[str, ...]:
    """Return what a run says of its artefacts."""
    if config is None:
        return ()
    if config.label == "attack":
        names = " and ".join(SPECIES[name] for name in config.instruments())
        return (f"{config.p:.0%} of the attacks are made of bona fide pictures of the same domain: {names}",)
    evidence = [name for name in ("halftone", "moire") if getattr(config, name)]
    warning = f"; {' and '.join(evidence)} on bona fide pictures teach to overlook them" if evidence else ""
    return (f"{config.p:.0%} of the pictures get artefacts and keep their label{warning}",)
