"""Everything that `fasdata doctor` looks at, in the order it is shown."""

from __future__ import annotations

from collections.abc import Callable
from importlib import metadata

from fasdata.doctor.check import Check
from fasdata.doctor.machine import cuda, has_driver, machine, onnxruntime
from fasdata.doctor.packages import import_failure, installed, opencv, packages, torch_pair, video
from fasdata.doctor.storage import library
from fasdata.doctor.weights import weights
from fasdata.library import Library


def examine(asked: Library) -> list[Check]:
    """Look at installation, machine and library; what cannot be looked at is a problem of its own, never an end."""
    have, driver = installed(), has_driver()
    built_for = (metadata.requires("torchvision") or []) if "torchvision" in have else []
    looks: tuple[tuple[str, Callable[[], list[Check]]], ...] = (
        ("packages", lambda: [*packages(have), *torch_pair(built_for, have)]),
        ("images and video", lambda: [opencv(have, import_failure("cv2")), video()]),
        ("accelerators", lambda: [*cuda(driver), onnxruntime(have, driver)]),
        ("weights", weights),
        ("machine", machine),
        ("library", lambda: library(asked)),
    )
    return [check for area, look in looks for check in guarded(area, look)]


def guarded(area: str, look: Callable[[], list[Check]]) -> list[Check]:
    """Return what `look` finds, or that it could not look."""
    try:
        return look()
    except Exception as error:  # a doctor must not fall ill with the patient
        return [Check(area, "not looked at", "problem", f"{type(error).__name__}: {error}", "report this as a bug")]
