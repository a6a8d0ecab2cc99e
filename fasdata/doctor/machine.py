"""Check cores, memory and limits of this machine, and CUDA for torch and onnxruntime."""

from __future__ import annotations

import os
import platform
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from fasdata.doctor.check import Check
from fasdata.doctor.packages import import_failure
from fasdata.faces.detectors import detectors_that_need

# -- Cores, memory and limits of this machine -------------------------------------------------------------------------


AREA = "machine"
_GIB = 2**30
_CGROUP = Path("/sys/fs/cgroup")
_LITTLE_MEMORY = 4 * _GIB
_LITTLE_SHARED = _GIB
_LITTLE_TEMPORARY = _GIB


def machine() -> list[Check]:
    """Return the checks of the machine."""
    checks = [Check(AREA, "system", "ok", f"{platform.system()} {platform.release()}, {platform.machine()}"), cores()]
    available = memory_available()
    if available is not None:
        checks.append(memory(available))
    for name, folder, least, why in (
        ("shared memory", "/dev/shm", _LITTLE_SHARED, "the loader's processes hand batches over there"),
        ("temporary files", tempfile.gettempdir(), _LITTLE_TEMPORARY, "archives and figures pass through it"),
    ):
        if Path(folder).is_dir():
            checks.append(space(name, folder, shutil.disk_usage(folder).free, least, why))
    return checks


def cores() -> Check:
    """Return how many cores this process may use, and what allows fewer than there are."""
    every = os.cpu_count() or 1
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else every
    quota = _quota(_read(_CGROUP / "cpu.max"))
    told = f"{allowed} of {every} usable" if allowed < every else f"{every}"
    if quota is not None and quota < allowed:
        told += f", but the container grants {quota:.1f}"
        return Check(
            AREA, "cores", "note", told, f"give --workers {max(1, int(quota))}: more only get in each other's way"
        )
    threads = os.environ.get("OMP_NUM_THREADS")
    return Check(AREA, "cores", "ok", told + (f" (OMP_NUM_THREADS={threads})" if threads else ""))


def memory(available: int) -> Check:
    """Judge the memory that is free for use."""
    told = f"{available / _GIB:.1f} GiB available"
    if available < _LITTLE_MEMORY:
        return Check(AREA, "memory", "note", told, "a worker of the extraction takes about 1 GiB: give fewer --workers")
    return Check(AREA, "memory", "ok", told)


def memory_available() -> int | None:
    """Return the bytes of memory that can be used, the container's limit included; None where nothing tells."""
    kilobytes = [line.split()[1] for line in _read(Path("/proc/meminfo")).splitlines() if line.startswith("MemAvail")]
    if not kilobytes:
        return None
    available = int(kilobytes[0]) * 1024
    limit, used = _read(_CGROUP / "memory.max").strip(), _read(_CGROUP / "memory.current").strip()
    if limit.isdigit() and used.isdigit():
        available = min(available, int(limit) - int(used))
    return available


def space(name: str, folder: str, free: int, least: int, why: str) -> Check:
    """Judge the free space of a folder that other work passes through."""
    told = f"{free / _GIB:.1f} GiB free in {folder}"
    if free >= least:
        return Check(AREA, name, "ok", told)
    do = "give the container more (--shm-size)" if name == "shared memory" else "free some space, or set TMPDIR"
    return Check(AREA, name, "note", f"{told}: {why}", do)


def _quota(text: str) -> float | None:
    """Return the cores that a container's `cpu.max` ("200000 100000" or "max 100000") grants."""
    parts = text.split()
    if len(parts) != 2 or not all(part.isdigit() for part in parts):
        return None
    return int(parts[0]) / int(parts[1])


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError:
        return ""


# -- CUDA for torch and for onnxruntime -------------------------------------------------------------------------------


CUDA = "accelerators"
RUNTIMES = ("onnxruntime", "onnxruntime-gpu", "onnxruntime-directml", "onnxruntime-openvino", "onnxruntime-rocm")
_CUDA = "CUDAExecutionProvider"


def has_driver() -> bool:
    """Tell whether an NVIDIA driver is on this machine."""
    return Path("/proc/driver/nvidia/version").exists() or shutil.which("nvidia-smi") is not None


def cuda(driver: bool) -> list[Check]:
    """Return the checks of torch and its CUDA devices; without a driver torch is not even loaded."""
    if not driver:
        return [Check(CUDA, "cuda", "ok", "no NVIDIA driver here: everything runs on the processor")]
    failure = import_failure("torch")
    if failure:
        return [Check(CUDA, "cuda", "problem", f"torch cannot be loaded: {failure}", "install torch again")]
    import torch

    if torch.version.cuda is None:
        do = "install a torch built for CUDA, or leave it: --device cpu works"
        return [Check(CUDA, "cuda", "problem", f"a driver is there, but torch {torch.__version__} is a CPU build", do)]
    if not torch.cuda.is_available():
        told = f"a driver is there, but torch (CUDA {torch.version.cuda}) finds no device it can use"
        return [Check(CUDA, "cuda", "problem", told, "update the driver, or look at CUDA_VISIBLE_DEVICES")]
    found = []
    for number in range(torch.cuda.device_count()):
        of = torch.cuda.get_device_properties(number)
        told = f"{of.name}, {of.total_memory / 2**30:.0f} GiB, CUDA {torch.version.cuda}"
        found.append(Check(CUDA, f"cuda:{number}", "ok", told))
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
            return Check(CUDA, name, "problem", "missing, but insightface needs it", do)
        return Check(CUDA, name, "ok", f"not installed: only --detector {detectors_that_need(name)} needs it")
    if len(builds) > 1:
        do = f"pip uninstall -y {' '.join(builds)}, then install one: onnxruntime-gpu with a GPU, else onnxruntime"
        return Check(CUDA, name, "problem", f"{told}: they overwrite each other", do)
    if failure:
        do = f"pip install --force-reinstall {builds[0]}"
        return Check(CUDA, name, "problem", f"{told} cannot be loaded: {failure}", do)
    told += f"; providers: {', '.join(providers)}"
    if builds[0] == "onnxruntime-gpu" and _CUDA not in providers:
        return Check(CUDA, name, "problem", f"{told}: no CUDA", "pip install --force-reinstall onnxruntime-gpu")
    if builds[0] == "onnxruntime-gpu" and not driver:
        return Check(CUDA, name, "note", f"{told}, but no NVIDIA driver is here: it falls back to the processor")
    if driver and _CUDA not in providers:
        users = detectors_that_need(name)
        do = f"for {users} on the GPU: pip uninstall -y {builds[0]}, then pip install onnxruntime-gpu"
        return Check(CUDA, name, "note", f"{told}: {users} runs on the processor", do)
    return Check(CUDA, name, "ok", told)
