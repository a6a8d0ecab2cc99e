"""The extraction of `on_gpu.py`: whether batches and devices change what a store holds, and how fast frames go."""

from __future__ import annotations

import time
from collections.abc import Collection, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import cv2
import numpy as np

from fasdata.extract.clip_extractor import ClipExtractor
from fasdata.extract.settings import ExtractSettings
from fasdata.faces.batching import BatchingDetector
from fasdata.faces.detector import Detector
from fasdata.faces.detectors import make_detector
from fasdata.media.frame import Frame
from fasdata.protocols.sampling import parse_rules
from fasdata.records import Clip, ClipRecord
from fasdata.store.hashes import digest, sealed
from fastrain.bundle.scenes import pictures

AT_ONCE = 8  # frames of a batch, and clips whose frames share one


class Recording:
    """A clip in memory: a picture of a person that drifts and sways, so that no two frames are alike."""

    frame_rate, rotation, damage, notes = 25.0, 0, "", ()

    def __init__(self, picture: np.ndarray, frames: int) -> None:
        self.n_hint, self.n_decoded = frames, frames
        self._pictures = [_moved(picture, number) for number in range(frames)]

    def frames(self, indices: Collection[int] | None = None, *, to_end: bool = False) -> Iterator[Frame]:
        """Yield the frames that are asked for."""
        for index, picture in enumerate(self._pictures):
            if indices is None or index in indices:
                yield Frame(index, index / self.frame_rate, {"rgb": picture})


def _moved(picture: np.ndarray, number: int) -> np.ndarray:
    height, width = picture.shape[:2]
    matrix = cv2.getRotationMatrix2D((width / 2, height / 2), 4 * np.sin(number / 5), 1 + 0.05 * np.sin(number / 7))
    matrix[:, 2] += (6 * np.sin(number / 3), 4 * np.cos(number / 4))
    return cv2.warpAffine(picture, matrix, (width, height), borderMode=cv2.BORDER_REFLECT)


Kept = list[tuple[ClipRecord, dict[str, bytes]]]


def extraction(device: str, clips: int, frames: int) -> dict[str, Any]:
    """Return, for every way to batch and each device, frames a second and how its clips differ from the processor's."""
    recordings = [Recording(picture, frames) for picture in pictures(clips)]
    ways: list[tuple[str, int, int]] = [("cpu", 1, 1), ("cpu", AT_ONCE, 1), ("cpu", 1, AT_ONCE)]
    if device != "cpu":
        ways += [(device, 1, 1), (device, AT_ONCE, 1), (device, AT_ONCE, AT_ONCE)]
    rows, first = [], None
    for where, batch, together in ways:
        kept, spent = _extracted(recordings, where, batch, together)
        first = first or kept
        rows.append(
            {"device": where, "frames_a_batch": batch, "clips_at_once": together, "frames_a_second":
             clips * frames / spent, **compared(first, kept)}
        )  # fmt: skip
    return {"clips": clips, "frames": frames, "size": list(recordings[0]._pictures[0].shape[1::-1]), "rows": rows}


def _extracted(recordings: Sequence[Recording], device: str, batch: int, together: int) -> tuple[Kept, float]:
    settings = ExtractSettings(tuple(parse_rules("all")), detector="mtcnn", device=device, batch=batch)
    detector = make_detector("mtcnn", settings.detector_request)
    detector.detect([recordings[0]._pictures[0]])  # what the first call of a device takes is no part of it
    started = time.perf_counter()
    if together == 1:
        kept = [_clip(settings, detector, recording, number) for number, recording in enumerate(recordings)]
    else:
        shared = BatchingDetector(detector, clips=min(together, len(recordings)))
        with ThreadPoolExecutor(together) as pool:
            jobs = [pool.submit(_clip, settings, shared, recording, n) for n, recording in enumerate(recordings)]
            kept = [job.result() for job in jobs]
    return kept, time.perf_counter() - started


def _clip(
    settings: ExtractSettings, detector: Detector, recording: Recording, number: int
) -> tuple[ClipRecord, dict[str, bytes]]:
    clip = Clip("on-gpu", f"clip{number}", {"rgb": f"clip{number}.avi"}, "train", "bonafide", "bonafide")
    record, crops = ClipExtractor(settings, detector).extract(clip, recording)
    return sealed(record, {key: digest(data) for key, data in crops.items()}), crops


def compared(first: Kept, other: Kept) -> dict[str, Any]:
    """Return how many clips have the same hash, how many crops the same bytes, and by how much faces differ at most."""
    pairs = [(a, b) for (one_record, _), (other_record, _) in zip(first, other, strict=True)
             for a, b in zip(one_record.frames, other_record.frames, strict=True)]  # fmt: skip
    seen = [(a, b) for a, b in pairs if a.box and b.box]
    gaps = [max(abs(x - y) for x, y in zip(a.box or (), b.box or (), strict=True)) for a, b in seen]
    marks = [
        max(abs(x - y) for p, q in zip(a.landmarks, b.landmarks, strict=True) for x, y in zip(p, q, strict=True))
        for a, b in seen
        if a.landmarks and b.landmarks
    ]
    crops = [(data, theirs.get(key)) for (_, ours), (_, theirs) in zip(first, other, strict=True)
             for key, data in ours.items()]  # fmt: skip
    return {
        "equal_hashes": sum(a.content_hash == b.content_hash for (a, _), (b, _) in zip(first, other, strict=True)),
        "frames_seen": len(seen),
        "other_status_or_count": sum((a.status, a.n_faces) != (b.status, b.n_faces) for a, b in pairs),
        "other_boxes": sum(a.box != b.box for a, b in pairs),
        "other_crops": sum(ours != theirs for ours, theirs in crops),
        "box_gap_px": max(gaps, default=0.0),
        "landmark_gap_px": max(marks, default=0.0),
        "score_gap": max((abs(a.score - b.score) for a, b in pairs), default=0.0),
    }
