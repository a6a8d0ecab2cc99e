"""On what kind of file system a folder lies, and what that means for a store."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

from fasdata.doctor.check import Check

_NETWORK = re.compile(r"^(nfs\d?|cifs|smb\w*|afs|lustre|gpfs|beegfs|ceph|glusterfs|9p|fuse\..+|fuseblk)$")


def filesystem_type(path: Path, mounts: Iterable[str]) -> str:
    """Return the type of the file system that holds `path`, "" where `mounts` does not tell.

    `mounts` are lines of `/proc/self/mountinfo`; the last mount on the longest matching folder counts.
    """
    best, kind = -1, ""
    for line in mounts:
        before, dash, after = line.partition(" - ")
        fields = before.split()
        if not dash or len(fields) < 5:
            continue
        point = Path(re.sub(r"\\(\d{3})", lambda octal: chr(int(octal[1], 8)), fields[4]))
        if path.is_relative_to(point) and len(point.parts) >= best:
            best, kind = len(point.parts), after.split()[0]
    return kind


def filesystem(area: str, kind: str) -> Check:
    """Judge a kind of file system as the place of LMDB files."""
    name = "file system"
    if not kind:
        return Check(area, name, "ok", "not told by this system")
    if _NETWORK.match(kind):
        told = f"{kind}: a network; LMDB maps files and locks by machine"
        do = "let one machine at a time write; for training copy the library to a local disk"
        return Check(area, name, "note", told, do)
    if kind in ("tmpfs", "ramfs"):
        return Check(area, name, "note", f"{kind}: in memory, gone after a restart", "extract to a disk")
    if kind == "overlay":
        told = "overlay: inside a container, gone with it unless it is kept"
        return Check(area, name, "note", told, "mount a folder of the host for the library")
    return Check(area, name, "ok", kind)
