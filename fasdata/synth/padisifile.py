"""PADISI-Face samples: one npz with `data`, 22 channels of floats from 0 to 1."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import cv2
import numpy as np

from fasdata.synth.capture import Capture, render_capture
from fasdata.synth.fields import Array
from fasdata.synth.layout import PlannedClip
from fasdata.synth.seeding import generator
from fasdata.synth.videofile import TEMPORARY

DEPTH_STEP = 0.01  # mm; 16 bits then reach two thirds of a metre
_NIR_SIDE, _SWIR = 5, 6  # channels of each side camera, and of the short-wave one


def write_padisi(folder: Path, clip: PlannedClip, seed: int) -> None:
    """Render a sample and write it."""
    (shot,) = render_capture(clip.spec, seed)
    data = _channels(shot, generator(seed, clip.spec.dataset, clip.spec.name, "channels"))
    path = folder / clip.path
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(path.name + TEMPORARY)
    # Written by hand rather than by numpy: fast compression, and a time stamp that is the same for every run.
    array = io.BytesIO()
    np.lib.format.write_array(array, data, allow_pickle=False)
    with zipfile.ZipFile(unfinished, "w") as archive:
        archive.writestr(zipfile.ZipInfo("data.npy"), array.getvalue(), zipfile.ZIP_DEFLATED, compresslevel=1)
    unfinished.replace(path)


def _channels(shot: Capture, rng: np.random.Generator) -> Array:
    """Return (1, 22, h, w): 0-2 BGR, 3 NIR, 4 depth, 5 thermal, 6-10 and 11-15 NIR from the sides, 16-21 SWIR."""
    height, width = shot.depth.shape
    data = np.empty((1, 22, height, width), np.float32)
    data[0, :3] = shot.colour[..., ::-1].transpose(2, 0, 1) / np.float32(255)
    data[0, 3] = np.round(shot.infrared * 1023) / 1023
    steps = shot.depth.astype(np.float32) * (1 / DEPTH_STEP)
    data[0, 4] = np.where(steps <= 65535, steps, 0) / 65535
    data[0, 5] = np.round(shot.thermal * 255) / 255
    coarse = cv2.resize(shot.infrared, (width // 4, height // 4), interpolation=cv2.INTER_AREA)
    ramp = np.linspace(0.5, 1.0, width // 4, dtype=np.float32)[None, :]
    for side, light in enumerate((ramp, ramp[:, ::-1])):
        for number in range(_NIR_SIDE):  # five lamps, each nearer to the camera than the last
            data[0, 6 + side * _NIR_SIDE + number] = _enlarged(coarse * light * (0.5 + 0.1 * number), width, height)
    for number in range(_SWIR):  # water in skin absorbs more and more towards long waves
        absorbed = 1 - 0.12 * number * float(rng.uniform(0.8, 1.2))
        data[0, 16 + number] = _enlarged(coarse * max(absorbed, 0.1), width, height)
    return data


def _enlarged(picture: Array, width: int, height: int) -> Array:
    stepped = (np.round(np.clip(picture, 0, 1) * 255) / 255).astype(np.float32)
    return cv2.resize(stepped, (width, height), interpolation=cv2.INTER_NEAREST)
