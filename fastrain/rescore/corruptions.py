"""Corruptions of pictures by camera, codec and transmission, each in five severities."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from fasdata.errors import UserError, unknown_name

SEVERITIES = (1, 2, 3, 4, 5)

# What a severity means, mildest first. Lengths are parts of the picture's side, so that any input size sees the same.
QUALITY = (80, 60, 40, 20, 10)  # jpeg, percent
SIGMA = (0.004, 0.008, 0.012, 0.02, 0.03)  # blur: standard deviation
SHRINK = (0.75, 0.5, 0.375, 0.25, 0.125)  # resize: down to this part and up again
NOISE = (4.0, 8.0, 14.0, 22.0, 32.0)  # standard deviation, of 255
GAMMA = (0.8, 0.65, 0.5, 0.4, 0.3)  # exponent, or one over it, by chance
DROPPED = (0.1, 0.25, 0.5, 0.75, 0.9)  # part of a clip's frames that is lost, one always left


@dataclass(frozen=True)
class Corruption:
    """A kind at a severity from 1 to 5."""

    kind: str
    severity: int

    @property
    def setting(self) -> str:
        """Describe the severity in words."""
        place = self.severity - 1
        return {
            "jpeg": f"quality {QUALITY[place]}",
            "blur": f"sigma {SIGMA[place]:g} of the side",
            "resize": f"down to {SHRINK[place]:g} and up",
            "noise": f"sigma {NOISE[place]:g} of 255",
            "gamma": f"exponent {GAMMA[place]:g} or its inverse",
            "frame-drop": f"{DROPPED[place]:.0%} of the frames lost",
        }[self.kind]

    def apply(self, image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Return the picture made worse: uint8 (S,S,3) or (S,S), or uint16 (S,S) whose codec effects are left out."""
        return _KINDS[self.kind](image, self.severity - 1, rng)


def parse_corruptions(text: str) -> list[Corruption]:
    """Return every severity of the kinds in `jpeg,blur,…` (`all` = each of them), or the one of `jpeg:3`.

    Raises:
        UserError: unknown kind (names the nearest), or a severity that is none of 1 to 5.
    """
    kinds = (*_KINDS, "frame-drop")
    corruptions: list[Corruption] = []
    for word in re.split(r"[,\s]+", text.strip()):
        name, _, severity = word.partition(":")
        if name == "all" and not severity:
            corruptions += [Corruption(kind, level) for kind in kinds for level in SEVERITIES]
            continue
        if name not in kinds:
            raise unknown_name("corruption", name, (*kinds, "all"))
        if severity and severity not in map(str, SEVERITIES):
            raise UserError(f"{word}: no such severity", expected="1 to 5", found=severity)
        corruptions += [Corruption(name, level) for level in ([int(severity)] if severity else SEVERITIES)]
    return list(dict.fromkeys(corruptions))


def kept_frames(rows: np.ndarray, severity: int, rng: np.random.Generator) -> np.ndarray:
    """Return the frames of a clip that remain after dropping some, ascending; at least one."""
    keep = max(1, round(len(rows) * (1 - DROPPED[severity - 1])))
    return np.sort(rng.permutation(rows)[:keep])


def _jpeg(image: np.ndarray, place: int, rng: np.random.Generator) -> np.ndarray:
    import cv2

    if image.dtype != np.uint8:
        return image  # no camera sends 16-bit depth as JPEG
    colour = image.ndim == 3
    ordered = cv2.cvtColor(image, cv2.COLOR_RGB2BGR) if colour else image
    data = cv2.imencode(".jpg", ordered, [cv2.IMWRITE_JPEG_QUALITY, QUALITY[place]])[1]
    back = cv2.imdecode(data, cv2.IMREAD_UNCHANGED)
    assert back is not None  # just encoded
    return cv2.cvtColor(back, cv2.COLOR_BGR2RGB) if colour else back


def _blur(image: np.ndarray, place: int, rng: np.random.Generator) -> np.ndarray:
    import cv2

    return cv2.GaussianBlur(image, (0, 0), SIGMA[place] * image.shape[0], borderType=cv2.BORDER_REFLECT_101)


def _resize(image: np.ndarray, place: int, rng: np.random.Generator) -> np.ndarray:
    import cv2

    height, width = image.shape[:2]
    small = (max(1, round(width * SHRINK[place])), max(1, round(height * SHRINK[place])))
    return cv2.resize(
        cv2.resize(image, small, interpolation=cv2.INTER_AREA), (width, height), interpolation=cv2.INTER_LINEAR
    )


def _noise(image: np.ndarray, place: int, rng: np.random.Generator) -> np.ndarray:
    top = np.iinfo(image.dtype).max
    grain = rng.normal(0.0, NOISE[place] / 255 * top, image.shape)
    return np.clip(np.rint(image + grain), 0, top).astype(image.dtype)


def _gamma(image: np.ndarray, place: int, rng: np.random.Generator) -> np.ndarray:
    top = np.iinfo(image.dtype).max
    exponent = GAMMA[place] if rng.random() < 0.5 else 1 / GAMMA[place]
    return np.rint((image / top) ** exponent * top).astype(image.dtype)


_KINDS: dict[str, Callable[[np.ndarray, int, np.random.Generator], np.ndarray]] = {
    "jpeg": _jpeg,
    "blur": _blur,
    "resize": _resize,
    "noise": _noise,
    "gamma": _gamma,
}
