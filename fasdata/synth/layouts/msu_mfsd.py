"""Plan MSU-MFSD: one scene, two cameras, a .face file beside each video, two lists of clients."""

from __future__ import annotations

from collections.abc import Sequence

from fasdata.synth.layouts.dataset_plan import DatasetPlan, PlannedClip, lines
from fasdata.synth.presentation.bona_fide import ClipSpec, Presentation
from fasdata.synth.presentation.clip import Shot

SLUG, FOLDER = "msu-mfsd", "MSU-MFSD"
_EXTENSION = {"laptop": "mov", "android": "mp4"}
_CODEC = {"laptop": "mjpeg", "android": "h264"}

# Client 3 is there for its sake: the real android clips of 003 and 005-009 are stored upside down.
_UPSIDE_DOWN = (3, 5, 6, 7, 8, 9)
_CLIENTS: dict[str, dict[str, tuple[int, ...]]] = {
    "mini": {"train": (2, 3), "test": (1, 13)},
    "demo": {"train": (2, 3, 11, 12, 21), "test": (1, 13, 14, 23, 24)},
}

_SHOWS: dict[str, Presentation] = {
    "printed_photo": "print-flat", "ipad_video": "display-video", "iphone_video": "display-video"
}  # fmt: skip

# Recordings of a client: camera and what is shown to it.
_RECORDINGS = {
    "mini": (("android", "real"), ("laptop", "printed_photo"), ("android", "ipad_video")),
    "demo": (
        ("android", "real"),
        ("laptop", "real"),
        ("android", "printed_photo"),
        ("laptop", "printed_photo"),
        ("laptop", "ipad_video"),
        ("android", "iphone_video"),
    ),
}


def plan_msu_mfsd(preset: str, frames: int) -> DatasetPlan:
    """Return the plan: videos, the face of each frame beside them, and the two lists of two-digit client ids."""
    clips, lists = [], {}
    for split, clients in _CLIENTS[preset].items():
        lists[f"{split}_sub_list.txt"] = lines([f"{number:02d}" for number in clients])
        clips += [_clip(number, camera, shown, frames) for number in clients for camera, shown in _RECORDINGS[preset]]
    return DatasetPlan(SLUG, FOLDER, tuple(clips), lists)


def _clip(number: int, camera: str, shown: str, frames: int) -> PlannedClip:
    real = shown == "real"
    kind, what = ("real", "") if real else ("attack", f"{shown}_")
    stem = f"scene01/{kind}/{kind}_client{number:03d}_{camera}_SD_{what}scene01"
    spec = ClipSpec(SLUG, f"{number:03d}", stem, "bonafide" if real else _SHOWS[shown], frames)
    turned = real and camera == "android" and number in _UPSIDE_DOWN
    path = f"{stem}.{_EXTENSION[camera]}"
    return PlannedClip(path, spec, _CODEC[camera], (f"{stem}.face", _faces), upside_down=turned)


def _faces(shots: Sequence[Shot]) -> str:
    """Return the lines `frame, left, top, right, bottom, lx, ly, rx, ry`, one per frame."""
    rows = []
    for frame, shot in enumerate(shots):
        numbers = (frame, *shot.box, *shot.eyes.round().astype(int).ravel().tolist())
        rows.append(", ".join(map(str, numbers)))
    return lines(rows)
