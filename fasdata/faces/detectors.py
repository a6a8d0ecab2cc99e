"""The table of face detectors: a new one is a file beside this one, and a row here.

The file holds a class of the interface `Detector` and two functions:

    make(request, model)       returns the detector; `model` is the path of its file, an empty path where it takes none
    settings(request)          returns the numbers that, with the weights, decide what it finds

and, only where `--detector-model` may name more than a file, a third:

    find_model(request, what)  returns the file that is meant, or raises a UserError that says `what` was expected

The file is imported when the detector is used. The row holds what has to be known before: the help and the settings of
an extraction, `fasdata doctor`, reports and the licence ledger read it there. `docs/guides/extraction.md` has a
line for each row.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from fasdata.door import Code, Offer, named_code, names_code, offers
from fasdata.errors import UserError, unknown_name
from fasdata.faces.model_file import (
    FACENET_WEIGHTS,
    INSIGHTFACE_PACKS,
    Bundled,
    ModelPacks,
    file_sha256,
    require_file,
)

if TYPE_CHECKING:
    from fasdata.faces.detector import Detector, DetectorRequest

DEFAULT = "mtcnn"
PRECROPPED = "none"  # where the release is cropped to the face already


@dataclass(frozen=True)
class DetectorRow:
    """Describe a detector without loading it.

    `module` is its file. `model` says what `--detector-model` has to name ("" = it takes none), `downloads` what
    `--allow-download` fetches. `bundled` weights come inside a package, `packs` are collections of models on this
    machine, `needs` are packages beyond those of fasdata, each with the requirement that installs it. `searches` holds
    for a detector that looks at pixels, `believes_release` for one whose faces are the release's own word, with no
    score to speak of, `whole_image` for one that takes each image for a face. `cuda` tells whether `--device` applies
    to it, `preload` what a worker process imports once. Faces in a recording that lies upside down score up to
    `doubtful`.
    """

    module: str
    about: str
    licence: str
    research_only: bool = False
    model: str = ""
    downloads: str = ""
    bundled: Bundled | None = None
    packs: ModelPacks | None = None
    needs: Mapping[str, str] = field(default_factory=dict)
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

    def load(self) -> Any:
        """Import the file: a module with `make`, `settings` and perhaps `find_model`."""
        return import_module(self.module)


DETECTORS: dict[str, DetectorRow] = {
    "mtcnn": DetectorRow(
        "fasdata.faces.mtcnn",
        "networks inside facenet-pytorch, no faces with a score under 0.7",
        licence="MIT (inside the package facenet-pytorch)",
        bundled=FACENET_WEIGHTS,
        searches=True,
        cuda=True,
        preload=("torch",),
        doubtful=0.98,  # upside down it takes shirts and chins for faces; others find nothing, or the face
    ),
    "retinaface": DetectorRow(
        "fasdata.faces.retinaface",
        "models of insightface, with the extra 'retinaface'",
        licence="insightface's model packs: non-commercial research only; your own file: as its owner says",
        research_only=True,
        model="an .onnx file or a model pack such as buffalo_l",
        downloads="insightface's pack, for non-commercial use",
        packs=INSIGHTFACE_PACKS,
        needs={"onnxruntime": "fasdata[retinaface]", "insightface": "fasdata[retinaface]"},
        searches=True,
        cuda=True,
    ),
    "yunet": DetectorRow(
        "fasdata.faces.yunet",
        "OpenCV's FaceDetectorYN, on the processor",
        licence="Apache-2.0 or MIT for the published YuNet files; your own file: as its owner says",
        model="the ONNX file of a YuNet face detector",
        searches=True,
    ),
    "retinaface-mnet": DetectorRow(
        "fasdata.faces.retinaface_mnet",
        "RetinaFace-MobileNet0.25, slim or RFB, without insightface",
        licence="MIT for the published files (biubug6, trained on WIDER FACE); your own file: as its owner says",
        model="the .pth file of RetinaFace-MobileNet0.25, slim or RFB",
        searches=True,
        cuda=True,
        preload=("torch",),
        doubtful=0.99,  # upside down it finds the face itself, less surely, and shirts
    ),
    "given": DetectorRow(
        "fasdata.faces.given",
        "the release's own boxes",
        licence="has no weights: boxes of the release",
        believes_release=True,
    ),
    "none": DetectorRow(
        "fasdata.faces.whole_image",
        "every image is a face",
        licence="has no weights: every image is a face",
        believes_release=True,
        whole_image=True,
    ),
    "json": DetectorRow(
        "fasdata.faces.json_faces",
        "faces found before, from a file",
        licence="has no weights: faces found beforehand, as whoever found them says",
        model="a file of JSON lines, one clip each, as 'fasdata faces' writes it",
    ),
}


# -- Detectors from outside -------------------------------------------------------------------------------------------

GROUP = "fasdata.detectors"
"""The entry point under which an installed package offers detectors."""
_SAFE_NAME = re.compile(r"[a-z][a-z0-9-]{0,39}")


@dataclass(frozen=True)
class OwnDetector(DetectorRow):
    """A class from outside as a row of the table.

    It is built as `Class(request, model)`. Its attributes may be those of a row (`about`, `licence`, `research_only`,
    `model`, `cuda`, `preload`), and `numbers(request)`, a class method, the numbers that decide what it finds.
    """

    kind: Any = None
    code: Code | None = None

    def load(self) -> Any:
        """Return what the file of one of ours has: `make` and `settings`."""
        numbers: Any = getattr(self.kind, "numbers", lambda request: {})
        return SimpleNamespace(make=self.kind, settings=numbers)


def name_detector(text: str) -> tuple[str, str]:
    """Import the detector that the user names, unless it is one of ours; return its name, and how to name it again.

    From then on this process knows it. The second text is for the processes that extract, which import it again; ""
    where it is ours.

    Raises:
        UserError: it cannot be imported, or is no detector.
    """
    if not names_code(text) and text not in [offer.name for offer in offered_detectors()]:
        return text, ""
    kind, code = named_code(text, GROUP, "detector")
    name = getattr(kind, "name", None)
    if not (isinstance(kind, type) and callable(getattr(kind, "detect", None))):
        raise UserError(f"{text} is no detector", expected="a subclass of fasdata.faces.detector.Detector")
    if not isinstance(name, str) or not _SAFE_NAME.fullmatch(name):
        raise UserError(f"{text} has no name", expected='name = "a-name", small letters', found=repr(name))
    if name in DETECTORS and not isinstance(DETECTORS[name], OwnDetector):
        raise UserError(f"{text} calls itself {name}, which is a detector of ours", do="give its class another name")
    given = {key: getattr(kind, key) for key in ("about", "licence", "model", "cuda", "preload") if hasattr(kind, key)}
    facts = {"about": "from outside", "licence": "as its author says", **given}
    barred = bool(getattr(kind, "research_only", True))
    DETECTORS[name] = OwnDetector(kind.__module__, **facts, research_only=barred, searches=True, kind=kind, code=code)
    where, colon, member = text.rpartition(":")
    return name, f"{Path(where).resolve()}{colon}{member}" if where.endswith(".py") else text


def offered_detectors() -> list[Offer]:
    """Return the detectors that installed packages offer; nothing is imported. A name of ours stays ours."""
    return [offer for offer in offers(GROUP) if offer.name not in DETECTORS]


# -- Any detector -----------------------------------------------------------------------------------------------------


def make_detector(name: str, request: DetectorRequest) -> Detector:
    """Build the detector `name`, in the process that will use it.

    Raises:
        UserError: there is no such detector; its model, its device or a package it needs is not there, or the model is
            not one for it.
    """
    if request.code:  # a process of an extraction, which does not know yet what the user named
        name_detector(request.code)
    row = _row(name)
    if request.device != "cpu" and not row.cuda:
        raise UserError(f"--device {request.device} means nothing to {name}", do="leave it out: it runs on the cpu")
    _require_packages(name)
    if row.uses_torch and not request.files:
        _require_device(request.device)
    detector: Detector = row.load().make(request, _model(name, request))
    return detector


def require_detector(name: str, request: DetectorRequest) -> None:
    """Check that the detector can work on this machine; a model that the user gave is loaded for it.

    Called before anything is written: a store must not begin with a model that turns out to be none.

    Raises:
        UserError: as `make_detector`.
    """
    row = _row(name)
    if row.uses_torch:
        _require_device(request.device)
    if row.model:
        make_detector(name, request)


def detector_identity(name: str, request: DetectorRequest) -> dict[str, Any]:
    """Return what a store records of its detector: the sha256 of its weights (or faces) and its own settings.

    No network is loaded for it: the process that writes the store need not be one that detects.

    Raises:
        UserError: there is no such detector, or its model is not there.
    """
    row = _row(name)
    fingerprint = row.bundled.fingerprint() if row.bundled else ""
    if row.model:
        fingerprint = file_sha256(_model(name, request))
    identity = {"detector_weights_sha256": fingerprint, "detector_settings": dict(row.load().settings(request))}
    if isinstance(row, OwnDetector) and row.code:
        identity["detector_code"] = {"package": row.code.origin, "sha256": row.code.sha256}
    return identity


def detector_licence(name: str) -> str:
    """Return the licence of a detector's weights in words, "not known" where the table has no such detector."""
    return DETECTORS[name].licence if name in DETECTORS else "not known"


def detectors_that_need(package: str) -> str:
    """Return the detectors that need a package beyond those of fasdata, joined by "or"."""
    return " or ".join(name for name, row in DETECTORS.items() if package in row.needs)


def has_own_scores(detector: str) -> bool:
    """Tell whether the scores in a store of this detector say how sure somebody was; one not in the table may."""
    return not (detector in DETECTORS and DETECTORS[detector].believes_release)


def _row(name: str) -> DetectorRow:
    if name not in DETECTORS:
        raise unknown_name("detector", name, DETECTORS)
    return DETECTORS[name]


def _model(name: str, request: DetectorRequest) -> Path:
    """Return the file of the detector's model, an empty path where it takes none, or has it in memory."""
    row = DETECTORS[name]
    if not row.model or request.files:
        return Path()
    if find_model := getattr(row.load(), "find_model", None):
        return Path(find_model(request, row.model))
    return require_file(Path(request.model).expanduser(), row.model)


def _require_packages(name: str) -> None:
    for package, requirement in DETECTORS[name].needs.items():
        if find_spec(package) is None:
            raise UserError(
                f"--detector {name} needs {package}", found="it is not installed", do=f"pip install '{requirement}'"
            )


def _require_device(device: str) -> None:
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
