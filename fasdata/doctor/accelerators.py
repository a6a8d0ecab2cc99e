"""CUDA for torch and for onnxruntime."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

from fasdata.doctor.check import Check
from fasdata.doctor.opencv import import_failure

AREA = "accelerators"
RUNTIMES = ("onnxruntime", "onnxruntime-gpu", "onnxruntime-directml", "onnxruntime-openvino", "onnxruntime-rocm")
_CUDA = "CUDAExecutionProvider"


def has_driver() -> bool:
    """Tell whether an NVIDIA driver is on this machine."""
    return Path("/proc/driver/nvidia/version").exists() or shutil.which("nvidia-smi") is not None


def cuda(driver: bool) -> list[Check]:
    """Return the checks of torch and its CUDA devices; without a driver torch is not even loaded."""
    if not driver:
        return [Check(AREA, "cuda", "ok", "no NVIDIA driver here: everything runs on the processor")]
    failure = import_failure("torch")
    if failure:
        return [Check(AREA, "cuda", "problem", f"torch cannot be loaded: {failure}", "install torch again")]
    import torch

    if torch.version.cuda is None:
        do = "install a torch built for CUDA, or leave it: --device cpu works"
        return [Check(AREA, "cuda", "problem", f"a driver is there, but torch {torch.__version__} is a CPU build", do)]
    if not torch.cuda.is_available():
        told = f"a driver is there, but torch (CUDA {torch.version.cuda}) finds no device it can use"
        return [Check(AREA, "cuda", "problem", told, "update the driver, or look at CUDA_VISIBLE_DEVICES")]
    found = []
    for number in range(torch.cuda.device_count()):
        of = torch.cuda.get_device_properties(number)
        told = f"{of.name}, {of.total_memory / 2**30:.0f} GiB, CUDA {torch.version.cuda}"
        found.append(Check(AREA, f"cuda:{number}", "ok", told))
    return found


def onnxruntime(have: Mapping[str, str], driver: bool) -> Check:
    """Return the check of the installed onnxruntime, loading it to ask for its providers."""
    builds = [name for name in RUNTIMES if name in have]
    failure, providers = "", []
    if len(builds) == 1:
        failure = import_failure("onnxruntime")
        if not failure:
            import onnxruntime as runtime

            providers = list(runtime.get_available_providers())
    return runtime_check(have, builds, failure, providers, driver)


def runtime_check(
    have: Mapping[str, str], builds: Sequence[str], failure: str, providers: Sequence[str], driver: bool
) -> Check:
    """Judge the builds of onnxruntime: two share one folder, and the CPU one then hides the other's CUDA."""
    name, told = "onnxruntime", " and ".join(f"{one} {have[one]}" for one in builds)
    if not builds:
        if "insightface" in have:
            do = "pip install onnxruntime (or onnxruntime-gpu)"
            return Check(AREA, name, "problem", "missing, but insightface needs it", do)
        return Check(AREA, name, "ok", "not installed: only --detector retinaface needs it")
    if len(builds) > 1:
        do = f"pip uninstall -y {' '.join(builds)}, then install one: onnxruntime-gpu with a GPU, else onnxruntime"
        return Check(AREA, name, "problem", f"{told}: they overwrite each other", do)
    if failure:
        do = f"pip install --force-reinstall {builds[0]}"
        return Check(AREA, name, "problem", f"{told} cannot be loaded: {failure}", do)
    told += f"; providers: {', '.join(providers)}"
    if builds[0] == "onnxruntime-gpu" and _CUDA not in providers:
        return Check(AREA, name, "problem", f"{told}: no CUDA", "pip install --force-reinstall onnxruntime-gpu")
    if builds[0] == "onnxruntime-gpu" and not driver:
        return Check(AREA, name, "note", f"{told}, but no NVIDIA driver is here: it falls back to the processor")
    if driver and _CUDA not in providers:
        do = f"for RetinaFace on the GPU: pip uninstall -y {builds[0]}, then pip install onnxruntime-gpu"
        return Check(AREA, name, "note", f"{told}: RetinaFace runs on the processor", do)
    return Check(AREA, name, "ok", told)
