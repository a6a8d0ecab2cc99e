"""From the settings of an extraction to its detector, and to what identifies it in a store."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from fasdata.errors import UserError
from fasdata.extract.settings import require_device

if TYPE_CHECKING:
    from fasdata.extract.settings import ExtractSettings
    from fasdata.faces.detector import Detector


def make_detector(settings: ExtractSettings) -> Detector:
    """Build the detector that the settings name, in the process that will use it.

    Raises:
        UserError: its model, its device or the extra it needs is not there, or the model is not one for it.
    """
    least, score, precropped = settings.min_face, settings.min_score, settings.form.precropped
    match settings.detector:
        case "none":
            from fasdata.faces.whole_image import WholeImage

            return WholeImage(cut_borders=settings.cuts_borders)
        case "given":
            from fasdata.faces.given import GivenDetector

            return GivenDetector()
        case "json":
            from fasdata.faces.json_faces import JsonDetector

            return JsonDetector(_model(settings))
        case "yunet":
            from fasdata.faces.yunet import YunetDetector

            if settings.device != "cpu":
                raise UserError(
                    f"--device {settings.device} says nothing to yunet", do="leave it out: it runs on the cpu"
                )
            return YunetDetector(_model(settings), min_face=least, min_score=score, precropped=precropped)
        case "retinaface":
            from fasdata.faces.retinaface import RetinaFaceDetector, require_retinaface

            require_retinaface(settings.device)
            return RetinaFaceDetector(
                _model(settings), min_face=least, min_score=score, precropped=precropped, device=settings.device
            )
        case _:
            from fasdata.faces.mtcnn import MtcnnDetector

            require_device(settings.device)
            return MtcnnDetector(min_face=settings.min_face, device=settings.device)


def require_detector(settings: ExtractSettings) -> None:
    """Check that the detector can work on this machine; a model that the user gave is loaded for it.

    Called before anything is written: a store must not begin with a model that turns out to be none.

    Raises:
        UserError: as `make_detector`.
    """
    require_device(settings.device if settings.uses_torch else "cpu")
    if settings.detector_model:
        make_detector(settings)


def detector_identity(settings: ExtractSettings) -> dict[str, Any]:
    """Return what a store records of its detector: the sha256 of its weights (or faces) and its own settings.

    No network is loaded for it: the process that writes the store need not be one that detects.

    Raises:
        UserError: the model is not there.
    """
    fingerprint, own = "", {}
    match settings.detector:
        case "mtcnn":
            from fasdata.faces.mtcnn import mtcnn_settings, weights_fingerprint

            fingerprint, own = weights_fingerprint(), mtcnn_settings(settings.min_face)
        case "yunet":
            from fasdata.faces.yunet import yunet_settings

            own = yunet_settings(settings.min_face, settings.form.precropped)
        case "retinaface":
            from fasdata.faces.retinaface import retinaface_settings

            own = retinaface_settings(settings.min_face, settings.form.precropped)
        case "given":
            from fasdata.faces.given import given_settings

            own = given_settings()
    if settings.detector_model:
        from fasdata.faces.model_file import file_sha256

        fingerprint = file_sha256(_model(settings))
    return {"detector_weights_sha256": fingerprint, "detector_settings": own}


_EXPECTED = {
    "yunet": "the ONNX file of a YuNet face detector",
    "json": "a file of JSON lines, one clip each (see fasdata/faces/json_faces.py)",
}


def _model(settings: ExtractSettings) -> Path:
    from fasdata.faces.model_file import require_file, retinaface_model

    if settings.detector == "retinaface":
        return retinaface_model(settings.detector_model, allow_download=settings.allow_download)
    return require_file(Path(settings.detector_model).expanduser(), _EXPECTED[settings.detector])
