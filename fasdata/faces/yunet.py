"""YuNet through OpenCV's `FaceDetectorYN`: a small and quick detector whose weights may be used commercially."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from fasdata.faces.detector import Detector, DetectorRequest, Letterbox
from fasdata.faces.model_file import answering, file_sha256
from fasdata.foreign.graphs import bounded_allocation
from fasdata.records import Face

SIDE = 640  # YuNet was trained on faces of about 10 to 300 pixels: large frames are shrunk to this
MARGIN = 0.5  # around a pre-cropped face, which would otherwise be larger than those
NMS = 0.3
MANY = 5000
_EXPECTED = "the ONNX file of a YuNet face detector"


class YunetDetector(Detector):
    """YuNet (Wu et al. 2023): box, five points and a score per face, on the processor.

    Frames whose longer side passes 640 pixels are shrunk to it; what is found comes back in the frame's own pixels.
    """

    name = "yunet"

    def __init__(
        self, model: Path, *, min_face: int = 40, min_score: float = 0.5, precropped: bool = False, data: bytes = b""
    ) -> None:
        """Load the ONNX file `model`, or the bytes of one, then without looking at any file.

        Raises:
            UserError: OpenCV cannot read it, or it is no YuNet.
        """
        import cv2

        self.settings = settings(DetectorRequest(min_face=min_face, precropped=precropped))
        self.fingerprint = hashlib.sha256(data).hexdigest() if data else file_sha256(model)
        self._min_face, self._margin = min_face, self.settings["margin"]
        self._model = model
        with answering(model, _EXPECTED), _quiet(), bounded_allocation():
            limits = ((SIDE, SIDE), min_score, NMS, MANY)
            if data:
                network = np.frombuffer(data, np.uint8)
                self._net = cv2.FaceDetectorYN.create("onnx", network, np.zeros(0, np.uint8), *limits)
            else:
                self._net = cv2.FaceDetectorYN.create(str(model), "", *limits)
            self._net.detect(np.zeros((SIDE, SIDE, 3), np.uint8))  # only now it shows what kind of network it is

    def detect(self, frames: Sequence[np.ndarray], indices: Sequence[int] = ()) -> list[list[Face]]:
        """Return the faces of each frame."""
        # Some networks fail on frames of another size alone.
        with answering(self._model, _EXPECTED), bounded_allocation():
            return [self._detect(frame) for frame in frames]

    def _detect(self, frame: np.ndarray) -> list[Face]:
        import cv2

        box = Letterbox.within(frame.shape[1], frame.shape[0], SIDE, self._margin)
        canvas = cv2.cvtColor(box.lay(frame), cv2.COLOR_RGB2BGR)
        self._net.setInputSize((box.width, box.height))
        _, rows = self._net.detect(canvas)
        if rows is None:
            return []
        # x, y, width, height; the person's right eye first, which is the left one in the image; score
        corners = np.hstack([rows[:, :2], rows[:, :2] + rows[:, 2:4]])
        return box.faces(corners, rows[:, 4:14].reshape(-1, 5, 2), rows[:, 14], self._min_face)


def make(request: DetectorRequest, model: Path) -> YunetDetector:
    """Return the detector that is asked for, with the file `model`."""
    data = next(iter(request.files.values()), b"")
    return YunetDetector(
        model, min_face=request.min_face, min_score=request.min_score, precropped=request.precropped, data=data
    )


def settings(request: DetectorRequest) -> dict[str, float]:
    """Return the settings that, with the weights, decide what this detector finds."""
    return {"min_face": request.min_face, "side": SIDE, "margin": MARGIN if request.precropped else 0.0, "nms": NMS}


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep OpenCV's own lines off the terminal: what is wrong is told in one."""
    import cv2

    logging = cv2.utils.logging
    level = logging.getLogLevel()
    logging.setLogLevel(logging.LOG_LEVEL_SILENT)
    try:
        yield
    finally:
        logging.setLogLevel(level)
