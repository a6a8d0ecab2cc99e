"""Which OpenCV: several builds share one folder, so that two of them break each other."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.util import find_spec

from fasdata.doctor.check import Check

AREA = "images and video"
BUILDS = ("opencv-python", "opencv-python-headless", "opencv-contrib-python", "opencv-contrib-python-headless")


def opencv(have: Mapping[str, str], failure: str) -> Check:
    """Return the check of OpenCV; `failure` is what importing it says, "" where it works."""
    builds = [name for name in BUILDS if name in have]
    told = " and ".join(f"{name} {have[name]}" for name in builds)
    if len(builds) > 1:
        do = f"pip uninstall -y {' '.join(builds)}, then install one: opencv-python-headless on a server"
        return Check(AREA, "opencv", "problem", f"{told}: they overwrite each other", do)
    if failure and not builds:
        return Check(AREA, "opencv", "problem", "missing", "pip install opencv-python-headless")
    if "libGL" in failure or "libgthread" in failure:
        do = f"pip uninstall -y {builds[0]}, then pip install opencv-python-headless (or install libGL)"
        return Check(AREA, "opencv", "problem", f"{told} cannot be loaded: {failure}", do)
    if failure:
        do = f"pip install --force-reinstall {builds[0]}"
        return Check(AREA, "opencv", "problem", f"{told} cannot be loaded: {failure}", do)
    return Check(AREA, "opencv", "ok", told or "not from pip, but it loads")


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
