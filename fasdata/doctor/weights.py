"""Check the weights on this machine, and name the terms under which detectors' weights may be used."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path

from fasdata.doctor.check import Check
from fasdata.faces.model_file import PACKS_IN, file_sha256

# -- Weights on this machine: MTCNN's against the known ones, insightface's packs, and those cached for training ------


AREA = "weights"
# The files inside the wheel of facenet-pytorch 2.5.3.
MTCNN = {
    "pnet.pt": "a2a71925e0b9996a42f63e47efc1ca19043e69558b5c523b978d611dfae49c8f",
    "rnet.pt": "bbb937de72efc9ef83b186c49f5f558467a1d7e3453a8ece0d71a886633f6a86",
    "onet.pt": "165bfbe42940416ccfb977545cf0e976d5bf321f67083ae2aaaa5c764280118d",
}
_DETECTION = ("det_*.onnx", "scrfd_*.onnx", "retinaface_*.onnx")
_SHOWN = 6


def mtcnn_folder() -> Path | None:
    """Return the folder of MTCNN's weights inside the installed package, None where it is not installed."""
    spec = find_spec("facenet_pytorch")
    return Path(spec.origin).parent / "data" if spec and spec.origin else None


def mtcnn(folder: Path | None) -> Check:
    """Compare the weights in `folder` with the known ones."""
    do = "pip install --force-reinstall --no-deps facenet-pytorch==2.5.3"
    if folder is None:
        return Check(AREA, "mtcnn", "problem", "facenet-pytorch is not installed", do)
    missing = [name for name in MTCNN if not (folder / name).is_file()]
    if missing:
        return Check(AREA, "mtcnn", "problem", f"{', '.join(missing)} missing in {folder}", do)
    other = [name for name, known in MTCNN.items() if file_sha256(folder / name) != known]
    if other:
        told = f"{', '.join(other)} in {folder} not those of facenet-pytorch 2.5.3: other faces will be found"
        return Check(AREA, "mtcnn", "problem", told, do)
    digest = hashlib.sha256(b"".join((folder / name).read_bytes() for name in MTCNN)).hexdigest()
    return Check(AREA, "mtcnn", "ok", f"as known; in stores: {digest}")


def packs(folder: Path) -> list[Check]:
    """Return a note for each of insightface's model packs below `folder`, with the hash of its detector."""
    if not folder.is_dir():
        return [Check(AREA, "insightface packs", "ok", f"none in {folder}: only --detector retinaface needs one")]
    found = []
    for pack in sorted(path for path in folder.iterdir() if path.is_dir()):
        models = sorted({model for pattern in _DETECTION for model in pack.rglob(pattern)})
        told = "; ".join(f"{model.name} sha256 {file_sha256(model)}" for model in models) or "no detection model in it"
        found.append(Check(AREA, pack.name, "note", told, f"mind the licence: {INSIGHTFACE}"))
    return found or [Check(AREA, "insightface packs", "ok", f"none in {folder}")]


def hub_folder(environment: Mapping[str, str]) -> Path:
    """Return the cache of pretrained weights that training draws on."""
    home = environment.get("HF_HOME") or str(Path(environment.get("XDG_CACHE_HOME") or "~/.cache") / "huggingface")
    return Path(environment.get("HF_HUB_CACHE") or str(Path(home) / "hub")).expanduser()


def pretrained(folder: Path) -> Check:
    """Return which pretrained weights lie in the hub's cache; without a network others cannot be had."""
    names = sorted(path.name.removeprefix("models--").replace("--", "/") for path in folder.glob("models--*"))
    if not names:
        told = f"none cached in {folder}: a first training downloads what its method starts from"
        return Check(AREA, "pretrained", "ok", told)
    rest = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return Check(AREA, "pretrained", "ok", f"cached in {folder}: {', '.join(names[:_SHOWN])}{rest}")


def weights() -> list[Check]:
    """Return the checks of all weights."""
    return [mtcnn(mtcnn_folder()), *packs(Path.home() / PACKS_IN), pretrained(hub_folder(os.environ))]


# -- Under which terms the detectors' weights may be used -------------------------------------------------------------


INSIGHTFACE = "insightface's model packs: non-commercial research only"
NO_WEIGHTS = "has no weights"

_LICENCES = {
    "mtcnn": "MIT (inside the package facenet-pytorch)",
    "retinaface": f"{INSIGHTFACE}; your own file: as its owner says",
    "yunet": "Apache-2.0 or MIT for the published YuNet files; your own file: as its owner says",
    "given": f"{NO_WEIGHTS}: boxes of the release",
    "json": f"{NO_WEIGHTS}: faces found beforehand, as whoever found them says",
    "none": f"{NO_WEIGHTS}: every image is a face",
}


def detector_licence(detector: str) -> str:
    """Return the licence of a detector's weights in words; of one that is not known here, that."""
    return _LICENCES.get(detector, "not known")
