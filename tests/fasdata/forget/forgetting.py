"""Forget a person of a small library, and look at what the library holds before and after."""

from __future__ import annotations

import hashlib
from pathlib import Path

from fasdata.library import Library
from fasdata.manifests import Manifest
from fasdata.store import shards
from fasdata.store.keys import crop_key
from fasdata.store.reader import Store
from fasdata.store.writer import StoreWriter
from tests.commands import Called
from tests.fastrain.world import CANONICAL, RECIPE

DATASET, WHO = "casia-fasd", "s3"


CLIPS = ("s3__attack", "s3__bonafide")


def manifest_of(library: Library) -> Manifest:
    """Read the manifest of the small protocol."""
    return Manifest.read(library.protocol_dir(CANONICAL, RECIPE))


def forget(library: Library, who: str = WHO, *options: object) -> Called:
    """Run `fasdata forget` on the library."""
    return Called("fasdata", "forget", DATASET, who, "--data", library.root, "--yes", *options)


def files(folder: Path) -> dict[str, str]:
    """Return every file below a folder with its hash; LMDB's lock files change by being read."""
    paths = {path for path in folder.rglob("*") if path.is_file() and not path.name.endswith(("-lock", ".lock"))}
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(paths)}


def stored(library: Library) -> dict[str, bytes]:
    """Return every entry of the store by its key."""
    values: dict[str, bytes] = {}
    for path in shards.shard_paths(library.store_dir(DATASET)):
        with shards.reading(path) as transaction, transaction.cursor() as cursor:
            values |= {bytes(key).decode(): bytes(value) for key, value in cursor}
    shards.close_readers(library.store_dir(DATASET))
    return values


def crops_of(library: Library, who: str = WHO) -> list[bytes]:
    """Return the stored bytes of a person's crops."""
    return [value for key, value in stored(library).items() if key.startswith(f"crop/{who}__")]


def without(library: Library, folder: Path) -> str:
    """Return the content hash of a store that never held the person."""
    store, values = Store.open(library.store_dir(DATASET)), stored(library)
    with StoreWriter(folder, store.info) as writer:
        for record in store.records():
            if record.clip.subject != WHO:
                keys = [crop_key(record.clip.clip_id, frame.index) for frame in record.frames]
                writer.add(record, {key: values[key] for key in keys})
    return Store.open(folder).content_hash()
