"""Run all checks of `fasdata doctor`, in the order of its output."""

from __future__ import annotations

from collections.abc import Callable
from importlib import metadata

from fasdata.doctor.diagnosis import Check
from fasdata.doctor.machine import cuda, has_driver, machine, onnxruntime
from fasdata.doctor.packages import import_failure, installed, opencv, packages, torch_pair, video
from fasdata.doctor.storage import library
from fasdata.doctor.weights import weights
from fasdata.library import Library


def examine(given: Library) -> list[Check]:
    """Check installation, machine and library; an area whose check fails is a problem, and the others go on."""
    have, driver = installed(), has_driver()
    built_for = (metadata.requires("torchvision") or []) if "torchvision" in have else []
    checks: tuple[tuple[str, Callable[[], list[Check]]], ...] = (
        ("packages", lambda: [*packages(have), *torch_pair(built_for, have)]),
        ("images and video", lambda: [opencv(have, import_failure("cv2")), video()]),
        ("accelerators", lambda: [*cuda(driver), onnxruntime(have, driver)]),
        ("weights", weights),
        ("machine", machine),
        ("library", lambda: library(given)),
    )
    return [result for area, check in checks for result in guarded(area, check)]


def guarded(area: str, check: Callable[[], list[Check]]) -> list[Check]:
    """Return the checks of an area, or a problem where checking itself fails."""
    try:
        return check()
    except Exception as error:  # whatever is broken, the other areas must still be checked
        return [Check(area, "not checked", "problem", f"{type(error).__name__}: {error}", "report this as a bug")]
