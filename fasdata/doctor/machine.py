"""Cores, memory and limits of this machine."""

from __future__ import annotations

import os
import platform
import shutil
import tempfile
from pathlib import Path

from fasdata.doctor.check import Check

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
