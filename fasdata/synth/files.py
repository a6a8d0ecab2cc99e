"""Write rendered clips in the file formats of the real releases: videos, pictures, HDF5, npz."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import cast

import av
import cv2
import h5py
import numpy as np

from fasdata.synth.layouts.dataset_plan import PlannedClip
from fasdata.synth.layouts.wmca import CDIT, RGB
from fasdata.synth.presentation.capture import Capture, render_capture
from fasdata.synth.presentation.layers import face_relief, frame_scaled
from fasdata.synth.scene.fields import Array, generator

# -- CASIA-SURF and CeFA: three jpg files per frame, the face on black, depth and infrared smaller than colour --------

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


# -- PADISI-Face: an npz file per sample with `data`, 22 channels of floats from 0 to 1 -------------------------------

DEPTH_STEP = 0.01  # mm; 16 bits then reach two thirds of a metre
_NIR_SIDE, _SWIR = 5, 6  # channels of each side camera, and of the short-wave one


def write_padisi(folder: Path, clip: PlannedClip, seed: int) -> None:
    """Render a sample and write it."""
    (shot,) = render_capture(clip.spec, seed)
    data = _padisi_channels(shot, generator(seed, clip.spec.dataset, clip.spec.name, "channels"))
    path = folder / clip.path
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(path.name + TEMPORARY)
    # Written by hand rather than by numpy: fast compression, and a time stamp that is the same for every run.
    array = io.BytesIO()
    np.lib.format.write_array(array, data, allow_pickle=False)
    with zipfile.ZipFile(unfinished, "w") as archive:
        archive.writestr(zipfile.ZipInfo("data.npy"), array.getvalue(), zipfile.ZIP_DEFLATED, compresslevel=1)
    unfinished.replace(path)


def _padisi_channels(shot: Capture, rng: np.random.Generator) -> Array:
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


# -- WMCA, preprocessed: HDF5 groups `Frame_<i>` with gaps, four channels in one file, colour in another --------------

_LAST_FRAME = 49


def write_wmca(folder: Path, clip: PlannedClip, seed: int) -> None:
    """Render a recording and write its colour file, then its file of grey, depth, infrared and thermal."""
    captures = list(render_capture(clip.spec, seed))
    rng = generator(seed, clip.spec.dataset, clip.spec.name, "frame numbers")
    # A tenth frame after a ninth is where sorting by text would go wrong.
    numbers = sorted({9, 10, *rng.choice(np.arange(11, _LAST_FRAME + 1), len(captures), replace=False).tolist()})
    numbers = numbers[: len(captures)]
    _write(folder / clip.path.replace(CDIT, RGB), numbers, [shot.colour.transpose(2, 0, 1) for shot in captures])
    _write(folder / clip.path, numbers, [_wmca_channels(shot) for shot in captures])


def _wmca_channels(shot: Capture) -> Array:
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


# -- Videos -----------------------------------------------------------------------------------------------------------

FRAME_RATE = 25
TEMPORARY = ".part"

# Encoder, pixel format and options. Quality is high on purpose: coarse quantisation would wipe out the fine structure
# that tells an attack. One thread, so that the bytes do not depend on the machine's cores.
_CODECS: dict[str, tuple[str, str, dict[str, str]]] = {
    "mpeg4": ("mpeg4", "yuv420p", {"qmin": "2", "qmax": "2"}),
    "mjpeg": ("mjpeg", "yuvj422p", {"qmin": "2", "qmax": "2"}),
    "h264": ("libx264", "yuv420p", {"crf": "12", "preset": "ultrafast"}),
}
_CONTAINERS = {".avi": "avi", ".mov": "mov", ".mp4": "mp4"}


def write_video(path: Path, frames: Iterable[np.ndarray], codec: str) -> None:
    """Write uint8 RGB frames to `path` (.avi, .mov or .mp4); the name appears only when the file is complete.

    `codec` is one of mpeg4, mjpeg, h264.
    """
    encoder, pixel_format, options = _CODECS[codec]
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(path.name + TEMPORARY)
    with av.open(str(unfinished), "w", format=_CONTAINERS[path.suffix]) as container:
        stream: av.VideoStream | None = None
        for pixels in frames:
            if stream is None:
                stream = cast(av.VideoStream, container.add_stream(encoder, rate=FRAME_RATE, options=options))
                stream.height, stream.width = pixels.shape[:2]
                stream.pix_fmt = pixel_format
                stream.codec_context.thread_count = 1
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(pixels), format="rgb24")
            container.mux(stream.encode(frame))
        if stream is not None:
            container.mux(stream.encode())
    unfinished.replace(path)
