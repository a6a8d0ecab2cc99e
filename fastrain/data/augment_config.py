"""Which random changes a training image goes through; everything is off unless asked for."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, FiniteFloat

Probability = Annotated[FiniteFloat, Field(ge=0, le=1)]
Strength = Annotated[FiniteFloat, Field(ge=0)]


def _ascending(pair: tuple[float, float]) -> tuple[float, float]:
    if not 0 < pair[0] <= pair[1]:
        raise ValueError(f"expected two positive numbers, the smaller first; found {pair[0]}, {pair[1]}")
    return pair


Interval = Annotated[tuple[FiniteFloat, FiniteFloat], AfterValidator(_ascending)]


def _fraction(pair: tuple[float, float]) -> tuple[float, float]:
    if pair[1] > 1:
        raise ValueError(f"expected shares of the image area, at most 1; found {pair[1]}")
    return pair


AreaShare = Annotated[Interval, AfterValidator(_fraction)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class ColourJitter(_Strict):
    """Factors are drawn from 1 ± strength, never below 0; the hue shift from ± `hue` turns of the colour circle."""

    brightness: Strength = 0.0
    contrast: Strength = 0.0
    saturation: Strength = 0.0
    hue: Annotated[Strength, Field(le=0.5)] = 0.0
    p: Probability = 1.0


class RandomResizedCrop(_Strict):
    """A window of random area and aspect, resized to the size the image had."""

    scale: AreaShare = (0.08, 1.0)
    ratio: Interval = (3 / 4, 4 / 3)


class RandomCrop(_Strict):
    """A square window of `size` pixels (None: the image's own) after a black border of `padding` pixels."""

    size: Annotated[int, Field(ge=1)] | None = None
    padding: Annotated[int, Field(ge=0)] = 0


class RandomErasing(_Strict):
    """A black rectangle; `scale` is its share of the area, `ratio` its height over its width."""

    p: Probability = 0.5
    scale: AreaShare = (0.02, 0.33)
    ratio: Interval = (0.3, 3.3)


class PatchShuffle(_Strict):
    """Square patches of `size` pixels change places; what does not fill a patch stays."""

    size: Annotated[int, Field(ge=1)] = 32
    p: Probability = 0.5


class AugmentConfig(_Strict):
    """The augmentation of a sample, all modalities together.

    Applied in this order: resize, colour jitter (rgb only), random resized crop, horizontal flip, rotation (uniform in
    ± `rotation` degrees), random crop, then on the [0, 1] tensor random erasing and patch shuffle. With
    `shared_geometry` every modality gets the same crop, flip, rotation, rectangle and permutation; without it each has
    its own. `depth_divisor` is the 16-bit depth that becomes 1 (values above it become 1 too); null = by the unit of
    the data: 4096 of millimetres, 65535 of anything else.
    """

    resize: Annotated[int, Field(ge=1)] | None = None
    interpolation: Literal["bilinear", "bicubic"] = "bilinear"
    colour_jitter: ColourJitter | None = None
    random_resized_crop: RandomResizedCrop | None = None
    horizontal_flip: Probability = 0.0
    rotation: Annotated[FiniteFloat, Field(ge=0, le=180)] = 0.0
    random_crop: RandomCrop | None = None
    random_erasing: RandomErasing | None = None
    patch_shuffle: PatchShuffle | None = None
    shared_geometry: bool = True
    depth_divisor: Annotated[FiniteFloat, Field(gt=0)] | None = None
