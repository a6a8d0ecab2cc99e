"""Check the cores, memory and limits of this machine, and CUDA for torch and onnxruntime."""

from __future__ import annotations

import os
import platform
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from fasdata.cores import usable_cores
from fasdata.doctor.diagnosis import Check
from fasdata.doctor.packages import import_failure
from fasdata.faces.detectors import detectors_that_need

# -- Cores, memory and limits -----------------------------------------------------------------------------------------

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
        ("shared memory", "/dev/shm", _LITTLE_SHARED, "the loader's processes pass batches through it"),
        ("temporary files", tempfile.gettempdir(), _LITTLE_TEMPORARY, "archives and figures pass through it"),
    ):
        if Path(folder).is_dir():
            checks.append(space(name, folder, shutil.disk_usage(folder).free, least, why))
    return checks


def cores() -> Check:
    """Check how many cores this process may use, and what limits them."""
    every = os.cpu_count() or 1
    allowed = usable_cores()
    quota = _quota(_read(_CGROUP / "cpu.max"))
    number = f"{allowed} of {every} usable" if allowed < every else f"{every}"
    if quota is not None and quota < allowed:
        do = f"give --workers {max(1, int(quota))}: more only slow each other down"
        return Check(AREA, "cores", "note", f"{number}, but the container grants {quota:.1f}", do)
    threads = os.environ.get("OMP_NUM_THREADS")
    return Check(AREA, "cores", "ok", number + (f" (OMP_NUM_THREADS={threads})" if threads else ""))


def memory(available: int) -> Check:
    """Judge the available memory in bytes."""
    amount = f"{available / _GIB:.1f} GiB available"
    if available < _LITTLE_MEMORY:
        do = "an extraction worker takes about 1 GiB: give fewer --workers"
        return Check(AREA, "memory", "note", amount, do)
    return Check(AREA, "memory", "ok", amount)


def memory_available() -> int | None:
    """Return the available memory in bytes, within the container's limit; None where the system does not report it."""
    kilobytes = [line.split()[1] for line in _read(Path("/proc/meminfo")).splitlines() if line.startswith("MemAvail")]
    if not kilobytes:
        return None
    available = int(kilobytes[0]) * 1024
    limit, used = _read(_CGROUP / "memory.max").strip(), _read(_CGROUP / "memory.current").strip()
    if limit.isdigit() and used.isdigit():
        available = min(available, int(limit) - int(used))
    return available


def space(name: str, folder: str, free: int, least: int, why: str) -> Check:
    """Judge the free space of a folder for temporary data."""
    amount = f"{free / _GIB:.1f} GiB free in {folder}"
    if free >= least:
        return Check(AREA, name, "ok", amount)
    do = "give the container more (--shm-size)" if name == "shared memory" else "free some space, or set TMPDIR"
    return Check(AREA, name, "note", f"{amount}: {why}", do)


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


# -- CUDA -------------------------------------------------------------------------------------------------------------

CUDA = "accelerators"
RUNTIMES = ("onnxruntime", "onnxruntime-gpu", "onnxruntime-directml", "onnxruntime-openvino", "onnxruntime-rocm")
_CUDA = "CUDAExecutionProvider"


def has_driver() -> bool:
    """Tell whether this machine has an NVIDIA driver."""
    return Path("/proc/driver/nvidia/version").exists() or shutil.which("nvidia-smi") is not None


def cuda(driver: bool) -> list[Check]:
    """Check torch and its CUDA devices; without a driver torch is not loaded."""
    if not driver:
        return [Check(CUDA, "cuda", "ok", "no NVIDIA driver: everything runs on the processor")]
    failure = import_failure("torch")
    if failure:
        return [Check(CUDA, "cuda", "problem", f"torch cannot be loaded: {failure}", "install torch again")]
    import torch

    if torch.version.cuda is None:
        do = "install a torch built for CUDA, or use --device cpu"
        return [
            Check(CUDA, "cuda", "problem", f"a driver is installed, but torch {torch.__version__} is a CPU build", do)
        ]
    if not torch.cuda.is_available():
        state = f"a driver is installed, but torch (CUDA {torch.version.cuda}) finds no usable device"
        return [Check(CUDA, "cuda", "problem", state, "update the driver, or check CUDA_VISIBLE_DEVICES")]
    checks = []
    for number in range(torch.cuda.device_count()):
        device = torch.cuda.get_device_properties(number)
        words = f"{device.name}, {device.total_memory / _GIB:.0f} GiB, CUDA {torch.version.cuda}"
        checks.append(Check(CUDA, f"cuda:{number}", "ok", words))
    return checks


def onnxruntime(have: Mapping[str, str], driver: bool) -> Check:
    """Check the installed onnxruntime; it is loaded for its list of providers."""
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
    """Judge the builds of onnxruntime: two of them share a folder, and the CPU build then hides CUDA."""
    name, versions = "onnxruntime", " and ".join(f"{build} {have[build]}" for build in builds)
    if not builds:
        if "insightface" in have:
            do = "pip install onnxruntime (or onnxruntime-gpu)"
            return Check(CUDA, name, "problem", "not installed, but insightface needs it", do)
        return Check(CUDA, name, "ok", f"not installed: only --detector {detectors_that_need(name)} needs it")
    if len(builds) > 1:
        do = f"pip uninstall -y {' '.join(builds)}, then install one: onnxruntime-gpu with a GPU, else onnxruntime"
        return Check(CUDA, name, "problem", f"{versions}: they overwrite each other", do)
    if failure:
        do = f"pip install --force-reinstall {builds[0]}"
        return Check(CUDA, name, "problem", f"{versions} cannot be loaded: {failure}", do)
    state = f"{versions}; providers: {', '.join(providers)}"
    if builds[0] == "onnxruntime-gpu" and _CUDA not in providers:
        return Check(CUDA, name, "problem", f"{state}: no CUDA", "pip install --force-reinstall onnxruntime-gpu")
    if builds[0] == "onnxruntime-gpu" and not driver:
        return Check(CUDA, name, "note", f"{state}, but no NVIDIA driver: it runs on the processor")
    if driver and _CUDA not in providers:
        users = detectors_that_need(name)
        do = f"for {users} on the GPU: pip uninstall -y {builds[0]}, then pip install onnxruntime-gpu"
        return Check(CUDA, name, "note", f"{state}: {users} runs on the processor", do)
    return Check(CUDA, name, "ok", state)
