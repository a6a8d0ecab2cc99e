"""The places and colour cameras of the multi-modal datasets, which are cropped to the face."""

from __future__ import annotations

from fasdata.synth.domains import Domain

CROP_DOMAINS = {
    "casia-surf": Domain(
        size=(160, 160), focal=430, distance=(470, 540), yaw=14, backdrop="office",
        ambient=(0.38, 0.40, 0.44), key=(0.55, 0.55, 0.56), key_direction=(0.15, -0.65, 0.72), direction_jitter=0.35,
        white_balance=(0.98, 1.0, 1.04), saturation=0.95, blur=0.6, sharpen=0.3, gamma=2.2,
        noise=0.010, vignette=0.03,
        sheet_reach=(100, 150), dot_pitch=(1.2, 1.9), dots=0.9, bands=0.8,
        stripe_pitch=(0.84, 1.15), moire=1.0, glare_odds=0.4,
    ),
    "casia-surf-cefa": Domain(
        size=(128, 128), focal=350, distance=(480, 560), yaw=16, backdrop="outdoor",
        ambient=(0.42, 0.46, 0.52), key=(1.0, 0.95, 0.86), key_direction=(-0.55, -0.45, 0.65), direction_jitter=0.40,
        white_balance=(1.04, 1.0, 0.95), saturation=1.1, blur=0.7, sharpen=0.6, gamma=2.3,
        noise=0.014, vignette=0.05,
        sheet_reach=(105, 160), dot_pitch=(1.3, 2.1), dots=1.0, bands=0.5,
        stripe_pitch=(0.88, 1.12), moire=1.1, glare_odds=0.5,
    ),
    "wmca": Domain(
        size=(128, 128), focal=285, distance=(450, 530), yaw=8, backdrop="plain",
        ambient=(0.36, 0.36, 0.36), key=(0.70, 0.70, 0.69), key_direction=(-0.20, -0.40, 0.88), direction_jitter=0.25,
        white_balance=(1.0, 1.0, 1.0), saturation=0.9, blur=0.5, sharpen=0.0, gamma=2.2,
        noise=0.008, vignette=0.04,
        sheet_reach=(95, 150), dot_pitch=(1.1, 1.7), dots=0.7, bands=1.0,
        stripe_pitch=(0.86, 1.20), moire=0.8, glare_odds=0.6,
    ),
    "padisi-face": Domain(
        size=(256, 320), focal=640, distance=(480, 560), yaw=7, backdrop="plain",
        ambient=(0.30, 0.29, 0.27), key=(0.85, 0.82, 0.76), key_direction=(0.40, -0.30, 0.84), direction_jitter=0.20,
        white_balance=(1.02, 1.0, 1.03), saturation=1.05, blur=0.9, sharpen=0.2, gamma=2.1,
        noise=0.012, vignette=0.06,
        sheet_reach=(110, 160), dot_pitch=(1.2, 1.8), dots=0.8, bands=0.7,
        stripe_pitch=(0.86, 1.16), moire=0.8, glare_odds=0.5,
    ),
}  # fmt: skip
