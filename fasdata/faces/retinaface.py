"""RetinaFace (SCRFD) of insightface's model zoo on onnxruntime, detection alone."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from fasdata.errors import UserError, unknown_name
from fasdata.faces.detector import Detector, DetectorRequest, Letterbox
from fasdata.faces.model_file import INSIGHTFACE_PACKS, answering, file_sha256, require_file
from fasdata.records import Face

SIDE = 640
MARGIN = 0.5  # around a pre-cropped face: one that fills the canvas is not found
NMS = 0.4
_EXPECTED = "a detection model of insightface (SCRFD)"


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
        _require_cuda(device)
        self.settings = settings(DetectorRequest(min_face=min_face, precropped=precropped))
        self.fingerprint = file_sha256(model)
        self._min_face, self._margin = min_face, self.settings["margin"]
        self._answering = partial(answering, model, _EXPECTED, device=device)
        with self._answering():
            self._net = _load(model, device)
            if getattr(self._net, "taskname", "") != "detection":
                raise ValueError("a model for another task")
            self._net.prepare(0, input_size=(SIDE, SIDE), det_thresh=min_score, nms_thresh=NMS)
            self._canvas: tuple[int, int] = tuple(self._net.input_size)  # that of the file where it is fixed
            self._net.detect(np.zeros((*self._canvas[::-1], 3), np.uint8), input_size=self._canvas)
        if device != "cpu" and self._net.session.get_providers()[0] != "CUDAExecutionProvider":
            raise UserError(
                f"onnxruntime cannot use --device {device}", found="it fell back to the processor",
                do="run 'fasdata doctor', or use --device cpu",
            )  # fmt: skip

    def detect(self, frames: Sequence[np.ndarray], indices: Sequence[int] = ()) -> list[list[Face]]:
        """Return the faces of each frame; the released files take one image at a time."""
        with self._answering():  # some networks fail only where there is a face
            return [self._detect(frame) for frame in frames]

    def _detect(self, frame: np.ndarray) -> list[Face]:
        import cv2

        box = Letterbox.fixed(frame.shape[1], frame.shape[0], self._canvas, self._margin)
        # The canvas has the size of the network's input: insightface has nothing left to scale.
        canvas = cv2.cvtColor(box.lay(frame), cv2.COLOR_RGB2BGR)
        rows, points = self._net.detect(canvas, input_size=self._canvas)
        marks = points if points is not None else np.empty((len(rows), 0, 2))
        return box.faces(rows[:, :4], marks, rows[:, 4], self._min_face)


def make(request: DetectorRequest, model: Path) -> RetinaFaceDetector:
    """Return the detector that is asked for, with the file `model`."""
    return RetinaFaceDetector(
        model,
        min_face=request.min_face,
        min_score=request.min_score,
        precropped=request.precropped,
        device=request.device,
    )


def settings(request: DetectorRequest) -> dict[str, float]:
    """Return the settings that, with the weights, decide what this detector finds."""
    return {"min_face": request.min_face, "side": SIDE, "margin": MARGIN if request.precropped else 0.0, "nms": NMS}


def find_model(request: DetectorRequest, what: str) -> Path:
    """Return the file of the model that is asked for; a pack is fetched only if that is allowed.

    Raises:
        UserError: no such file or pack.
    """
    return retinaface_model(request.model, allow_download=request.allow_download)


def _load(model: Path, device: str) -> Any:
    import onnxruntime
    from insightface.model_zoo import get_model

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    options.intra_op_num_threads = options.inter_op_num_threads = 1  # processes are the parallelism
    on_gpu = ("CUDAExecutionProvider", {"device_id": device.partition(":")[2] or "0", "use_tf32": "0"})
    providers = ["CPUExecutionProvider"] if device == "cpu" else [on_gpu, "CPUExecutionProvider"]
    return get_model(str(model), providers=providers, sess_options=options, static_shape_sessions=False)


def _require_cuda(device: str) -> None:
    if device != "cpu":
        import onnxruntime

        if "CUDAExecutionProvider" not in onnxruntime.get_available_providers():
            raise UserError(
                f"--device {device} needs onnxruntime-gpu", found="an onnxruntime without CUDA",
                do="pip uninstall onnxruntime, then pip install 'fasdata[gpu]'",
            )  # fmt: skip


# -- The file of a model: the user's own, or the one that detects in a pack of insightface ----------------------------


# Of each pack the model that detects; the other networks in it (recognition, age, …) are never loaded.
PACKS = {
    "antelopev2": "scrfd_10g_bnkps.onnx",
    "buffalo_l": "det_10g.onnx",
    "buffalo_m": "det_2.5g.onnx",
    "buffalo_s": "det_500m.onnx",
    "buffalo_sc": "det_500m.onnx",
}


def retinaface_model(named: str, *, allow_download: bool = False) -> Path:
    """Return the detection model that `named` stands for: an .onnx file, or a pack of insightface.

    A pack is looked for where insightface keeps it. Nothing is downloaded unless `allow_download`.

    Raises:
        UserError: no such file or pack; says what would download it.
    """
    path = Path(named).expanduser()
    if path.suffix.lower() == ".onnx" or len(path.parts) > 1 or path.is_file():
        if path.suffix != ".onnx":
            raise UserError(f"--detector-model {named}", expected="a file named ….onnx, or one of " + ", ".join(PACKS))
        return require_file(path, "an .onnx file of insightface")
    if named not in PACKS:
        raise unknown_name("model pack", named, PACKS)
    folder = Path.home() / INSIGHTFACE_PACKS.folder / named
    path_in_pack = _in_pack(folder, named)
    if path_in_pack is None and allow_download:
        _download(named)
        path_in_pack = _in_pack(folder, named)
    if path_in_pack is None:
        raise UserError(
            f"the model pack {named} is not on this machine", expected=str(folder / PACKS[named]),
            do="put it there, or let insightface fetch it with --allow-download (its packs are for non-commercial use)",
        )  # fmt: skip
    return path_in_pack


def _in_pack(folder: Path, pack: str) -> Path | None:
    """Return the pack's detection model; one of the packs unfolds into a folder of the same name inside it."""
    places = (folder / PACKS[pack], folder / pack / PACKS[pack])
    return next((place for place in places if place.is_file()), None)


def _download(pack: str) -> None:
    from insightface.utils import ensure_available

    folder = Path.home() / INSIGHTFACE_PACKS.folder / pack
    if folder.is_dir() and not any(folder.iterdir()):
        folder.rmdir()  # an earlier attempt left it empty, and insightface would take it for the pack
    try:
        ensure_available("models", pack)
    except Exception as error:  # a foreign library at the end of a network: whatever it raises means the same
        raise UserError(
            f"the model pack {pack} could not be downloaded", found=" ".join(str(error).split())[:160],
            do="fetch it by hand and give the file with --detector-model",
        ) from None  # fmt: skip
