"""The lock of a whole library."""

from __future__ import annotations

from pathlib import Path

from fasdata.errors import UserError
from fasdata.library import Library
from fasdata.lock.lock import FILE, Lock, protocol_key
from fasdata.manifest.manifest import TABLE, Manifest


def lock_path(library: Library) -> Path:
    """Return where the library keeps its lock."""
    return library.root / FILE


def lock_of_library(library: Library) -> Lock:
    """Return the lock of all stores and built protocols; each manifest is read and checked for it.

    Raises:
        UserError: the library is empty, a store is unfinished, a manifest is damaged.
    """
    from fasdata.store.reader import Store

    slugs = library.stores()
    if not slugs:
        raise UserError(f"no store in the library {library.root}", do="run 'fasdata extract' first, or pass --data")
    stores = {slug: Store.open(library.require_store(slug)) for slug in slugs}
    manifests = [Manifest.read(path) for path in sorted((library.root / "protocols").glob(f"*/*/{TABLE}"))]
    return Lock.of(stores, {protocol_key(manifest): manifest.meta["fingerprint"] for manifest in manifests})


def broken_locks(library: Library, now: Lock) -> list[str]:
    """Return in words where the library's lock file contradicts `now`; empty where there is no such file.

    What the file does not list was made after it and contradicts nothing.

    Raises:
        UserError: the file is damaged.
    """
    if not lock_path(library).is_file():
        return []
    locked = Lock.read(lock_path(library)).shared_with(now)
    return locked.differences(now.shared_with(locked))
