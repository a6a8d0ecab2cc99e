"""The interface of a face detector, the choice among several faces, and what detectors share."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import numpy as np

from fasdata.records import Box, Clip, Face


@dataclass(frozen=True)
class DetectorRequest:
    """What an extraction asks of its detector; `model` is what `--detector-model` named, "" for nothing.

    `code` is how a detector from outside is named where it has to be imported again, "" for one of ours.
    `files` are its networks by name where they come in memory, out of a bundle; no file is opened then. `min_face` is
    in pixels of the frame; `precropped` and `cut_borders` tell that the release cropped its frames to the face, and
    whether the black around it goes.
    """

    model: str = ""
    allow_download: bool = False
    min_face: int = 40
    min_score: float = 0.5
    precropped: bool = False
    cut_borders: bool = False
    device: str = "cpu"
    code: str = ""
    files: Mapping[str, bytes] = field(default_factory=dict, hash=False)


class Detector(Protocol):
    """Finds faces in batches of frames.

    `name`, `fingerprint` (sha256 of the weights, or of the file of known faces) and `settings` go into every store
    made with it.
    """

    name: str
    fingerprint: str
    settings: dict[str, float]

    def detect(self, frames: Sequence[np.ndarray], indices: Sequence[int] = ()) -> list[list[Face]]:
        """Return the faces of each frame (RGB uint8, height x width x 3), in no particular order.

        `indices` are the places of the frames in their clip; only detectors that answer from known faces ask for them.
        """
        ...

    def for_clip(self, clip: Clip, root: Path) -> Detector:
        """Return the detector to use on a clip below the dataset's `root`: this one, unless it knows faces by clip.

        Raises:
            UserError: it should know the faces of this clip and does not.
        """
        return self


LocalSearch = Callable[[Sequence[np.ndarray], Sequence[Box]], list[list[Face]]]  # frames, and a box in each


def pick_face(
    faces: Sequence[Face], previous: Box | None = None, given: Box | None = None, *, follow_iou: float = 0.3
) -> Face | None:
    """Return the face to keep: the one that continues `previous`, else the release's `given` one, else the largest.

    A face continues a box, or is meant by it, from an IoU of 0.3 on. In replay and print attacks the operator's own
    face can be in view; following the face of the frame before keeps the clip on one person. Of equally large faces
    the one with the higher score is kept.
    """
    for box in (previous, given):
        if box is not None and faces:
            meant = max(faces, key=lambda face: iou(face.box, box))
            if iou(meant.box, box) >= follow_iou:
                return meant
    return max(faces, key=lambda face: (area(face.box), face.score), default=None)


def area(box: Box) -> float:
    """Return the area of a box in square pixels."""
    return max(0.0, box[2] - box[0]) * max(0.0, box[3] - box[1])


def iou(a: Box, b: Box) -> float:
    """Return the intersection over union of two boxes, 0 for empty ones."""
    inner = (max(a[0], b[0]), max(a[1], b[1]), min(a[2], b[2]), min(a[3], b[3]))
    shared = area(inner) if inner[2] > inner[0] and inner[3] > inner[1] else 0.0
    union = area(a) + area(b) - shared
    return shared / union if union > 0 else 0.0


# -- A detector that looks at no pixel, because the faces of a clip are known -----------------------------------------


class KnownFaces(Detector):
    """Answers from `faces`, by frame index; a frame that is not in it has no face. `why` says why a clip has none."""

    def __init__(
        self,
        name: str,
        fingerprint: str,
        settings: dict[str, float],
        faces: Mapping[int, Sequence[Face]],
        why: str = "",
    ) -> None:
        """Keep the faces of one clip, under the name of the detector that knows them."""
        self.why = why
        self.name, self.fingerprint, self.settings = name, fingerprint, settings
        self._faces = faces

    def detect(self, frames: Sequence[np.ndarray], indices: Sequence[int] = ()) -> list[list[Face]]:
        """Return the known faces of the frames at `indices`, none without indices."""
        if not indices:
            return [[] for _ in frames]
        return [list(self._faces.get(index, ())) for _, index in zip(frames, indices, strict=True)]


# -- From the output of a network to faces, and from a frame to the canvas that the network takes ---------------------


def face_from_corners(corners: np.ndarray, points: np.ndarray, score: float) -> Face:
    """Return the face of two box corners (2, 2), landmarks (n, 2) and a score.

    Coordinates are rounded to 1/1000 px, far below any detector's precision: it keeps records short and their hashes
    steady.
    """
    (x0, y0), (x1, y1) = ((round(float(x), 3), round(float(y), 3)) for x, y in corners)
    marks = tuple((round(float(x), 3), round(float(y), 3)) for x, y in points)
    return Face((x0, y0, x1, y1), marks, round(min(1.0, max(0.0, float(score))), 5))


@dataclass(frozen=True)
class Letterbox:
    """The map from frame to canvas, canvas = scale * frame + shift on both axes, pixel centres at integers.

    `width` and `height` are those of the canvas. Because the map is exact, not rounded to a whole number of pixels,
    what is found on the canvas goes back to the frame without a systematic error.
    """

    width: int
    height: int
    scale: float
    shift: tuple[float, float] = (0.0, 0.0)

    @classmethod
    def fixed(cls, width: int, height: int, canvas: tuple[int, int], margin: float = 0.0) -> Letterbox:
        """Return the map of a frame into a canvas (width, height), as large as fits, from its top left corner on.

        A `margin` leaves that share of the frame's longer side free on all sides of it, with the frame in the middle.
        """
        free = 2 * margin * max(width, height)
        scale = min(canvas[0] / (width + free), canvas[1] / (height + free))
        shift = ((canvas[0] - scale * width) / 2, (canvas[1] - scale * height) / 2) if margin else (0.0, 0.0)
        return cls(*canvas, scale, shift)

    @classmethod
    def within(cls, width: int, height: int, side: int, margin: float = 0.0) -> Letterbox:
        """Return the map of a frame into a canvas of its own shape, shrunk only if its longer side passes `side`.

        A `margin` leaves that share of the frame's longer side free on all sides of it.
        """
        free = margin * max(width, height)
        scale = min(1.0, side / (max(width, height) + 2 * free))
        across, down = (max(1, round((length + 2 * free) * scale)) for length in (width, height))
        return cls(across, down, scale, (free * scale, free * scale))

    def lay(self, image: np.ndarray) -> np.ndarray:
        """Return the canvas with the image on black."""
        import cv2

        if (image.shape[1], image.shape[0], self.scale, self.shift) == (self.width, self.height, 1.0, (0.0, 0.0)):
            return image
        matrix = np.array([[self.scale, 0, self.shift[0]], [0, self.scale, self.shift[1]]])
        return cv2.warpAffine(image, matrix, (self.width, self.height), flags=cv2.INTER_LINEAR)

    def back(self, points: np.ndarray) -> np.ndarray:
        """Return canvas points (..., 2) in pixels of the frame."""
        return (np.asarray(points, np.float64) - self.shift) / self.scale

    def faces(self, rows: np.ndarray, marks: np.ndarray, scores: np.ndarray, min_face: float) -> list[Face]:
        """Return the faces, in pixels of the frame, whose longer side there reaches `min_face` pixels.

        `rows` are corners (n, 4), `marks` landmarks (n, m, 2), both on the canvas, and `scores` (n,).
        """
        faces = []
        for row, five, score in zip(rows, marks, scores, strict=True):
            corners = self.back(row.reshape(2, 2))
            if (corners[1] - corners[0]).max() >= min_face:
                faces.append(face_from_corners(corners, self.back(five), score))
        return faces
