"""Check the library: its file system and free space, LMDB in this place, limits, and its stores."""

from __future__ import annotations

import os
import re
import resource
import shutil
import tempfile
from collections.abc import Iterable
from pathlib import Path

from fasdata.doctor.diagnosis import Check
from fasdata.errors import UserError
from fasdata.faces.detectors import DETECTORS
from fasdata.library import ENVIRONMENT, Library
from fasdata.store import tables
from fasdata.store.check import some
from fasdata.store.glance import glance
from fasdata.store.info import StoreInfo
from fasdata.store.writer_lock import lost_clips

# -- The file system of a folder, and what it means for a store -------------------------------------------------------

_NETWORK = re.compile(r"^(nfs\d?|cifs|smb\w*|afs|lustre|gpfs|beegfs|ceph|glusterfs|9p|fuse\..+|fuseblk)$")


def filesystem_type(path: Path, mounts: Iterable[str]) -> str:
    """Return the type of the file system of `path`, "" where it is not in `mounts`.

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
    """Judge a file system as the place of LMDB files."""
    name = "file system"
    if not kind:
        return Check(area, name, "ok", "this system does not report it")
    if _NETWORK.match(kind):
        state = f"{kind}: a network file system; LMDB maps and locks files on one machine only"
        do = "write from one machine at a time; copy the library to a local disk for training"
        return Check(area, name, "note", state, do)
    if kind in ("tmpfs", "ramfs"):
        return Check(area, name, "note", f"{kind}: in memory, lost at a restart", "extract to a disk")
    if kind == "overlay":
        state = "overlay: inside a container, and lost with it"
        return Check(area, name, "note", state, "mount a folder of the host for the library")
    return Check(area, name, "ok", kind)


# -- The library ------------------------------------------------------------------------------------------------------

AREA = "library"
_GB = 10**9
_LEAST, _LITTLE = _GB, 20 * _GB
_MAP = 64 << 20
_LOOK = 5.0  # seconds for the headers of a store's crops
_OTHER_FILES = 256  # files that a process opens beside shards: libraries, videos, pipes of workers


def library(given: Library) -> list[Check]:
    """Check a library; one that does not exist yet is checked in the folder where it would be."""
    checks = [_environment(), _root(given.root)]
    if given.root.exists() and not given.root.is_dir():
        return checks
    place = next(folder for folder in (given.root, *given.root.absolute().parents) if folder.is_dir())
    checks += [disk(shutil.disk_usage(place).free), filesystem(AREA, filesystem_type(place.resolve(), _mounts()))]
    checks.append(lmdb_works(place))
    shards = [path for slug in given.stores() for path in (given.store_dir(slug) / "shards").glob("*.lmdb")]
    checks += [open_files(len(shards), resource.getrlimit(resource.RLIMIT_NOFILE)[0])]
    checks += [address_space(sum(path.stat().st_size for path in shards), resource.getrlimit(resource.RLIMIT_AS)[0])]
    return [*checks, *(store(given, slug) for slug in given.stores())]


def disk(free: int) -> Check:
    """Judge the free space: the four classic sets take a few gigabytes, dense frame rules many more."""
    amount = f"{free / _GB:.1f} GB free"
    if free < _LEAST:
        return Check(AREA, "disk", "problem", amount, "free some space, or choose another place with --data")
    if free < _LITTLE:
        return Check(AREA, "disk", "note", amount, "fasdata extract --dry-run says how much it will take")
    return Check(AREA, "disk", "ok", amount)


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
        spelled = "no limit" if limit == resource.RLIM_INFINITY else str(limit)
        return Check(AREA, "open files", "ok", f"{spelled}; {shards} shards")
    too_few = limit < needed
    words = f"{limit}, {'too few' if too_few else 'little room'} for {shards} shards and their workers"
    return Check(AREA, "open files", "problem" if too_few else "note", words, f"ulimit -n {max(4096, 4 * needed)}")


def address_space(mapped: int, limit: int) -> Check:
    """Judge a limit on virtual memory: LMDB maps complete shards, which takes addresses, not memory."""
    shards = f"{mapped / _GB:.1f} GB of shards are mapped"
    if limit == resource.RLIM_INFINITY:
        return Check(AREA, "address space", "ok", f"no limit; {shards}")
    if limit < 2 * mapped + 8 * _GB:
        return Check(
            AREA, "address space", "problem", f"limited to {limit / _GB:.1f} GB; {shards}", "ulimit -v unlimited"
        )
    return Check(AREA, "address space", "ok", f"limited to {limit / _GB:.1f} GB; {shards}")


def store(given: Library, slug: str) -> Check:
    """Check a store: it is readable, finished, undamaged as far as a short look tells, and of the weights here."""
    folder = given.store_dir(slug)
    again = "run the same 'fasdata extract' again: it continues"
    try:
        info = StoreInfo.read(folder)
    except UserError as error:
        return Check(AREA, slug, "problem", str(error), "restore store.json from a copy, or extract again")
    shards = list((folder / "shards").glob("*.lmdb"))
    size = sum(path.stat().st_blocks * 512 for path in shards)
    detector, weights = str(info.config.get("detector", "")), str(info.config.get("detector_weights_sha256", ""))
    number = f"{len(shards)} {'shard' if len(shards) == 1 else 'shards'}"
    about = f"{size / 1e6:.0f} MB in {number}, detector {detector or 'not recorded'}"
    about += f", weights {weights}" if weights else ""
    try:
        given.require_settled(slug)
    except UserError as error:
        do = f"if that ends in an error about a damaged store: fasdata store check {folder} --repair, then again"
        return Check(AREA, slug, "note", f"{about}; {error}", do)
    try:
        looked = glance(folder, _LOOK)
    except UserError as error:
        return Check(AREA, slug, "problem", f"{about}; {error}", f"fasdata store check {folder} --rehash --repair")
    try:
        given.require_store(slug)
    except UserError:
        missing = some(lost_clips(folder))
        unfinished = f"a repair took out {missing}" if missing else "the extraction was not finished"
        return Check(AREA, slug, "note", f"{about}; {unfinished}", again)
    if not tables.present(folder):
        gone = ", ".join(name for name in tables.DERIVED if not (folder / name).is_file())
        return Check(AREA, slug, "note", f"{about}; {gone} is missing", f"fasdata store check {folder} --repair")
    if weights and weights != _installed_weights(detector):
        do = "continue it where these weights are installed, or extract into another library"
        return Check(AREA, slug, "note", f"{about}: other weights than those installed here", do)
    return Check(AREA, slug, "ok", f"{about}; {looked}")


def _environment() -> Check:
    value = os.environ.get(ENVIRONMENT)
    if not value:
        return Check(AREA, ENVIRONMENT, "ok", "not set: without --data the library is ./data")
    if not Path(value).is_dir():
        return Check(AREA, ENVIRONMENT, "note", f"{value} is no folder", "correct it, or extract into it")
    return Check(AREA, ENVIRONMENT, "ok", value)


def _root(root: Path) -> Check:
    if not root.exists():
        return Check(AREA, "folder", "note", f"{root} does not exist yet", "fasdata extract makes it; or pass --data")
    if not root.is_dir():
        return Check(AREA, "folder", "problem", f"{root} is a file", "pass the library's folder with --data")
    if not os.access(root, os.W_OK):
        return Check(AREA, "folder", "note", f"{root} is not writable: training works, extraction does not")
    return Check(AREA, "folder", "ok", str(root.resolve()))


def _installed_weights(detector: str) -> str:
    """Return the fingerprint of the weights in a detector's installed package; "" where there are none."""
    row = DETECTORS.get(detector)
    return row.bundled.fingerprint() if row and row.bundled and row.bundled.folder() else ""


def _mounts() -> list[str]:
    try:
        return Path("/proc/self/mountinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return []
