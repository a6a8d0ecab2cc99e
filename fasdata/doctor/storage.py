"""Check where the library lies: the file system, its room, whether LMDB works there, and the stores in it."""

from __future__ import annotations

import os
import re
import resource
import shutil
import tempfile
from collections.abc import Iterable
from pathlib import Path

from fasdata.doctor.check import Check
from fasdata.errors import UserError
from fasdata.faces.detectors import DETECTORS
from fasdata.library import ENVIRONMENT, Library
from fasdata.store.info import StoreInfo

# -- On what kind of file system a folder lies, and what that means for a store ---------------------------------------


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


# -- The library: where it is, how much room it has, whether LMDB works there, and the stores in it -------------------


AREA = "library"
_GB = 10**9
_LEAST, _LITTLE = _GB, 20 * _GB
_MAP = 64 << 20
_OTHER_FILES = 256  # what a process has open beside shards: libraries, videos, pipes of workers


def library(asked: Library) -> list[Check]:
    """Return the checks of a library; one that does not exist yet is looked at where it would be."""
    checks = [_environment(), _root(asked.root)]
    if asked.root.exists() and not asked.root.is_dir():
        return checks
    place = next(folder for folder in (asked.root, *asked.root.absolute().parents) if folder.is_dir())
    checks += [disk(shutil.disk_usage(place).free), filesystem(AREA, filesystem_type(place.resolve(), _mounts()))]
    checks.append(lmdb_works(place))
    shards = [path for slug in asked.stores() for path in (asked.store_dir(slug) / "shards").glob("*.lmdb")]
    checks += [open_files(len(shards), resource.getrlimit(resource.RLIMIT_NOFILE)[0])]
    checks += [address_space(sum(path.stat().st_size for path in shards), resource.getrlimit(resource.RLIMIT_AS)[0])]
    return [*checks, *(store(asked, slug) for slug in asked.stores())]


def disk(free: int) -> Check:
    """Judge the free space: the four classic sets take a few gigabytes, dense frame rules many more."""
    told = f"{free / _GB:.1f} GB free"
    if free < _LEAST:
        return Check(AREA, "disk", "problem", told, "free some space, or give another place with --data")
    if free < _LITTLE:
        return Check(AREA, "disk", "note", told, "fasdata extract --dry-run says how much it will take")
    return Check(AREA, "disk", "ok", told)


def lmdb_works(folder: Path) -> Check:
    """Write and read back a small LMDB file in `folder`, and remove it."""
    import lmdb

    version = f"LMDB {'.'.join(map(str, lmdb.version()))} (lmdb {lmdb.__version__})"
    if not os.access(folder, os.W_OK):
        return Check(AREA, "lmdb", "ok", f"{version}; not tried: {folder} is not writable")
    try:
        with (
            tempfile.TemporaryDirectory(prefix=".doctor-", dir=folder) as place,
            lmdb.open(str(Path(place) / "trial.lmdb"), subdir=False, map_size=_MAP) as env,
        ):
            with env.begin(write=True) as transaction:
                transaction.put(b"key", b"value")
            with env.begin() as transaction:
                read = transaction.get(b"key")
    except (lmdb.Error, OSError) as error:
        do = "put the library on a local disk (--data)"
        return Check(AREA, "lmdb", "problem", f"{version} cannot write in {folder}: {error}", do)
    if read != b"value":
        return Check(AREA, "lmdb", "problem", f"{version} does not read back what it wrote", "use a local disk")
    return Check(AREA, "lmdb", "ok", f"{version}; wrote and read back")


def open_files(shards: int, limit: int) -> Check:
    """Judge the limit on open files against the shards, each of which takes two."""
    needed = 2 * shards + _OTHER_FILES
    if limit == resource.RLIM_INFINITY or limit >= 2 * needed:
        told = "no limit" if limit == resource.RLIM_INFINITY else str(limit)
        return Check(AREA, "open files", "ok", f"{told}; {shards} shards")
    state, told = ("problem", "too few") if limit < needed else ("note", "little room")
    words = f"{limit}, {told} for {shards} shards and their workers"
    return Check(AREA, "open files", state, words, f"ulimit -n {max(4096, 4 * needed)}")  # type: ignore[arg-type]


def address_space(mapped: int, limit: int) -> Check:
    """Judge a limit on virtual memory: LMDB maps whole shards, which takes addresses, not memory."""
    told = f"{mapped / _GB:.1f} GB of shards are mapped"
    if limit == resource.RLIM_INFINITY:
        return Check(AREA, "address space", "ok", f"no limit; {told}")
    if limit < 2 * mapped + 8 * _GB:
        return Check(
            AREA, "address space", "problem", f"limited to {limit / _GB:.1f} GB; {told}", "ulimit -v unlimited"
        )
    return Check(AREA, "address space", "ok", f"limited to {limit / _GB:.1f} GB; {told}")


def store(asked: Library, slug: str) -> Check:
    """Return the check of one store: readable, finished, and made with the detector weights that are here."""
    folder = asked.store_dir(slug)
    again = "run the same 'fasdata extract' again: it continues"
    try:
        info = StoreInfo.read(folder)
    except UserError as error:
        return Check(AREA, slug, "problem", str(error), "restore store.json from a copy, or extract again")
    shards = list((folder / "shards").glob("*.lmdb"))
    size = sum(path.stat().st_blocks * 512 for path in shards)
    detector, weights = str(info.config.get("detector", "")), str(info.config.get("detector_weights_sha256", ""))
    number = f"{len(shards)} {'shard' if len(shards) == 1 else 'shards'}"
    told = f"{size / 1e6:.0f} MB in {number}, detector {detector or 'not recorded'}"
    told += f", weights {weights}" if weights else ""
    try:
        asked.require_store(slug)
    except UserError:
        return Check(AREA, slug, "note", f"{told}; the extraction was not finished", again)
    if weights and weights != _installed_weights(detector):
        do = "continue it where those weights are, or extract into another library"
        return Check(AREA, slug, "note", f"{told}: other weights than those installed here", do)
    return Check(AREA, slug, "ok", told)


def _environment() -> Check:
    value = os.environ.get(ENVIRONMENT)
    if not value:
        return Check(AREA, ENVIRONMENT, "ok", "not set: without --data the library is ./data")
    if not Path(value).is_dir():
        return Check(AREA, ENVIRONMENT, "note", f"{value}, which is no folder", "correct it, or extract into it")
    return Check(AREA, ENVIRONMENT, "ok", value)


def _root(root: Path) -> Check:
    if not root.exists():
        return Check(AREA, "folder", "note", f"{root} does not exist yet", "fasdata extract makes it; or pass --data")
    if not root.is_dir():
        return Check(AREA, "folder", "problem", f"{root} is a file", "pass the library's folder with --data")
    if not os.access(root, os.W_OK):
        return Check(AREA, "folder", "note", f"{root} cannot be written: training works, extraction does not")
    return Check(AREA, "folder", "ok", str(root.resolve()))


def _installed_weights(detector: str) -> str:
    """Return the fingerprint of a detector's weights inside the installed package; "" where it has none there."""
    row = DETECTORS.get(detector)
    return row.bundled.fingerprint() if row and row.bundled and row.bundled.folder() else ""


def _mounts() -> list[str]:
    try:
        return Path("/proc/self/mountinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return []
