"""Check the weights of the detectors and the cached weights for training."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from pathlib import Path

from fasdata.doctor.diagnosis import Check
from fasdata.faces.detectors import DETECTORS
from fasdata.faces.model_file import Bundled, ModelPacks, file_sha256
from fasdata.foreign import read_yaml
from fasdata.foreign.hub_names import (
    CLIP_FILES,
    CLIP_REPOSITORIES,
    TRUNK_FILES,
    cached_at,
    hub_folder,
    trunk_repository,
)
from fasdata.resources import configs_dir

AREA = "weights"


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


def pretrained(configs: Path, folder: Path) -> list[Check]:
    """Say of the weights that methods start from, by their files in `configs`, which are in the hub's cache `folder`.

    Missing ones are no problem: the first training fetches them, where there is a network.
    """
    starting: dict[tuple[str, str], list[str]] = {}
    for file in sorted(configs.glob("*.yaml")):
        model = (read_yaml(file) or {}).get("model") or {}
        named = ("." not in file.stem and model.get("pretrained")) is True
        if named and (source := _on_the_hub(model)):
            starting.setdefault(source, []).append(file.stem)
    return [
        _cached(repository, name, " ".join(methods), folder) for (repository, name), methods in sorted(starting.items())
    ]


def _on_the_hub(model: Mapping[str, str]) -> tuple[str, str] | None:
    if trunk := model.get("trunk"):
        return (repository, TRUNK_FILES[0]) if (repository := trunk_repository(trunk)) else None
    repository = CLIP_REPOSITORIES.get(str(model.get("clip")).removesuffix("-quickgelu"))
    return (repository, CLIP_FILES[0]) if repository else None


def _cached(repository: str, name: str, methods: str, folder: Path) -> Check:
    at, words = cached_at(folder, repository), f"{repository}, where {methods} start" + "s" * (" " not in methods)
    if any(at.glob("snapshots/*/*")):
        return Check(AREA, "pretrained", "ok", words)
    do = f"with a network: hf download {repository} {name}; without: copy that folder from a machine that has it"
    return Check(AREA, "pretrained", "note", f"missing: {words} (not in {at})", f"{do}, or --set pretrained=FILE")


def weights() -> list[Check]:
    """Check the weights of every detector, and list those that training starts from."""
    checks = []
    for name, row in DETECTORS.items():
        if row.bundled:
            checks.append(bundled(name, row.bundled, row.bundled.folder()))
        if row.packs:
            checks += packs(name, row.packs, Path.home())
    return [*checks, *pretrained(configs_dir(), hub_folder(os.environ))]
