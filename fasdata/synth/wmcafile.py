"""WMCA's preprocessed recordings: HDF5 groups `Frame_<i>` with gaps, four channels in one file, colour in another."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import h5py
import numpy as np

from fasdata.synth.capture import Capture, render_capture
from fasdata.synth.fields import Array
from fasdata.synth.layout import PlannedClip
from fasdata.synth.renderings import frame_scaled
from fasdata.synth.seeding import generator
from fasdata.synth.videofile import TEMPORARY

CDIT, RGB = "WMCA_preprocessed_CDIT", "WMCA_preprocessed_RGB"
_LAST_FRAME = 49


def write_wmca(folder: Path, clip: PlannedClip, seed: int) -> None:
    """Render a recording and write its colour file, then its file of grey, depth, infrared and thermal."""
    captures = list(render_capture(clip.spec, seed))
    rng = generator(seed, clip.spec.dataset, clip.spec.name, "frame numbers")
    # A tenth frame after a ninth is where sorting by text would go wrong.
    numbers = sorted({9, 10, *rng.choice(np.arange(11, _LAST_FRAME + 1), len(captures), replace=False).tolist()})
    numbers = numbers[: len(captures)]
    _write(folder / clip.path.replace(CDIT, RGB), numbers, [shot.colour.transpose(2, 0, 1) for shot in captures])
    _write(folder / clip.path, numbers, [_channels(shot) for shot in captures])


def _channels(shot: Capture) -> Array:
    grey = cv2.cvtColor(shot.colour, cv2.COLOR_RGB2GRAY)
    near = np.where(shot.depth < 800, shot.depth, 0)
    planes = [frame_scaled(near), frame_scaled(shot.infrared + 1e-3), frame_scaled(shot.thermal + 1e-3)]
    return np.stack([grey, *planes])


def _write(path: Path, numbers: Sequence[int], arrays: Sequence[Array]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(path.name + TEMPORARY)
    with h5py.File(unfinished, "w", track_order=False) as file:
        for number, array in zip(numbers, arrays, strict=True):
            values = np.ascontiguousarray(array)
            file.create_dataset(f"Frame_{number}/array", data=values, compression="gzip", compression_opts=1)
    unfinished.replace(path)
