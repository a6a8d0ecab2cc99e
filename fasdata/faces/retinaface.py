"""RetinaFace (SCRFD) of insightface's model zoo on onnxruntime, detection alone."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from fasdata.errors import UserError
from fasdata.faces.detector import Detector, Letterbox, found_face
from fasdata.faces.model_file import file_sha256
from fasdata.records import Face

SIDE = 640
MARGIN = 0.5  # around a pre-cropped face: one that fills the canvas is not found
NMS = 0.4


class RetinaFaceDetector(Detector):
    """SCRFD (Guo et al. 2021) as insightface releases it: box, five points and a score per face.

    Every frame is laid into the model's canvas (640 x 640 where the file leaves it open) without changing its shape;
    what is found comes back in the frame's own pixels.
    """

    name = "retinaface"

    def __init__(
        self,
        model: Path,
        *,
        min_face: int = 40,
        min_score: float = 0.5,
        precropped: bool = False,
        device: str = "cpu",
    ) -> None:
        """Load the ONNX file `model` on `device`.

        Raises:
            UserError: the extra is not installed, the device is not there, or the file is no detection model.
        """
        require_retinaface(device)
        self.settings = retinaface_settings(min_face, precropped)
        self.fingerprint = file_sha256(model)
        self._min_face, self._margin = min_face, self.settings["margin"]
        try:
            self._net = _load(model, device)
            if getattr(self._net, "taskname", "") != "detection":
                raise ValueError("a model for another task")
            self._net.prepare(0, input_size=(SIDE, SIDE), det_thresh=min_score, nms_thresh=NMS)
            self._canvas: tuple[int, int] = tuple(self._net.input_size)  # that of the file where it is fixed
            self._net.detect(np.zeros((*self._canvas[::-1], 3), np.uint8), input_size=self._canvas)
        except Exception as error:  # the file is foreign: whatever its loader raises means the same
            raise UserError(
                f"{model} cannot be used as --detector-model", expected="a detection model of insightface (SCRFD)",
                found=" ".join(str(error).split())[:160] or type(error).__name__, do="see README, detectors",
            ) from None  # fmt: skip
        if device != "cpu" and self._net.session.get_providers()[0] != "CUDAExecutionProvider":
            raise UserError(
                f"onnxruntime cannot use --device {device}", found="it fell back to the processor",
                do="run 'fasdata doctor', or use --device cpu",
            )  # fmt: skip

    def detect(self, frames: Sequence[np.ndarray], indices: Sequence[int] = ()) -> list[list[Face]]:
        """Return the faces of each frame; the released files take one image at a time."""
        return [self._detect(frame) for frame in frames]

    def _detect(self, frame: np.ndarray) -> list[Face]:
        import cv2

        box = Letterbox.fixed(frame.shape[1], frame.shape[0], self._canvas, self._margin)
        # The canvas has the size of the network's input: insightface has nothing left to scale.
        canvas = cv2.cvtColor(box.lay(frame), cv2.COLOR_RGB2BGR)
        rows, points = self._net.detect(canvas, input_size=self._canvas)
        marks = points if points is not None else np.empty((len(rows), 0, 2))
        faces = []
        for row, five in zip(rows, marks, strict=True):
            corners = box.back(row[:4].reshape(2, 2))
            if (corners[1] - corners[0]).max() >= self._min_face:
                faces.append(found_face(corners, box.back(five), row[4]))
        return faces


def retinaface_settings(min_face: int, precropped: bool) -> dict[str, float]:
    """Return the settings that, with the weights, decide what this detector finds."""
    return {"min_face": min_face, "side": SIDE, "margin": MARGIN if precropped else 0.0, "nms": NMS}


def require_retinaface(device: str) -> None:
    """Check that the detector can run here.

    Raises:
        UserError: a package is missing, or onnxruntime was built without CUDA; says which extra to install.
    """
    for package in ("onnxruntime", "insightface"):
        if find_spec(package) is None:
            raise UserError(
                f"--detector retinaface needs {package}", found="it is not installed",
                do="pip install 'fasdata[retinaface]'",
            )  # fmt: skip
    if device != "cpu":
        import onnxruntime

        if "CUDAExecutionProvider" not in onnxruntime.get_available_providers():
            raise UserError(
                f"--device {device} needs onnxruntime-gpu", found="an onnxruntime without CUDA",
                do="pip uninstall onnxruntime, then pip install 'fasdata[gpu]'",
            )  # fmt: skip


def _load(model: Path, device: str) -> Any:
    import onnxruntime
    from insightface.model_zoo import get_model

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    options.intra_op_num_threads = options.inter_op_num_threads = 1  # processes are the parallelism
    on_gpu = ("CUDAExecutionProvider", {"device_id": device.partition(":")[2] or "0", "use_tf32": "0"})
    providers = ["CPUExecutionProvider"] if device == "cpu" else [on_gpu, "CPUExecutionProvider"]
    return get_model(str(model), providers=providers, sess_options=options, static_shape_sessions=False)
