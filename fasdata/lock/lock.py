"""Write and compare `fas.lock`: the hashes of stores, of the configurations that made them, and of protocols."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from fasdata import __version__
from fasdata.datasets.rule import Form
from fasdata.errors import UserError
from fasdata.foreign import read_json, validated
from fasdata.library import Library
from fasdata.manifests.manifest import TABLE, Manifest
from fasdata.manifests.meta import recipe_key
from fasdata.store.atomic import write_text

if TYPE_CHECKING:
    from fasdata.store.reader import Store


FILE = "fas.lock"
_ANEW = "write it again: fasdata lock"
SHOWN = 12  # characters of a hash that texts show


class StoreEntry(Form):
    """A store: the hash of its content, and the configuration that made it with its fingerprint."""

    content_hash: str
    fingerprint: str
    config: dict[str, Any]


class Lock(Form):
    """Stores by slug, and fingerprints of manifests by `<canonical protocol>/<recipe>`."""

    format: Literal[1] = 1
    tool_version: str = __version__
    stores: dict[str, StoreEntry]
    protocols: dict[str, str]

    @classmethod
    def of(cls, stores: Mapping[str, Store], manifests: Mapping[str, str]) -> Lock:
        """Return the lock of opened stores and of manifests (key to fingerprint)."""
        entries = {
            slug: StoreEntry(
                content_hash=store.content_hash(), fingerprint=store.info.fingerprint, config=store.info.config
            )
            for slug, store in sorted(stores.items())
        }
        return cls(stores=entries, protocols=dict(sorted(manifests.items())))

    @classmethod
    def of_manifest(cls, manifest: Manifest, stores: Mapping[str, Store]) -> Lock:
        """Return the lock of one manifest and of the opened `stores` it was built from."""
        return cls.of(stores, {protocol_key(manifest): manifest.meta["fingerprint"]})

    @classmethod
    def parse(cls, data: Any, where: str) -> Lock:
        """Return the lock in parsed JSON; `where` names it in errors.

        Raises:
            UserError: the data are no lock.
        """
        return validated(cls, data, where, do=_ANEW)

    @classmethod
    def read(cls, path: Path) -> Lock:
        """Read a lock file.

        Raises:
            UserError: there is no file, or it is damaged.
        """
        if not path.exists():
            raise UserError(f"no lock at {path}", do="write one: fasdata lock")
        return cls.parse(read_json(path, do=_ANEW), str(path))

    def write(self, path: Path) -> None:
        """Write the lock file atomically."""
        write_text(path, json.dumps(self.as_json(), indent=2, sort_keys=True, ensure_ascii=False) + "\n")

    def as_json(self) -> dict[str, Any]:
        """Return plain JSON data that `parse` reads."""
        return self.model_dump(mode="json")

    def differences(self, now: Lock) -> list[str]:
        """List what `now` has changed, lacks or adds, in words; empty where both agree."""
        return [
            *_compared("store", self.stores, now.stores, _store_differences),
            *_compared("protocol", self.protocols, now.protocols, _row_differences),
        ]

    def shared_with(self, other: Lock) -> Lock:
        """Return this lock without the entries that `other` lacks."""
        stores = {slug: entry for slug, entry in self.stores.items() if slug in other.stores}
        protocols = {key: value for key, value in self.protocols.items() if key in other.protocols}
        return self.model_copy(update={"stores": stores, "protocols": protocols})


def protocol_key(manifest: Manifest) -> str:
    """Return the key of a manifest in a lock: `<canonical protocol>/<recipe>`."""
    return f"{manifest.meta['canonical']}/{recipe_key(manifest.meta['recipe'])}"


def _compared(
    kind: str, old: Mapping[str, Any], new: Mapping[str, Any], differences: Callable[[Any, Any], Iterator[str]]
) -> Iterator[str]:
    for name in sorted(old.keys() | new.keys()):
        if name not in new:
            yield f"{kind} {name}: gone"
        elif name not in old:
            yield f"{kind} {name}: new"
        else:
            yield from (f"{kind} {name}: {text}" for text in differences(old[name], new[name]))


def _store_differences(old: StoreEntry, new: StoreEntry) -> Iterator[str]:
    if (old.content_hash, old.fingerprint) == (new.content_hash, new.fingerprint):
        return
    for key in sorted(old.config.keys() | new.config.keys()):
        before, after = old.config.get(key), new.config.get(key)
        if before != after:
            yield f"{key} {_text(before)} -> {_text(after)}"
    if old.content_hash != new.content_hash:
        yield f"content {old.content_hash[:SHOWN]} -> {new.content_hash[:SHOWN]}"


def _row_differences(old: str, new: str) -> Iterator[str]:
    if old != new:
        yield f"rows {old[:SHOWN]} -> {new[:SHOWN]}"


def _text(value: Any) -> str:
    text = "absent" if value is None else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 60 else text[:57] + "..."


# -- The lock of a whole library --------------------------------------------------------------------------------------


def lock_path(library: Library) -> Path:
    """Return where the library keeps its lock."""
    return library.root / FILE


def lock_of_library(library: Library) -> Lock:
    """Return the lock of all stores and built protocols; reads and checks each manifest.

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
    """List where the library's lock file contradicts `now`, in words; empty where there is no such file.

    Entries that the file lacks were made after it and contradict nothing.

    Raises:
        UserError: the file is damaged.
    """
    if not lock_path(library).is_file():
        return []
    locked = Lock.read(lock_path(library)).shared_with(now)
    return locked.differences(now.shared_with(locked))
