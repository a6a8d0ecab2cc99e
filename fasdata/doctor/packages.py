"""Check Python, the declared packages, the build of OpenCV, and the video decoders."""

from __future__ import annotations

import platform
import sys
from collections.abc import Iterable, Mapping
from importlib import metadata
from importlib.util import find_spec

from fasdata.doctor.diagnosis import Check
from fasdata.faces.detectors import DETECTORS, detectors_that_need

# -- Python and the declared packages ---------------------------------------------------------------------------------

AREA = "packages"
LEAST_PYTHON = (3, 11)


def installed() -> dict[str, str]:
    """Return the version of every installed distribution by its normalised name (lower case, `-`)."""
    return {
        _canonical(each.metadata["Name"]): each.version for each in metadata.distributions() if each.metadata["Name"]
    }


def packages(have: Mapping[str, str]) -> list[Check]:
    """Check Python and every declared package; `have` is the result of `installed`."""
    checks = [_python()]
    try:
        declared = metadata.requires("fasdata") or []
    except metadata.PackageNotFoundError:
        state = "it runs from its folder without installation: its requirements are not declared"
        return [*checks, Check(AREA, "fasdata", "note", state, "pip install -e . in the checkout")]
    checks += requirements(declared, have)
    for name, why in _extras().items():
        checks.append(Check(AREA, name, "ok", have.get(name) or f"not installed: {why}"))
    return checks


def requirements(declared: Iterable[str], have: Mapping[str, str]) -> list[Check]:
    """Check every requirement that no extra asks for, but OpenCV: any of its builds will do, see `opencv`."""
    from packaging.requirements import Requirement

    checks = []
    for text in declared:
        wanted = Requirement(text)
        name = _canonical(wanted.name)
        if name.startswith("opencv") or (wanted.marker and not wanted.marker.evaluate({"extra": ""})):
            continue
        version, do = have.get(name, ""), f"pip install '{wanted.name}{wanted.specifier}'"
        if not version:
            checks.append(Check(AREA, wanted.name, "problem", "missing", do))
        elif not wanted.specifier.contains(version, prereleases=True):
            state = f"{version}, but {wanted.specifier} is needed"
            checks.append(Check(AREA, wanted.name, "problem", state, do))
        else:
            checks.append(Check(AREA, wanted.name, "ok", version))
    return sorted(checks, key=lambda check: check.name.lower())


def torch_pair(built_for: Iterable[str], have: Mapping[str, str]) -> list[Check]:
    """Compare torch with the version that torchvision was built for; `built_for` are torchvision's requirements."""
    from packaging.requirements import Requirement

    for text in built_for:
        wanted = Requirement(text)
        version = have.get("torch", "")
        if _canonical(wanted.name) == "torch" and version and not wanted.specifier.contains(version, prereleases=True):
            state = f"built for torch{wanted.specifier}, but torch {version} is installed: its operators will not load"
            do = "install torch and torchvision together, as constraints.txt pairs them"
            return [Check(AREA, "torchvision", "problem", state, do)]
    return []


def _extras() -> dict[str, str]:
    """Return who needs a package that comes with an extra; onnxruntime is looked at with the accelerators."""
    needed = dict.fromkeys(package for row in DETECTORS.values() for package in row.needs if package != "onnxruntime")
    words = {package: f"only --detector {detectors_that_need(package)} needs it" for package in needed}
    return {**words, "ray": "only --executor ray needs it"}


def _python() -> Check:
    version = f"{platform.python_version()} ({sys.executable})"
    if sys.version_info[:2] < LEAST_PYTHON:
        return Check(AREA, "python", "problem", version, f"use Python {'.'.join(map(str, LEAST_PYTHON))} or newer")
    return Check(AREA, "python", "ok", version)


def _canonical(name: str) -> str:
    return name.lower().replace("_", "-").replace(".", "-")


# -- OpenCV: its builds share a folder, so that two of them break each other ------------------------------------------

MEDIA = "images and video"
BUILDS = ("opencv-python", "opencv-python-headless", "opencv-contrib-python", "opencv-contrib-python-headless")


def opencv(have: Mapping[str, str], failure: str) -> Check:
    """Check OpenCV; `failure` is the error on import, "" where it works."""
    builds = [name for name in BUILDS if name in have]
    versions = " and ".join(f"{name} {have[name]}" for name in builds)
    if len(builds) > 1:
        do = f"pip uninstall -y {' '.join(builds)}, then install one: opencv-python-headless on a server"
        return Check(MEDIA, "opencv", "problem", f"{versions}: they overwrite each other", do)
    if failure and not builds:
        return Check(MEDIA, "opencv", "problem", "missing", "pip install opencv-python-headless")
    if "libGL" in failure or "libgthread" in failure:
        do = f"pip uninstall -y {builds[0]}, then pip install opencv-python-headless (or install libGL)"
        return Check(MEDIA, "opencv", "problem", f"{versions} cannot be loaded: {failure}", do)
    if failure:
        do = f"pip install --force-reinstall {builds[0]}"
        return Check(MEDIA, "opencv", "problem", f"{versions} cannot be loaded: {failure}", do)
    return Check(MEDIA, "opencv", "ok", versions or "not from pip, but it loads")


def import_failure(module: str) -> str:
    """Return the last line of the error when a module is imported; "" when it loads."""
    from importlib import import_module

    try:
        if find_spec(module) is None:
            return "no such module"
        import_module(module)
    except (ImportError, OSError, AttributeError, RuntimeError) as error:
        return str(error).strip().splitlines()[-1] if str(error).strip() else type(error).__name__
    return ""


# -- Video decoders: PyAV and the FFmpeg inside it --------------------------------------------------------------------

# Used by the releases: H.264 and MPEG-4 (phones), Motion JPEG and DivX (CASIA-FASD and others), HEVC (own phones).
CODECS = ("h264", "hevc", "mpeg4", "msmpeg4", "mjpeg", "wmv2")


def video() -> Check:
    """Check PyAV and its video decoders."""
    failure = import_failure("av")
    if failure:
        return Check(
            MEDIA, "ffmpeg", "problem", f"PyAV cannot be loaded: {failure}", "pip install --force-reinstall av"
        )
    import av

    versions = {name: ".".join(map(str, number)) for name, number in av.library_versions.items()}
    return decoders(av.codecs_available, f"PyAV {av.__version__}, libavcodec {versions.get('libavcodec', '?')}")


def decoders(available: set[str], version: str) -> Check:
    """Check that every needed codec is among `available`."""
    missing = [name for name in CODECS if name not in available]
    if missing:
        do = "install PyAV from its wheel (pip install --force-reinstall --only-binary :all: av)"
        return Check(MEDIA, "ffmpeg", "problem", f"{version}: cannot decode {', '.join(missing)}", do)
    return Check(MEDIA, "ffmpeg", "ok", f"{version}; decodes {', '.join(CODECS)}")
