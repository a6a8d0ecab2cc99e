"""Kinds of inputs inside a library: shards, tables and descriptions of stores, manifests, packs, locks, journals."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path

import pyarrow.compute as pc
from fuzz_bytes import BINARY, TEXT
from fuzz_media import Kind
from fuzz_tables import lmdb_page, lmdb_value, parquet_table
from fuzz_trees import csv_cell, json_value

from fasdata.audit.audit import audit_manifest
from fasdata.exchange.folder import ExportFolder
from fasdata.faces.view import View
from fasdata.forget import text
from fasdata.forget.removal import ForgetPlan, plan_forget, runs_with
from fasdata.library import Library
from fasdata.lock.lock import Lock, broken_locks, lock_of_library, lock_path
from fasdata.manifests import Manifest
from fasdata.manifests.meta import Meta
from fasdata.packs.make import make_pack, plan_pack
from fasdata.packs.pack import Pack
from fasdata.protocols.manifest_text import describe
from fasdata.protocols.recipe import load_recipe
from fasdata.store import shards
from fasdata.store.check import check_store, describe_check
from fasdata.store.reader import Store
from fasdata.store.repair import repair
from tests.fasdata.store.making import fill
from tests.fastrain.world import CANONICAL, RECIPE, write_library

# -- Stores -----------------------------------------------------------------------------------------------------------


def _shards(folder: Path) -> list[Path]:
    fill(folder / "s", range(3))
    shards.close_readers(folder / "s")
    for lock in (folder / "s" / "shards").glob("*-lock"):
        lock.unlink()
    path = folder / "s" / "shards" / "00000.lmdb"
    path.write_bytes(path.read_bytes())  # its end: a map that was never written to is a hole
    return [path]


def _tables(folder: Path) -> list[Path]:
    _shards(folder)
    return [folder / "s" / name for name in ("store.json", "clips.parquet", "index.parquet", "failures.csv")]


def _read_store(root: Path, path: Path) -> object:
    folder = root / "s"
    try:
        report = check_store(folder, rehash=True)
        words = [describe_check(report)]
        if report.intact:
            return _pictures(folder)
        words += repair(report)
        shards.close_readers(folder)
        words.append(describe_check(check_store(folder, rehash=True)))
        return "\n".join(words) and False
    finally:
        shards.close_readers(folder)


def _read_pictures(root: Path, path: Path) -> object:
    try:
        return _pictures(root / "s")
    finally:
        shards.close_readers(root / "s")


def _pictures(folder: Path) -> int:
    store = Store.open(folder)
    store.content_hash()
    return sum(
        store.crop(record.clip.clip_id, frame.index).size for record in store.records() for frame in record.frames
    )


# -- Manifests, packs, locks ------------------------------------------------------------------------------------------

_VIEW = View.named("box", 16)


def _library(folder: Path) -> Library:
    library = write_library(folder / "library")
    for slug in library.stores():
        shards.close_readers(library.store_dir(slug))
    for lock in folder.glob("library/*/shards/*-lock"):
        lock.unlink()
    return library


def _manifest(folder: Path) -> list[Path]:
    place = _library(folder).protocol_dir(CANONICAL, RECIPE)
    manifest = Manifest.read(place)
    meta = {**manifest.meta, "recipe": load_recipe(RECIPE).model_dump(mode="json")}
    return [Manifest(manifest.table, Meta.model_validate(meta).model_dump(mode="json")).write(place)]


def _read_manifest(root: Path, path: Path) -> object:
    manifest = Manifest.read(path)
    words = describe(manifest)
    return words + audit_manifest(manifest, Library(root / "library"), near=False).text()


def _pack(folder: Path) -> list[Path]:
    library = _library(folder)
    for codec, view in (("raw", _VIEW), ("png", View.named("box", 8))):
        make_pack(plan_pack("CIO-M", RECIPE, library, view, codec))
    for slug in library.stores():
        shards.close_readers(library.store_dir(slug))
    return sorted(path for path in folder.glob("library/packs/**/*") if path.is_file() and path.suffix != ".lock")


@cache
def _known(path: Path) -> Manifest:
    return Manifest.read(path)


def _read_pack(root: Path, path: Path) -> object:
    manifest = _known(root / "library" / "protocols" / CANONICAL.replace(":", "-") / RECIPE)
    pack = Pack.open(path.parent, manifest)
    rows = pc.indices_nonzero(pc.equal(manifest.table["status"], "ok")).to_numpy()
    pack.require(rows, "all")
    return sum(pack.image(int(row), "rgb").size for row in rows[:6])


def _lock(folder: Path) -> list[Path]:
    library = _library(folder)
    lock_of_library(library).write(lock_path(library))
    return [lock_path(library)]


@cache
def _now(root: Path) -> Lock:
    return lock_of_library(Library(root))


def _read_lock(root: Path, path: Path) -> object:
    library = Library(root / "library")
    now = _now(library.root)
    return "\n".join([*Lock.read(path).differences(now), *broken_locks(library, now)])


# -- Journals, exports, the run folders that a removal looks at -------------------------------------------------------


def _journal(folder: Path) -> list[Path]:
    library = _library(folder)
    plan = plan_forget(library, "casia-fasd", "s1")
    plan.write(library)
    run = folder / "runs" / "a"
    run.mkdir(parents=True)
    (run / "run.json").write_text(json.dumps({"manifest_fingerprint": "0" * 64}))
    (run / "scores.csv").write_text("dataset,clip_id,subject\ncasia-fasd,s1__attack,s1\n")
    return [library.journal("forget", "casia-fasd"), run / "run.json", run / "scores.csv"]


@cache
def _planned(root: Path) -> ForgetPlan:
    return plan_forget(Library(root), "oulu-npu", "s1")


def _read_journal(root: Path, path: Path) -> object:
    library = Library(root / "library")
    plan = plan_forget(library, "casia-fasd", "s1") if path.parent == library.root else _planned(library.root)
    return text.describe_plan(plan, library) + text.describe_runs(plan, runs_with(plan, [root / "runs"]), ["runs"])


_EXPORT = {"layout": "flip", "protocol": CANONICAL, "view": "box"}


def _export(folder: Path) -> list[Path]:
    with ExportFolder(folder / "out", _EXPORT) as out:
        stage = out.stage(0)
        (stage / "a.png").write_bytes(b"a")
        sums = out.settle(stage, ["a.png"])
        out.note(sums)
        progress = (folder / "out" / ".progress").read_bytes()
        out.finish({"pictures": 1}, {"list.txt": b"a"}, {}, ["a.png"], [("d/c/0", "rgb", "a.png")])
    (folder / "out" / ".progress").write_bytes(progress)
    return [folder / "out" / name for name in ("export.json", "files.csv", ".progress")]


def _read_export(root: Path, path: Path) -> object:
    with ExportFolder(root / "out", _EXPORT) as out:
        return (out.holds(["a.png"]) and out.knows(["list.txt"])) or 0


KINDS = (
    Kind("shard", _shards, _read_store, (lmdb_page, lmdb_page, lmdb_value), BINARY, True),
    Kind("shard-read", _shards, _read_pictures, (lmdb_page, lmdb_page, lmdb_value), BINARY, True),
    Kind("store-tables", _tables, _read_store, (parquet_table, json_value, csv_cell), (*BINARY, *TEXT), True),
    Kind("manifest", _manifest, _read_manifest, (parquet_table,)),
    Kind("pack", _pack, _read_pack, (json_value,), BINARY),
    Kind("lock", _lock, _read_lock, (json_value,), TEXT),
    Kind("journal", _journal, _read_journal, (json_value, csv_cell), TEXT),
    Kind("export", _export, _read_export, (json_value, csv_cell), TEXT, True),
)
