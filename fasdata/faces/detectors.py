"""The table of face detectors: a file and a row each. Settings, help, doctor and the licence ledger read the row."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fasdata.errors import UserError, unknown_name
from fasdata.faces.model_file import INSIGHTFACE_PACKS, Bundled, ModelPacks, require_file, retinaface_model

if TYPE_CHECKING:
    from fasdata.faces.detector import Detector

DEFAULT = "mtcnn"
PRECROPPED = "none"  # where the release is cropped to the face already
NO_WEIGHTS = "has no weights"


@dataclass(frozen=True)
class DetectorRequest:
    """What an extraction asks of its detector; `model` is what `--detector-model` named, "" for nothing.

    `min_face` is in pixels of the frame; `precropped` and `cut_borders` tell that the release cropped its frames to
    the face, and whether the black around it goes.
    """

    model: str = ""
    allow_download: bool = False
    min_face: int = 40
    min_score: float = 0.5
    precropped: bool = False
    cut_borders: bool = False
    device: str = "cpu"


@dataclass(frozen=True)
class DetectorRow:
    """What is known of a detector before it is loaded.

    `make` builds it from a request and the path of its model (an empty path where it takes none); `settings` are what,
    with the weights, decides what it finds. `model` says what `--detector-model` has to name ("" = it takes none), and
    `find_model` turns that into a file. `bundled` weights come inside a package, `packs` are collections of models on
    this machine. A detector that does not look at pixels (`searches`) answers from what is known beforehand;
    `believes_release` is one whose faces are the release's own word, `whole_image` one for which the image is the face.
    `cuda` is whether `--device` means anything to it, `preload` what a worker process imports once. Faces in a
    recording that lies upside down score up to `doubtful`.
    """

    make: Callable[[DetectorRequest, Path], Detector]
    about: str
    licence: str
    research_only: bool = False
    settings: Callable[[DetectorRequest], Mapping[str, float]] = lambda request: {}
    model: str = ""
    find_model: Callable[[DetectorRequest, str], Path] = lambda request, expected: require_file(
        Path(request.model).expanduser(), expected
    )
    downloads: bool = False
    bundled: Bundled | None = None
    packs: ModelPacks | None = None
    searches: bool = False
    believes_release: bool = False
    whole_image: bool = False
    cuda: bool = False
    preload: tuple[str, ...] = ()
    doubtful: float = 0.0

    @property
    def uses_torch(self) -> bool:
        """Whether it computes with torch."""
        return "torch" in self.preload


def _mtcnn(request: DetectorRequest, model: Path) -> Detector:
    from fasdata.faces.mtcnn import MtcnnDetector

    require_device(request.device)
    weights = DETECTORS["mtcnn"].bundled
    assert weights is not None
    return MtcnnDetector(min_face=request.min_face, device=request.device, fingerprint=weights.fingerprint())


def _mtcnn_settings(request: DetectorRequest) -> Mapping[str, float]:
    from fasdata.faces.mtcnn import mtcnn_settings

    return mtcnn_settings(request.min_face)


def _retinaface(request: DetectorRequest, model: Path) -> Detector:
    from fasdata.faces.retinaface import RetinaFaceDetector

    return RetinaFaceDetector(
        model,
        min_face=request.min_face,
        min_score=request.min_score,
        precropped=request.precropped,
        device=request.device,
    )


def _retinaface_settings(request: DetectorRequest) -> Mapping[str, float]:
    from fasdata.faces.retinaface import retinaface_settings

    return retinaface_settings(request.min_face, request.precropped)


def _retinaface_model(request: DetectorRequest, expected: str) -> Path:
    from fasdata.faces.retinaface import require_retinaface

    require_retinaface(request.device)
    return retinaface_model(request.model, allow_download=request.allow_download)


def _yunet(request: DetectorRequest, model: Path) -> Detector:
    from fasdata.faces.yunet import YunetDetector

    return YunetDetector(model, min_face=request.min_face, min_score=request.min_score, precropped=request.precropped)


def _yunet_settings(request: DetectorRequest) -> Mapping[str, float]:
    from fasdata.faces.yunet import yunet_settings

    return yunet_settings(request.min_face, request.precropped)


def _given(request: DetectorRequest, model: Path) -> Detector:
    from fasdata.faces.given import GivenDetector

    return GivenDetector()


def _given_settings(request: DetectorRequest) -> Mapping[str, float]:
    from fasdata.faces.given import given_settings

    return given_settings()


def _none(request: DetectorRequest, model: Path) -> Detector:
    from fasdata.faces.whole_image import WholeImage

    return WholeImage(cut_borders=request.cut_borders)


def _json(request: DetectorRequest, model: Path) -> Detector:
    from fasdata.faces.json_faces import JsonDetector

    return JsonDetector(model)


DETECTORS: dict[str, DetectorRow] = {
    "mtcnn": DetectorRow(
        _mtcnn,
        "networks inside facenet-pytorch, no faces with a score under 0.7",
        licence="MIT (inside the package facenet-pytorch)",
        settings=_mtcnn_settings,
        bundled=Bundled(
            "facenet_pytorch",
            "facenet-pytorch==2.5.3",
            {
                "pnet.pt": "a2a71925e0b9996a42f63e47efc1ca19043e69558b5c523b978d611dfae49c8f",
                "rnet.pt": "bbb937de72efc9ef83b186c49f5f558467a1d7e3453a8ece0d71a886633f6a86",
                "onet.pt": "165bfbe42940416ccfb977545cf0e976d5bf321f67083ae2aaaa5c764280118d",
            },
        ),
        searches=True,
        cuda=True,
        preload=("facenet_pytorch", "torch"),
        doubtful=0.98,  # upside down it takes shirts and chins for faces; others find nothing, or the face
    ),
    "retinaface": DetectorRow(
        _retinaface,
        "models of insightface, with the extra 'retinaface'",
        licence="insightface's model packs: non-commercial research only; your own file: as its owner says",
        research_only=True,
        settings=_retinaface_settings,
        model="an .onnx file or a model pack such as buffalo_l",
        find_model=_retinaface_model,
        downloads=True,
        packs=INSIGHTFACE_PACKS,
        searches=True,
        cuda=True,
    ),
    "yunet": DetectorRow(
        _yunet,
        "OpenCV's FaceDetectorYN, on the processor",
        licence="Apache-2.0 or MIT for the published YuNet files; your own file: as its owner says",
        settings=_yunet_settings,
        model="the ONNX file of a YuNet face detector",
        searches=True,
    ),
    "given": DetectorRow(
        _given,
        "the release's own boxes",
        licence=f"{NO_WEIGHTS}: boxes of the release",
        settings=_given_settings,
        believes_release=True,
    ),
    "none": DetectorRow(
        _none,
        "every image is a face",
        licence=f"{NO_WEIGHTS}: every image is a face",
        believes_release=True,
        whole_image=True,
    ),
    "json": DetectorRow(
        _json,
        "faces found before, from a file",
        licence=f"{NO_WEIGHTS}: faces found beforehand, as whoever found them says",
        model="a file of JSON lines, one clip each, as 'fasdata faces' writes it",
    ),
}


def detector_row(name: str) -> DetectorRow:
    """Return the row of the detector `name`.

    Raises:
        UserError: there is no such detector; names the nearest.
    """
    if name not in DETECTORS:
        raise unknown_name("detector", name, DETECTORS)
    return DETECTORS[name]


def make_detector(name: str, request: DetectorRequest) -> Detector:
    """Build the detector `name`, in the process that will use it.

    Raises:
        UserError: there is no such detector; its model, its device or the extra it needs is not there, or the model is
            not one for it.
    """
    row = detector_row(name)
    if request.device != "cpu" and not row.cuda:
        raise UserError(f"--device {request.device} means nothing to {name}", do="leave it out: it runs on the cpu")
    return row.make(request, _model(row, request))


def require_detector(name: str, request: DetectorRequest) -> None:
    """Check that the detector can work on this machine; a model that the user gave is loaded for it.

    Called before anything is written: a store must not begin with a model that turns out to be none.

    Raises:
        UserError: as `make_detector`.
    """
    row = detector_row(name)
    if row.uses_torch:
        require_device(request.device)
    if row.model:
        make_detector(name, request)


def detector_identity(name: str, request: DetectorRequest) -> dict[str, Any]:
    """Return what a store records of its detector: the sha256 of its weights (or faces) and its own settings.

    No network is loaded for it: the process that writes the store need not be one that detects.

    Raises:
        UserError: there is no such detector, or its model is not there.
    """
    from fasdata.faces.model_file import file_sha256

    row = detector_row(name)
    fingerprint = row.bundled.fingerprint() if row.bundled else ""
    if row.model:
        fingerprint = file_sha256(_model(row, request))
    return {"detector_weights_sha256": fingerprint, "detector_settings": dict(row.settings(request))}


def detector_licence(name: str) -> str:
    """Return the licence of a detector's weights in words; of one that is not in the table, that."""
    return DETECTORS[name].licence if name in DETECTORS else "not known"


def require_device(device: str) -> None:
    """Check that a device of torch, by a name that settings accept, is there.

    Raises:
        UserError: no such device on this machine.
    """
    if device != "cpu":
        import torch

        number = int(device.partition(":")[2] or 0)
        if not torch.cuda.is_available() or number >= torch.cuda.device_count():
            count = f"{torch.cuda.device_count()} CUDA devices"
            raise UserError(f"--device {device} is not there", found=count, do="use --device cpu")


def _model(row: DetectorRow, request: DetectorRequest) -> Path:
    return row.find_model(request, row.model) if row.model else Path()
