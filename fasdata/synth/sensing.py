"""How each multi-modal dataset senses infrared and depth: what makes them differ beyond colour."""

from __future__ import annotations

from dataclasses import dataclass

Range = tuple[float, float]


@dataclass(frozen=True)
class Sensing:
    """One infrared camera with its lamp, one depth camera, and the instruments as infrared sees them.

    Infrared: `lamp` is radiance at half a metre from a white wall, `spot` how much darker the corners are, `ambient`
    what the sun adds, `level` the range an automatic exposure aims at and `automatic` how far it gets (0 = fixed gain),
    `nir_noise` a standard deviation at white, `nir_blur` pixels, `nir_gamma` the tone curve. `skin` scales what skin
    sends back, `soft` is the share of it that comes from below the surface. `paper` and `screen` are reflectances,
    `ink` is how much of a print's contrast remains in infrared (carbon toner all, dyes next to nothing), `leak` how
    much of a screen's picture does.

    Depth: `depth_noise` in mm at half a metre (grows with the square of distance), `grain` the size of its blotches in
    pixels, `smooth` pixels, `step` mm of quantisation, `holes` the share lost at edges and on dark surfaces.
    """

    lamp: Range
    spot: float
    ambient: Range
    level: Range
    automatic: float
    nir_noise: float
    nir_blur: float
    nir_gamma: float
    skin: Range
    soft: Range
    paper: Range
    ink: Range
    screen: Range
    leak: Range
    depth_noise: Range
    grain: float
    smooth: float
    step: float
    holes: float


SENSING = {
    # A structured-light camera indoors: a strong lamp, a fixed gain, coarse blotches in depth. Prints by laser.
    "casia-surf": Sensing(
        lamp=(0.9, 1.5), spot=0.5, ambient=(0.0, 0.05), level=(0.30, 0.45), automatic=0.4,
        nir_noise=0.045, nir_blur=0.7, nir_gamma=1.6, skin=(0.85, 1.1), soft=(0.30, 0.50),
        paper=(0.45, 0.75), ink=(0.45, 1.0), screen=(0.05, 0.25), leak=(0.0, 0.3),
        depth_noise=(0.8, 2.0), grain=3.0, smooth=1.0, step=1.0, holes=0.5,
    ),
    # The same kind of camera outdoors too: sun beside the lamp, an automatic exposure. Prints on cloth.
    "casia-surf-cefa": Sensing(
        lamp=(0.5, 1.2), spot=0.4, ambient=(0.05, 0.5), level=(0.25, 0.55), automatic=0.85,
        nir_noise=0.07, nir_blur=0.9, nir_gamma=1.3, skin=(0.75, 1.15), soft=(0.45, 0.75),
        paper=(0.40, 0.80), ink=(0.30, 0.95), screen=(0.10, 0.40), leak=(0.1, 0.5),
        depth_noise=(1.5, 4.0), grain=4.0, smooth=1.6, step=2.0, holes=0.9,
    ),
    # A quiet room and a good mount; the release normalises each frame.
    "wmca": Sensing(
        lamp=(0.6, 1.0), spot=0.7, ambient=(0.0, 0.15), level=(0.30, 0.50), automatic=0.6,
        nir_noise=0.045, nir_blur=1.1, nir_gamma=1.0, skin=(0.8, 1.1), soft=(0.35, 0.60),
        paper=(0.45, 0.80), ink=(0.40, 1.0), screen=(0.08, 0.35), leak=(0.1, 0.5),
        depth_noise=(0.8, 2.2), grain=2.5, smooth=1.3, step=1.0, holes=0.7,
    ),
    # A bank of lamps and a fine sensor; stereo depth that is smooth and wavy.
    "padisi-face": Sensing(
        lamp=(0.7, 1.1), spot=0.5, ambient=(0.0, 0.1), level=(0.25, 0.50), automatic=0.7,
        nir_noise=0.04, nir_blur=1.2, nir_gamma=1.15, skin=(0.8, 1.15), soft=(0.25, 0.60),
        paper=(0.40, 0.75), ink=(0.40, 0.95), screen=(0.05, 0.2), leak=(0.0, 0.3),
        depth_noise=(1.2, 3.0), grain=9.0, smooth=3.0, step=0.5, holes=0.3,
    ),
}  # fmt: skip
