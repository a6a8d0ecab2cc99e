"""CASIA-SURF and CeFA: every frame three jpg files, the face on black, depth and infrared smaller than colour."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from fasdata.synth.capture import Capture, render_capture
from fasdata.synth.fields import Array
from fasdata.synth.layout import PlannedClip
from fasdata.synth.renderings import face_relief
from fasdata.synth.seeding import generator
from fasdata.synth.videofile import TEMPORARY

MODALITIES = ("color", "depth", "ir")  # the last one is written last
_SPAN = {"casia-surf": 90.0, "casia-surf-cefa": 150.0}  # mm from white to black
# The range shown is set by hand: it differs between clips, and does not begin at the nose.
_SPAN_FACTOR, _MARGIN = (0.75, 1.5), (0.0, 0.35)
_QUALITY = {"casia-surf": 92, "casia-surf-cefa": 85}
_COLOUR_SCALE = (0.85, 1.0)  # no two clips have crops of one size
_SHARE = {"casia-surf": (0.52, 0.6), "casia-surf-cefa": (0.7, 0.8)}  # size of depth and infrared beside colour


def write_images(folder: Path, clip: PlannedClip, seed: int) -> None:
    """Render and write the frames of a clip to its `frame_paths`."""
    rng = generator(seed, clip.spec.dataset, clip.spec.name, "size")
    span = _SPAN[clip.spec.dataset] * float(rng.uniform(*_SPAN_FACTOR))
    margin = span * float(rng.uniform(*_MARGIN))
    scale, share = float(rng.uniform(*_COLOUR_SCALE)), float(rng.uniform(*_SHARE[clip.spec.dataset]))
    for path, capture in zip(clip.frame_paths, render_capture(clip.spec, seed), strict=True):
        pictures = _pictures(capture, face_relief(capture.depth, capture.face, margin, span), scale, share)
        for modality in MODALITIES:
            target = folder / path.format(modality=modality)
            _write_jpg(target, pictures[modality], _QUALITY[clip.spec.dataset])


def _pictures(capture: Capture, depth: Array, scale: float, share: float) -> dict[str, Array]:
    face = capture.face
    colour = np.where(face[..., None], capture.colour, 0).astype(np.uint8)
    infrared = np.where(face, np.round(capture.infrared * 255), 0).astype(np.uint8)
    return {
        "color": _resized(colour[..., ::-1], scale),
        "depth": _resized(depth, scale * share),
        "ir": _resized(infrared, scale * share),
    }


def _resized(picture: Array, scale: float) -> Array:
    size = (round(picture.shape[1] * scale), round(picture.shape[0] * scale))
    return cv2.resize(np.ascontiguousarray(picture), size, interpolation=cv2.INTER_AREA)


def _write_jpg(path: Path, picture: Array, quality: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    coded = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
    unfinished = path.with_name(path.name + TEMPORARY)
    unfinished.write_bytes(coded.tobytes())
    unfinished.replace(path)
