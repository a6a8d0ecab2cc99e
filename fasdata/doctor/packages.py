"""Check Python and the declared packages, which OpenCV is in use, and what the video decoder can read."""

from __future__ import annotations

import platform
import sys
from collections.abc import Iterable, Mapping
from importlib import metadata
from importlib.util import find_spec

from fasdata.doctor.check import Check
from fasdata.faces.detectors import DETECTORS, detectors_that_need

# -- Python and the packages that fasdata declares: there, and of a version that fits ---------------------------------


AREA = "packages"
LEAST_PYTHON = (3, 11)


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
    for name, why in _extras().items():
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


def _extras() -> dict[str, str]:
    """Return who needs a package that comes with an extra; onnxruntime is looked at with the accelerators."""
    needed = dict.fromkeys(package for row in DETECTORS.values() for package in row.needs if package != "onnxruntime")
    words = {package: f"only --detector {detectors_that_need(package)} needs it" for package in needed}
    return {**words, "ray": "only --executor ray needs it"}


def _python() -> Check:
    found = f"{platform.python_version()} ({sys.executable})"
    if sys.version_info[:2] < LEAST_PYTHON:
        return Check(AREA, "python", "problem", found, f"use Python {'.'.join(map(str, LEAST_PYTHON))} or newer")
    return Check(AREA, "python", "ok", found)


def _plain(name: str) -> str:
    return name.lower().replace("_", "-").replace(".", "-")


# -- Which OpenCV: several builds share one folder, so that two of them break each other ------------------------------


MEDIA = "images and video"
BUILDS = ("opencv-python", "opencv-python-headless", "opencv-contrib-python", "opencv-contrib-python-headless")


def opencv(have: Mapping[str, str], failure: str) -> Check:
    """Return the check of OpenCV; `failure` is what importing it says, "" where it works."""
    builds = [name for name in BUILDS if name in have]
    told = " and ".join(f"{name} {have[name]}" for name in builds)
    if len(builds) > 1:
        do = f"pip uninstall -y {' '.join(builds)}, then install one: opencv-python-headless on a server"
        return Check(MEDIA, "opencv", "problem", f"{told}: they overwrite each other", do)
    if failure and not builds:
        return Check(MEDIA, "opencv", "problem", "missing", "pip install opencv-python-headless")
    if "libGL" in failure or "libgthread" in failure:
        do = f"pip uninstall -y {builds[0]}, then pip install opencv-python-headless (or install libGL)"
        return Check(MEDIA, "opencv", "problem", f"{told} cannot be loaded: {failure}", do)
    if failure:
        do = f"pip install --force-reinstall {builds[0]}"
        return Check(MEDIA, "opencv", "problem", f"{told} cannot be loaded: {failure}", do)
    return Check(MEDIA, "opencv", "ok", told or "not from pip, but it loads")


def import_failure(module: str) -> str:
    """Return the last line of what goes wrong when a module is imported, "" when it loads or is absent from disk."""
    from importlib import import_module

    try:
        if find_spec(module) is None:
            return "no such module"
        import_module(module)
    except (ImportError, OSError, AttributeError, RuntimeError) as error:
        return str(error).strip().splitlines()[-1] if str(error).strip() else type(error).__name__
    return ""


# -- PyAV and the FFmpeg inside it: can it decode what the datasets are made of? --------------------------------------


# What the releases use: H.264 and MPEG-4 (phones), Motion JPEG and DivX (CASIA-FASD and others), HEVC (own phones).
CODECS = ("h264", "hevc", "mpeg4", "msmpeg4", "mjpeg", "wmv2")


def video() -> Check:
    """Return the check of the video decoders."""
    failure = import_failure("av")
    if failure:
        return Check(
            MEDIA, "ffmpeg", "problem", f"PyAV cannot be loaded: {failure}", "pip install --force-reinstall av"
        )
    import av

    versions = {name: ".".join(map(str, number)) for name, number in av.library_versions.items()}
    return decoders(av.codecs_available, f"PyAV {av.__version__}, libavcodec {versions.get('libavcodec', '?')}")


def decoders(available: set[str], told: str) -> Check:
    """Return the check that every needed codec is among `available`."""
    missing = [name for name in CODECS if name not in available]
    if missing:
        do = "install PyAV from its wheel (pip install --force-reinstall --only-binary :all: av)"
        return Check(MEDIA, "ffmpeg", "problem", f"{told}: cannot decode {', '.join(missing)}", do)
    return Check(MEDIA, "ffmpeg", "ok", f"{told}; decodes {', '.join(CODECS)}")
