"""Python and the packages that fasdata declares: there, and of a version that fits."""

from __future__ import annotations

import platform
import sys
from collections.abc import Iterable, Mapping
from importlib import metadata

from fasdata.doctor.check import Check

AREA = "packages"
LEAST_PYTHON = (3, 11)
_EXTRAS = {"insightface": "only --detector retinaface needs it", "ray": "only --executor ray needs it"}


def installed() -> dict[str, str]:
    """Return the version of every installed distribution by its plain name (lower case, `-`)."""
    return {_plain(one.metadata["Name"]): one.version for one in metadata.distributions() if one.metadata["Name"]}


def packages(have: Mapping[str, str]) -> list[Check]:
    """Return the checks of Python and of every declared package; `have` is what `installed` returns."""
    checks = [_python()]
    try:
        declared = metadata.requires("fasdata") or []
    except metadata.PackageNotFoundError:
        told = "fasdata runs from its folder and was not installed: what it needs is not declared"
        return [*checks, Check(AREA, "fasdata", "note", told, "pip install -e . in the checkout")]
    checks += requirements(declared, have)
    for name, why in _EXTRAS.items():
        checks.append(Check(AREA, name, "ok", have.get(name) or f"not installed: {why}"))
    return checks


def requirements(declared: Iterable[str], have: Mapping[str, str]) -> list[Check]:
    """Return a check a requirement without an extra; OpenCV's is judged apart, since its builds stand in for another.

    torchvision is compared with the torch it was built for.
    """
    from packaging.requirements import Requirement

    checks = []
    for text in declared:
        wanted = Requirement(text)
        name = _plain(wanted.name)
        if name.startswith("opencv") or (wanted.marker and not wanted.marker.evaluate({"extra": ""})):
            continue
        version = have.get(name, "")
        if not version:
            told, do = "missing", f"pip install '{wanted.name}{wanted.specifier}'"
            checks.append(Check(AREA, wanted.name, "problem", told, do))
        elif not wanted.specifier.contains(version, prereleases=True):
            told = f"{version}, but {wanted.specifier} is needed"
            checks.append(Check(AREA, wanted.name, "problem", told, f"pip install '{wanted.name}{wanted.specifier}'"))
        else:
            checks.append(Check(AREA, wanted.name, "ok", version))
    return sorted(checks, key=lambda check: check.name.lower())


def torch_pair(built_for: Iterable[str], have: Mapping[str, str]) -> list[Check]:
    """Compare torch with the version that torchvision was built for; `built_for` are torchvision's requirements."""
    from packaging.requirements import Requirement

    for text in built_for:
        wanted = Requirement(text)
        version = have.get("torch", "")
        if _plain(wanted.name) == "torch" and version and not wanted.specifier.contains(version, prereleases=True):
            told = f"built for torch{wanted.specifier}, but torch {version} is installed: its operators will not load"
            do = "install torch and torchvision together, as constraints.txt pairs them"
            return [Check(AREA, "torchvision", "problem", told, do)]
    return []


def _python() -> Check:
    found = f"{platform.python_version()} ({sys.executable})"
    if sys.version_info[:2] < LEAST_PYTHON:
        return Check(AREA, "python", "problem", found, f"use Python {'.'.join(map(str, LEAST_PYTHON))} or newer")
    return Check(AREA, "python", "ok", found)


def _plain(name: str) -> str:
    return name.lower().replace("_", "-").replace(".", "-")
