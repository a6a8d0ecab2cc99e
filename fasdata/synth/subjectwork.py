"""The work of one process: the clips of one person."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from fasdata.synth.clip import Shot, render_clip
from fasdata.synth.imagefiles import write_images
from fasdata.synth.layout import PlannedClip
from fasdata.synth.padisifile import write_padisi
from fasdata.synth.videofile import write_video
from fasdata.synth.wmcafile import write_wmca

# How clips are written that are no videos.
_RECORDINGS = {"images": write_images, "wmca-hdf5": write_wmca, "padisi-npz": write_padisi}


def write_clips(clips: Sequence[tuple[Path, PlannedClip]], seed: int) -> int:
    """Render and write clips (dataset folder, plan), sidecars before videos, and return how many."""
    threads = cv2.getNumThreads()
    cv2.setNumThreads(1)  # the processes share the cores already
    try:
        for folder, clip in clips:
            _write_clip(folder, clip, seed)
    finally:
        cv2.setNumThreads(threads)
    return len(clips)


def _write_clip(folder: Path, clip: PlannedClip, seed: int) -> None:
    if clip.codec in _RECORDINGS:
        _RECORDINGS[clip.codec](folder, clip, seed)
        return
    shots = list(render_clip(clip.spec, seed))
    if clip.upside_down:
        shots = [_turned(shot) for shot in shots]
    if clip.sidecar is not None:
        path, text_of = clip.sidecar
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text_of(shots))
    write_video(folder / clip.path, (shot.picture for shot in shots), clip.codec)


def _turned(shot: Shot) -> Shot:
    """Return a shot rotated by 180 degrees; the image-left eye becomes the other one."""
    height, width = shot.picture.shape[:2]
    x0, y0, x1, y1 = shot.box
    eyes = np.array([width - 1, height - 1]) - shot.eyes[::-1]
    return Shot(shot.picture[::-1, ::-1], eyes, (width - x1, height - y1, width - x0, height - y0))
