"""What victims do: each takes text, so that it can be told to another process."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from fasdata.exchange.export import Request, manifest_for, plan_export, run_export
from fasdata.exchange.folder import ExportFolder
from fasdata.library import Library
from fasdata.packs.make import make_pack
from fasdata.packs.writer import PackWriter
from fasdata.store import deriving, group
from fasdata.store.info import StoreInfo
from fasdata.store.shard_writer import ShardWriter
from fasdata.store.writer import StoreWriter
from tests.fasdata.packs.packing import plan
from tests.faults import world


def telling(work: Callable[..., Any]) -> Callable[..., Any]:
    """The same work, which says on standard output when it is done."""

    def wrapped(*arguments: Any, **options: Any) -> Any:
        result = work(*arguments, **options)
        os.write(1, b"+\n")
        return result

    return wrapped


for owner, name in (
    (ShardWriter, "write"), (ShardWriter, "compact"), (StoreInfo, "write"), (deriving, "rebuild"),
    (PackWriter, "add"), (ExportFolder, "note"),
):  # fmt: skip
    setattr(owner, name, telling(getattr(owner, name)))


group.GROUP_BYTES = 0  # every clip is a step, unless a task says otherwise


def extract(root: str, out: str, rules: str) -> None:
    """Extract with the faces of the file."""
    world.extract(Path(root), Path(out), rules)


def extract_in_groups(root: str, out: str, rules: str) -> None:
    """Extract with commits of several clips."""
    group.GROUP_BYTES, group.GROUP_SECONDS, group.GROUP_COMMITS = GROUP, 1e9, 1e12
    extract(root, out, rules)


GROUP = 40_000  # bytes: some clips


def search(root: str, out: str, rules: str) -> None:
    """Extract CASIA-FASD with MTCNN."""
    world.extract(Path(root), Path(out), rules, dataset="CASIA-FASD", detector="mtcnn")


def remove(out: str, subject: str) -> None:
    """Take a person's clips out of the store."""
    folder = world.store_of(Path(out))
    with StoreWriter(folder, StoreInfo.read(folder)) as writer:
        for clip in [clip for clip in writer.clips.values() if clip.subject == subject]:
            writer.remove(clip.clip_id)


def pack(library: str, out: str) -> None:
    """Pack the small protocol of a library; `out` is where the pack lies anyway."""
    make_pack(plan(Library(Path(library))), workers=2)


def export(library: str, out: str) -> None:
    """Export the small protocol of a library in the layout of FLIP."""
    opened = Library(Path(library))
    manifest = manifest_for("CIO-M", "standard", opened)
    request = Request("flip", Path(out), "box")
    run_export(plan_export(request, manifest, manifest.open_stores(opened)), workers=2)
