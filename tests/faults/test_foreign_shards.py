"""Shards of other applications, damaged ones, and paths that lead elsewhere: refused, never a crash."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
from pathlib import Path

import lmdb
import pyarrow.parquet as pq
import pytest

from fasdata.errors import UserError
from fasdata.manifests import Manifest
from fasdata.resources import configs_dir
from fasdata.store import shards, tables
from fasdata.store.reader import Store
from fasdata.store.writer import StoreWriter
from tests.fasdata.store.making import INFO, fill
from tests.fastrain.world import CANONICAL, RECIPE, write_library
from tests.faults.tampering import one_line, put, shard

TOP = Path(__file__).resolve().parents[2]


def other_application(path: Path) -> None:
    with lmdb.open(str(path), subdir=False, map_size=1 << 20) as env, env.begin(write=True) as transaction:
        for number in range(50):
            transaction.put(b"%08d" % number, b"caffe" * 20)


def named_databases(path: Path) -> None:
    with lmdb.open(str(path), subdir=False, map_size=1 << 20, max_dbs=4) as env:
        env.open_db(b"clip/a", dupsort=True)
        env.open_db(b"crop/b")


FOREIGN = {
    "nothing": lambda path: path.write_bytes(b""),
    "noise": lambda path: path.write_bytes(random.Random(1).randbytes(50_000)),
    "text": lambda path: path.write_text("not lmdb " * 9999),
    "the first page alone": lambda path: path.write_bytes(path.read_bytes()[:4096]),
    "half of the second meta page": lambda path: path.write_bytes(path.read_bytes()[:4100]),
    "half": lambda path: path.write_bytes(path.read_bytes()[: path.stat().st_size // 2]),
    "one byte short": lambda path: path.write_bytes(path.read_bytes()[:-1]),
    "another application": other_application,
    "named databases": named_databases,
    "a folder": lambda path: path.mkdir(),
}


@pytest.mark.parametrize("name", FOREIGN)
def test_a_foreign_or_truncated_shard_is_refused_in_one_line(store, name):
    path = shard(store.folder)
    if name in ("another application", "named databases", "a folder"):
        path.unlink()
    FOREIGN[name](path)
    with pytest.raises(UserError) as error:
        store.record("train__1")
    assert str(path) in one_line(error)
    if name != "nothing":  # which a killed writer leaves: there is nothing to lose in it
        with pytest.raises(UserError) as error:
            StoreWriter(store.folder, INFO)
        assert str(path) in one_line(error)


MUTATE = """
import os, random, sys
import cv2, pyarrow.parquet, tqdm
from pathlib import Path
from fasdata.errors import UserError
from fasdata.store import shards
from fasdata.store.check import check_store
from fasdata.store.reader import Store
from fasdata.store.repair import repair
sys.stderr = open(os.devnull, "w")
folder, chance = Path(sys.argv[1]), random.Random(3)
path = shards.shard_path(folder, 0)
whole = path.read_bytes()
for number in range(24):
    data = bytearray(whole)
    if number % 3 == 0:
        del data[chance.randrange(len(data)):]
    elif number % 3 == 1:
        for _ in range(6):
            data[chance.randrange(len(data))] = chance.randrange(256)
    else:
        page = 4096 * chance.randrange(len(data) // 4096)
        for _ in range(4):
            data[page + chance.randrange(24)] = chance.randrange(256)
    path.write_bytes(data)
    child = os.fork()
    if child == 0:
        try:
            for clip in range(12):
                try:
                    store = Store.open(folder)
                    store.record(f"train__{clip}")
                    store.crop(f"train__{clip}", 0)
                except UserError:
                    pass
            report = check_store(folder, rehash=True)
            if not report.intact:
                repair(report)
            left = check_store(folder, rehash=True).problems
            assert left.keys() <= {"the last run that wrote to the store did not finish"}, left
        except BaseException as error:
            os.write(1, f"{number}: {type(error).__name__} {error}\\n".encode())
            os._exit(9)
        os._exit(0)
    _, status = os.waitpid(child, 0)
    print(number, os.waitstatus_to_exitcode(status), flush=True)
"""


def test_no_damage_to_a_shard_crashes_a_reader_the_check_or_the_repair(store):
    shards.close_readers(store.folder)
    environment = {**os.environ, "PYTHONPATH": str(TOP)}
    done = subprocess.run(
        [sys.executable, "-c", MUTATE, str(store.folder)], capture_output=True, text=True, env=environment
    )
    lines = done.stdout.splitlines()
    assert done.returncode == 0 and len(lines) == 24, done.stdout + done.stderr
    assert {line.split()[1] for line in lines} == {"0"}, done.stdout


def test_a_table_that_sends_readers_elsewhere_is_refused(store):
    table = pq.read_table(store.folder / tables.CLIPS)
    place = table.column_names.index("shard")
    for column in (["../../x"] * 12, [None] * 12, [1.5] * 12):
        pq.write_table(table.set_column(place, "shard", [column]), store.folder / tables.CLIPS)
        with pytest.raises(UserError, match=r"clips\.parquet"):
            Store.open(store.folder).record("train__1")
    for number in (10**9, -1, 7):
        pq.write_table(table.set_column(place, "shard", [[number] * 12]), store.folder / tables.CLIPS)
        with pytest.raises(UserError, match="no such file"):
            Store.open(store.folder).record("train__1")


def test_a_crop_that_claims_a_gigantic_image_is_one_line(store):
    from tests.fasdata.store.test_store_codec import GIGANTIC

    for data in GIGANTIC.values():
        put(store.folder, b"crop/train__1/000000/rgb", data)
        with pytest.raises(UserError, match="claim"):
            store.crop("train__1", 0)


# --- paths --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("column", "value"), [("dataset", "../outside"), ("clip_id", "../../x"), ("key_rgb", "crop/../x/000003/rgb")]
)
def test_a_manifest_cannot_point_out_of_its_library(tmp_path, column, value):
    library = write_library(tmp_path / "lib")
    fill(tmp_path / "outside", [1])
    folder = library.protocol_dir(CANONICAL, RECIPE)
    table = pq.read_table(folder / "manifest.parquet")
    values = [value, *table.column(column).to_pylist()[1:]]
    place = table.column_names.index(column)
    pq.write_table(table.set_column(place, table.schema.field(column), [values]), folder / "manifest.parquet")
    with pytest.raises(UserError):
        Manifest.read(folder)
    about = json.loads((folder / "manifest.json").read_text())
    about["stores"]["../outside"] = Store.open(tmp_path / "outside").content_hash()
    (folder / "manifest.json").write_text(json.dumps(about))
    with pytest.raises(UserError):
        Manifest.read(folder).open_stores(library)


def test_ids_that_no_store_has_are_asked_for_in_vain(store):
    for clip_id in ("../s", "..", "/etc/passwd", "train__1/../train__2", "train__1\0", "", "x" * 1000, "Ä"):
        with pytest.raises(UserError) as error:
            store.record(clip_id)
        one_line(error)
        with pytest.raises(UserError):
            store.crop(clip_id, 0)
    for frame, modality in ((-1, "rgb"), (10**9, "rgb"), (0, "../rgb"), (0, "depth")):
        with pytest.raises(UserError):
            store.crop("train__1", frame, modality)


def test_the_shipped_configuration_is_plain_text():
    for path in configs_dir().rglob("*.yaml"):
        assert "!!python" not in path.read_text(encoding="utf-8")
