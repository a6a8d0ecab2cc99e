"""What the face detectors find on the same frames: against one another, how quick they are, and what they miss.

Run: python benchmarks/detectors.py [CLIPS] --detector mtcnn --detector yunet=yunet.onnx
         --detector retinaface-mnet=mobilenet0.25_Final.pth … [--full]
CLIPS is a folder of videos with one face each (default: $FAS_REAL_CLIPS); NAME=FILE is a detector of the table and its
model. Nothing is known of where the faces are: the face of a frame is the one that most detectors agree on. Faces whose
boxes share 0.4 of their union are the same. Everything runs on one thread; times are processor seconds of a frame.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import combinations
from pathlib import Path

import numpy as np

from fasdata.datasets.tree import VIDEO
from fasdata.faces.choice import choose_face
from fasdata.faces.detector import Detector, DetectorRequest, iou
from fasdata.faces.detectors import make_detector
from fasdata.media.video import VideoSource
from fasdata.records import Face

SAME = 0.4
MIN_FACE = 40


@dataclass
class Seen:
    """A detector and what it said of all frames."""

    label: str
    detector: Detector
    seconds: float = 0.0
    faces: list[list[Face]] = field(default_factory=list)

    @classmethod
    def of(cls, text: str) -> Seen:
        """Load the detector that NAME or NAME=FILE stands for."""
        name, _, model = text.partition("=")
        detector = make_detector(name, DetectorRequest(model=model, min_face=MIN_FACE))
        kind = getattr(detector, "kind", "") or (Path(model).stem if name == "retinaface" else "")
        return cls(f"{name}, {kind}" if kind else name, detector)

    def look(self, frame: np.ndarray) -> None:
        """Detect on one frame."""
        start = time.process_time()
        (faces,) = self.detector.detect([frame])
        self.seconds += time.process_time() - start
        self.faces.append(faces)


def match(faces: Sequence[Face], face: Face) -> Face | None:
    """Return the one of `faces` that is `face`, None where none is."""
    best = max(faces, key=lambda other: iou(other.box, face.box), default=None)
    return best if best is not None and iou(best.box, face.box) >= SAME else None


def agreed(seen: Sequence[Seen], frame: int) -> Face | None:
    """Return the face of a frame that most detectors see, by the surest of them; None where fewer than two agree."""
    candidates = [face for each in seen for face in each.faces[frame]]
    votes = {id(face): sum(match(each.faces[frame], face) is not None for each in seen) for face in candidates}
    best = max(candidates, key=lambda face: (votes[id(face)], face.score), default=None)
    return best if best is not None and votes[id(best)] >= min(2, len(seen)) else None


def apart(a: Face, b: Face) -> float:
    """Return the mean distance of five points, in per cent of the distance of the eyes."""
    points = np.array([a.landmarks, b.landmarks])
    eyes = np.linalg.norm(points[:, 0] - points[:, 1], axis=1).mean()
    return float(100 * np.linalg.norm(points[0] - points[1], axis=1).mean() / eyes)


def alone(seen: Sequence[Seen], faces: Sequence[Face | None]) -> None:
    """Print a line a detector: time, frames without the face, other faces, frames where another one is kept."""
    frames = [number for number, face in enumerate(faces) if face is not None]
    print(f"\n{len(faces)} frames, on {len(frames)} of which at least two agree on a face\n")
    print("| detector | ms a frame | frames lost | other faces | frames where the default rule keeps another |")
    print("|---|---|---|---|---|")
    for each in seen:
        lost = others = wrong = 0
        for number in frames:
            face, theirs = faces[number], each.faces[number]
            assert face is not None
            own = match(theirs, face)
            lost += own is None
            others += len(theirs) - (own is not None)
            wrong += own is not None and choose_face(theirs) is not own
        milliseconds = 1000 * each.seconds / max(1, len(each.faces))
        print(f"| {each.label} | {milliseconds:.1f} | {lost} | {others} | {wrong} |")


def together(seen: Sequence[Seen], faces: Sequence[Face | None]) -> None:
    """Print a line a pair of detectors: distance of points, and shared part of boxes, median and the worst 5 %."""
    print("\n| detectors | frames | points apart, % of the eyes' distance: median, 95 % | boxes, IoU: median, 5 % |")
    print("|---|---|---|---|")
    for a, b in combinations(seen, 2):
        points, boxes = [], []
        for number, face in enumerate(faces):
            pair = [match(each.faces[number], face) if face else None for each in (a, b)]
            if pair[0] is None or pair[1] is None:
                continue
            boxes.append(iou(pair[0].box, pair[1].box))
            if len(pair[0].landmarks) == len(pair[1].landmarks) == 5:
                points.append(apart(pair[0], pair[1]))
        far = f"{np.median(points):.1f}, {np.percentile(points, 95):.1f}" if points else "none"
        shared = f"{np.median(boxes):.2f}, {np.percentile(boxes, 5):.2f}" if boxes else "none"
        print(f"| {a.label}; {b.label} | {len(boxes)} | {far} | {shared} |")


def main() -> None:
    """Let all detectors see the same frames, one after the other, and print both tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("clips", type=Path, nargs="?", default=os.environ.get("FAS_REAL_CLIPS"))
    parser.add_argument("--detector", action="append", help="NAME or NAME=FILE; may be given several times")
    parser.add_argument("--full", action="store_true", help="every fifth frame of all clips, not every 25th of two")
    given = parser.parse_args()
    if not given.clips:
        parser.error("a folder of clips is needed: give it, or set FAS_REAL_CLIPS")
    clips = sorted(path for path in Path(given.clips).iterdir() if path.suffix.lower().lstrip(".") in VIDEO)
    if not clips:
        parser.error(f"{given.clips} holds no video")

    import cv2
    import torch

    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    seen = [Seen.of(text) for text in given.detector or ["mtcnn"]]
    blank = np.zeros((480, 640, 3), np.uint8)
    for each in seen:  # what is loaded once is nobody's cost
        each.detector.detect([blank])
    step = 5 if given.full else 25
    for clip in clips if given.full else clips[:2]:
        for frame in VideoSource(clip).frames():
            for each in seen if frame.index % step == 0 else ():
                each.look(frame.rgb)
    faces = [agreed(seen, number) for number in range(len(seen[0].faces))]
    alone(seen, faces)
    if len(seen) > 1:
        together(seen, faces)


if __name__ == "__main__":
    main()
