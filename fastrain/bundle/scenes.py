"""Whole pictures made in code, to test bundles with: people and attacks, alone, worse, and two in one picture."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from fasdata.faces.choice import FACE_RULES, choose_face
from fasdata.faces.detector import Detector

SEED = 20
_KINDS = ("bonafide", "print-flat", "display-photo", "bonafide", "print-warped", "display-video")
_PLACES = ("msu-mfsd", "oulu-npu", "replay-attack", "casia-fasd")
LONGEST = 640  # pixels of a side of what a bundle carries


def pictures(count: int, seed: int = SEED) -> Iterator[np.ndarray]:
    """Yield rgb pictures of people before a camera and of attacks with their faces, the same for the same seed."""
    from fasdata.synth.presentation.bona_fide import ClipSpec
    from fasdata.synth.presentation.clip import render_clip

    for number in range(count):
        kind, place = _KINDS[number % len(_KINDS)], _PLACES[number % len(_PLACES)]
        spec = ClipSpec(place, str(number % 7 + 1), f"test-{number}", kind, 1)  # type: ignore[arg-type]
        yield _smaller(np.ascontiguousarray(next(render_clip(spec, seed)).picture))


def with_modalities(picture: np.ndarray, modalities: tuple[str, ...]) -> dict[str, np.ndarray]:
    """Return a picture with a depth and an infrared picture that are made of it, where a network sees them."""
    images = {"rgb": picture}
    if "depth" in modalities:
        images["depth"] = np.ascontiguousarray(255 - picture[..., 1] // 2)
    if "ir" in modalities:
        images["ir"] = np.ascontiguousarray(picture[..., 0])
    return images


def worse(picture: np.ndarray) -> Iterator[np.ndarray]:
    """Yield the picture darker, brighter, unsharp, noisy and striped: a network may see these otherwise."""
    import cv2

    numbers = np.random.default_rng(SEED)
    values = picture.astype(np.float32)
    yield (values * 0.45).astype(np.uint8)
    yield (255 * (values / 255) ** 0.5).astype(np.uint8)
    yield cv2.GaussianBlur(picture, (0, 0), 2.5)
    yield np.clip(values + numbers.normal(0, 22, picture.shape), 0, 255).astype(np.uint8)
    striped = values.copy()
    striped[:, ::4] *= 0.6
    yield striped.astype(np.uint8)
    yield np.clip(values * (1.25, 0.95, 0.7), 0, 255).astype(np.uint8)


@dataclass(frozen=True)
class Pair:
    """A picture of two people, of which the rules of choice keep different faces."""

    picture: np.ndarray
    kept: Mapping[str, int]
    """The place of the face that each rule keeps."""


def pairs(detector: Detector, rule: str, people: list[np.ndarray]) -> list[np.ndarray]:
    """Return pictures of two people each: at least one, and enough that every other rule keeps another face in one.

    Which of them the detector is surer of cannot be known beforehand, so a few are tried.
    """
    open_rules = {other for other in FACE_RULES if other != rule}
    chosen: list[np.ndarray] = []
    spare: np.ndarray | None = None
    for picture in _candidates(people):
        faces = detector.detect([picture])[0]
        if len(faces) != 2:
            continue
        kept = choose_face(faces, rule)
        others = {other for other in open_rules if choose_face(faces, other) is not kept}
        if others:
            chosen.append(picture)
            open_rules -= others
        elif spare is None:
            spare = picture
        if not open_rules:
            break
    return chosen or ([spare] if spare is not None else [])


def _candidates(people: list[np.ndarray]) -> Iterator[np.ndarray]:
    import cv2

    for number, left in enumerate(people):
        for right in people[number + 1 : number + 4]:
            for scale, blur in ((0.75, 0.0), (0.75, 4.0), (0.9, 7.0), (0.6, 2.0)):
                large = cv2.GaussianBlur(left, (0, 0), blur) if blur else left
                small = cv2.resize(right, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
                canvas = np.full((max(len(large), len(small)), large.shape[1] + small.shape[1], 3), 90, np.uint8)
                canvas[: len(large), : large.shape[1]] = large
                canvas[: len(small), large.shape[1] :] = small
                yield canvas


def _smaller(picture: np.ndarray) -> np.ndarray:
    import cv2

    scale = LONGEST / max(picture.shape[:2])
    if scale >= 1:
        return picture
    return np.asarray(cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA))
