"""The settings of augmentation; every step is off by default."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, FiniteFloat, model_validator

Probability = Annotated[FiniteFloat, Field(ge=0, le=1)]
Strength = Annotated[FiniteFloat, Field(ge=0)]

LARGEST_IMAGE = 4096  # pixels of a side


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
    """A window of random area and aspect, resized to the size of the image."""

    scale: AreaShare = (0.08, 1.0)
    ratio: Interval = (3 / 4, 4 / 3)


class SidedCrop(RandomResizedCrop):
    """A window of random area and aspect, resized to `side` pixels (None: the size of the image).

    `cut`: the window is cut out first, so that no pixel beside it takes part in the resizing; and where ten windows did
    not fit into the image, its central square is taken, in place of all of it.
    """

    side: Annotated[int, Field(ge=1, le=LARGEST_IMAGE)] | None = None
    cut: bool = False


class RandomCrop(_Strict):
    """A square window of `size` pixels (None: the image's own) after a black border of `padding` pixels."""

    size: Annotated[int, Field(ge=1, le=LARGEST_IMAGE)] | None = None
    padding: Annotated[int, Field(ge=0, le=LARGEST_IMAGE)] = 0


class RandomErasing(_Strict):
    """A black rectangle; `scale` is its share of the area, `ratio` its height over its width."""

    p: Probability = 0.5
    scale: AreaShare = (0.02, 0.33)
    ratio: Interval = (0.3, 3.3)


class Cutout(_Strict):
    """A box anywhere, of an area share drawn from 0 to 1, filled with its own mean colour (GAC-FAS)."""

    p: Probability = 0.5


class Erasures(_Strict):
    """One to `most` black rectangles, each number as likely; `ratio` is height over width, drawn evenly (CDCN)."""

    p: Probability = 0.5
    most: Annotated[int, Field(ge=1, le=100)] = 2
    scale: AreaShare = (0.01, 0.05)
    ratio: Interval = (0.5, 2.0)


class BlackSquare(_Strict):
    """A black square around any pixel, its side drawn from 1 to `longest`; what lies outside is cut off (CDCN)."""

    p: Probability = 1.0
    longest: Annotated[int, Field(ge=1, le=LARGEST_IMAGE)] = 49


class PatchShuffle(_Strict):
    """Square patches of `size` pixels change places; a rest that fills no patch stays."""

    size: Annotated[int, Field(ge=1, le=LARGEST_IMAGE)] = 32
    p: Probability = 0.5


class MixCropMask(_Strict):
    """MMDGFAS' augmentation of 8-bit images: AugMix, a square window of `crop` pixels, and modalities taken away."""

    crop: Annotated[int, Field(ge=1, le=LARGEST_IMAGE)] = 48
    mix: bool = True
    mask: bool = True


class LevelsGamma(_Strict):
    """MMDG's and CDCN's change of 8-bit images, each modality by itself: a whole number of grey levels in ± `shift` is
    added to each channel, then all are raised to one power drawn from `gamma`, full scale being 1."""

    shift: Annotated[int, Field(ge=0, le=255)] = 40
    gamma: Interval = (0.5, 1.5)


class BaseViews(_Strict):
    """ME-FAS' augmentation of rgb: the base, and views made from it where the method asks for several images.

    Base: a flip, and luminance multiplied by `luminance` and shifted by up to `luminance_shift` in a random colour
    space. Views: each side loses up to `crop_share`; with probability `recolour` luminance, hue and saturation are
    multiplied; a Gaussian blur of a deviation in `blur` pixels; a flip.
    """

    base_flip: Probability = 0.5
    luminance: Interval = (0.8, 1.2)
    luminance_shift: Annotated[int, Field(ge=0, le=255)] = 3
    crop_share: Annotated[FiniteFloat, Field(ge=0, lt=0.5)] = 0.2
    recolour: Probability = 0.6
    hue_factor: Interval = (0.95, 1.05)
    saturation_factor: Interval = (0.8, 1.2)
    blur: Interval = (0.5, 1.0)
    view_flip: Probability = 0.5


class SimCLRViews(_Strict):
    """FLIP's augmentation of rgb: the base, and strongly changed views where the method asks for several images.

    Base: with probability `saturate` its saturation times a factor in `saturation`; a flip. Views, of the base before
    its flip: a window enlarged to the whole (`crop`), `jitter` of colours, grey with probability `grey`, with
    probability `blurred` a Gaussian blur of a deviation in `blur` pixels, a flip. `hsv` is what becomes of values that
    the saturation moves out of range: clean rounds and clips; reference cuts and wraps, and takes every training image
    there and back, as published.
    """

    saturate: Probability = 0.5
    saturation: Interval = (0.8, 1.2)
    hsv: Literal["clean", "reference"] = "clean"
    base_flip: Probability = 0.5
    crop: RandomResizedCrop | None = RandomResizedCrop()
    jitter: ColourJitter | None = ColourJitter(brightness=0.4, contrast=0.4, saturation=0.4, hue=0.1, p=0.8)
    grey: Probability = 0.2
    blurred: Probability = 0.5
    blur: Interval = (0.1, 2.0)
    view_flip: Probability = 0.5


class Printer(_Strict):
    """The inks of a print: how much a dot of half the area grows, and their density over that of ISO 12647-2."""

    dot_gain: AreaShare = (0.08, 0.25)
    density: Interval = (0.6, 1.0)


class Halftone(_Strict):
    """The dots of a print, one screen an ink; `period` in pixels of the view (a finer one comes back as its moiré)."""

    period: Interval = (1.5, 4.0)


class Display(_Strict):
    """The colours of a display: the power of its light over sRGB's, its white in kelvin, the share of flare on it."""

    gamma: Interval = (0.8, 1.3)
    white: Interval = (5500.0, 11000.0)
    flare: AreaShare = (0.01, 0.12)

    @model_validator(mode="after")
    def _daylight(self) -> Self:
        if not 4000 <= self.white[0] <= self.white[1] <= 25_000:
            raise ValueError(
                f"white: expected kelvin of daylight, 4000 to 25000; found {self.white[0]:g}, {self.white[1]:g}"
            )
        return self


class Moire(_Strict):
    """The grid of a display: how many of its pixels fall on one of the view, and how deep the grid is."""

    pitch: Interval = (0.92, 1.08)
    contrast: AreaShare = (0.08, 0.3)


class Recapture(_Strict):
    """The blur of a camera that takes a print or display again: the radius of a point in pixels of the view."""

    radius: Interval = (0.5, 1.8)


class Artefacts(_Strict):
    """What printing or showing a face and taking it again leaves in colour (`fastrain.data.artefacts`); null = off.

    A picture is either printed (`printer`, `halftone`) or shown (`display`, `moire`), with equal chance where both are
    on, and then taken again (`recapture`). `label`: `attack` makes attacks of bona fide pictures, each attack drawn
    being replaced by one of its domain with probability `p`; `keep` changes pictures of both labels alike, each with
    probability `p`, and leaves their labels. Moiré and dots are what gives an attack away, so that `keep` teaches to
    overlook them: it is for light colours and blur.
    """

    label: Literal["attack", "keep"] = "attack"
    p: Probability = 0.3
    printer: Printer | None = Printer()
    halftone: Halftone | None = Halftone()
    display: Display | None = Display()
    moire: Moire | None = Moire()
    recapture: Recapture | None = Recapture()

    def instruments(self) -> tuple[str, ...]:
        """Return what a picture may become, print or display: those of which a step is on."""
        steps = {"print": (self.printer, self.halftone), "display": (self.display, self.moire)}
        return tuple(name for name, of in steps.items() if any(of))

    @model_validator(mode="after")
    def _some_step(self) -> Self:
        if not self.instruments() and (self.label == "attack" or not self.recapture):
            blur = "a blur alone makes no attack" if self.recapture else "no step is on"
            raise ValueError(f"{blur}: set printer, halftone, display or moire, or artefacts=null")
        return self


class AugmentConfig(_Strict):
    """The augmentation of a sample, all modalities together.

    Applied in this order: resize, levels and gamma (all modalities), colour jitter (rgb only), random resized crop,
    horizontal flip, rotation (uniform in ± `rotation` degrees; with `rotate_first` before the resized crop, and by the
    nearest pixel), random crop, then on the [0, 1] tensor random erasing, erasures, black square, cut-out and patch
    shuffle. `artefacts` (rgb only) come before all of it, and before the views of `base_views` and `simclr_views`: they
    may take another picture, so the loader of training draws them, by random numbers of their own. With
    `shared_geometry` every modality gets the same crop, flip, rotation, rectangles and permutation; without it each has
    its own. `mix_crop_mask` comes after the rotation and replaces all later steps; with it, or with `levels_gamma`,
    images of 16 bits are brought down to 8, for validation and test too. `depth_divisor` is the 16-bit depth that
    becomes 1 (values above it become 1 too); null = by the unit of the data: 4096 of millimetres, 65535 of anything
    else.
    """

    artefacts: Artefacts | None = None
    resize: Annotated[int, Field(ge=1, le=LARGEST_IMAGE)] | None = None
    interpolation: Literal["bilinear", "bicubic"] = "bilinear"
    levels_gamma: LevelsGamma | None = None
    colour_jitter: ColourJitter | None = None
    random_resized_crop: SidedCrop | None = None
    horizontal_flip: Probability = 0.0
    rotation: Annotated[FiniteFloat, Field(ge=0, le=180)] = 0.0
    rotate_first: bool = False
    random_crop: RandomCrop | None = None
    random_erasing: RandomErasing | None = None
    erasures: Erasures | None = None
    black_square: BlackSquare | None = None
    cutout: Cutout | None = None
    patch_shuffle: PatchShuffle | None = None
    mix_crop_mask: MixCropMask | None = None
    base_views: BaseViews | None = None
    simclr_views: SimCLRViews | None = None
    shared_geometry: bool = True
    depth_divisor: Annotated[FiniteFloat, Field(gt=0)] | None = None

    @model_validator(mode="after")
    def _nothing_after_mix_crop_mask(self) -> Self:
        later = ("random_crop", "random_erasing", "erasures", "black_square", "cutout", "patch_shuffle")
        after = [name for name in later if getattr(self, name)]
        if self.mix_crop_mask and after:
            raise ValueError(f"mix_crop_mask takes the place of {after[0]}: set one of them to null")
        return self

    @model_validator(mode="after")
    def _nothing_beside_views(self) -> Self:
        kept = ("artefacts", "resize", "interpolation", "shared_geometry", "depth_divisor")
        own = "base_views" if self.base_views else "simclr_views"
        beside = [name for name in type(self).model_fields if name not in (*kept, own) and getattr(self, name)]
        if (self.base_views or self.simclr_views) and beside:
            raise ValueError(f"{own} takes the place of {beside[0]}: set one of them to null, or 0")
        return self
