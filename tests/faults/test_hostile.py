"""Stores that somebody else has made, damaged or prepared: refused with one line, never run, never a crash."""

from __future__ import annotations

import ast
import json
import os
import random
import shutil
import subprocess
import sys
from pathlib import Path

import lmdb
import pyarrow.parquet as pq
import pytest

from fasdata.errors import UserError
from fasdata.manifest import Manifest
from fasdata.resources import configs_dir
from fasdata.store import shards, tables
from fasdata.store.info import FILE
from fasdata.store.reader import Store
from fasdata.store.writer import StoreWriter
from tests.engine.world import CANONICAL, RECIPE, write_library
from tests.store.making import INFO, fill

TOP = Path(__file__).resolve().parents[2]
PACKAGES = [path for name in ("fasdata", "fastrain") for path in sorted((TOP / name).rglob("*.py"))]


def shard(folder: Path) -> Path:
    shards.close_readers(folder)
    return shards.shard_path(folder, 0)


def put(folder: Path, key: bytes, value: bytes) -> None:
    with lmdb.open(str(shard(folder)), subdir=False, map_size=1 << 24) as env, env.begin(write=True) as transaction:
        transaction.put(key, value)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("made") / "s"
    fill(folder, range(12))
    shards.close_readers(folder)
    return folder


@pytest.fixture
def store(made: Path, tmp_path: Path) -> Store:
    return Store.open(Path(shutil.copytree(made, tmp_path / "s")))


def one_line(error: pytest.ExceptionInfo[UserError]) -> str:
    text = str(error.value)
    assert "\n" not in text and len(text) < 700
    return text


# --- nothing is ever run ------------------------------------------------------------------------------------------

FORBIDDEN_MODULES = {"pickle", "_pickle", "cPickle", "dill", "cloudpickle", "joblib", "shelve", "marshal"}
FORBIDDEN_CALLS = {"eval", "exec", "compile", "__import__"}


def forbidden(node: ast.AST) -> bool:
    """Whether a piece of code unpickles or evaluates, or could be told to."""
    if isinstance(node, ast.Import):
        return bool(FORBIDDEN_MODULES & {name.name.split(".")[0] for name in node.names})
    if isinstance(node, ast.ImportFrom):
        return (node.module or "").split(".")[0] in FORBIDDEN_MODULES
    if not isinstance(node, ast.Call):
        return False
    if isinstance(node.func, ast.Name):
        return node.func.id in FORBIDDEN_CALLS
    name = getattr(node.func, "attr", "")
    said = {one.arg: one.value.value for one in node.keywords if isinstance(one.value, ast.Constant)}
    if said.get("allow_pickle") or (name.endswith("load") and "allow_pickle" in {one.arg for one in node.keywords}):
        return said.get("allow_pickle") is not False
    owner = getattr(getattr(node.func, "value", None), "id", "")
    if owner == "yaml":
        return name in ("load", "load_all", "full_load", "unsafe_load")
    return owner == "torch" and name == "load" and said.get("weights_only") is not True


def test_no_file_unpickles_or_evaluates():
    found = [
        f"{path.relative_to(TOP)}: {ast.unparse(node)}"
        for path in PACKAGES
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if forbidden(node)
    ]
    assert len(PACKAGES) > 200 and found == []


@pytest.mark.parametrize(
    "code",
    ["import pickle", "from joblib import load", "eval(text)", "yaml.load(file)", "torch.load(path)",
     "torch.load(path, weights_only=False)", "np.load(path, allow_pickle=True)", "np.load(path, allow_pickle=asked)"],
)  # fmt: skip
def test_the_search_for_it_would_find_it(code):
    assert any(map(forbidden, ast.walk(ast.parse(code))))


class Bomb:
    """What unpickling would run."""

    def __reduce__(self):  # type: ignore[no-untyped-def]
        return exec, ("raise SystemExit('unpickled')",)


def bomb() -> bytes:
    import pickle

    return pickle.dumps(Bomb())


@pytest.mark.parametrize("key", [b"clip/train__1", b"crop/train__1/000000/rgb"])
def test_a_pickle_in_a_store_is_only_bytes(store, key):
    put(store.folder, key, bomb())
    with pytest.raises(UserError) as error:
        store.record("train__1") if key.startswith(b"clip") else store.crop("train__1", 0)
    assert "damaged" in one_line(error)


@pytest.mark.parametrize("name", [FILE, tables.CLIPS])
def test_a_pickle_in_place_of_a_file_is_only_bytes(store, name):
    (store.folder / name).write_bytes(bomb())
    with pytest.raises(UserError):
        Store.open(store.folder).content_hash()


# --- records ------------------------------------------------------------------------------------------------------


def changed(**values: object) -> object:
    return lambda record: record.update(values)


def in_clip(**values: object) -> object:
    return lambda record: record["clip"].update(values)


def in_frame(**values: object) -> object:
    return lambda record: record["frames"][0].update(values)


def in_crop(**values: object) -> object:
    return lambda record: record["frames"][0]["crop"].update(values)


@pytest.mark.parametrize(
    "change",
    [
        changed(status="fine"), changed(n_frames=10**18), changed(n_frames=-1), changed(n_frames="4"),
        changed(n_frames=True), changed(width=1e300), changed(frame_rate=float("nan")), changed(rotation=45),
        changed(frames={}), changed(frames=[None]), changed(frames="x" * 9), changed(selections=[]),
        changed(selections={"all@decoded": [10**15]}), changed(selections={"all@decoded": [-1]}),
        changed(selections={"all@decoded": "abc"}), changed(notes=[1]), changed(notes=None), changed(reason=None),
        changed(pixel_hash="x"), changed(content_hash=7), changed(clip=[]), changed(clip={}), changed(more=1),
        changed(registered={}), in_clip(clip_id="../../etc/passwd"), in_clip(clip_id="train__2"), in_clip(clip_id=""),
        in_clip(clip_id=5), in_clip(relpaths={"rgb": "/etc/passwd"}), in_clip(relpaths={"rgb": "a/../../b.avi"}),
        in_clip(relpaths={"rgb": ""}), in_clip(relpaths={"rgb": "a\0b"}), in_clip(relpaths=["a.avi"]),
        in_clip(relpaths={"rgb": 3}), in_clip(fields={"a": {}}), in_clip(label=1), in_clip(strange="x"),
        in_frame(index=-1), in_frame(index=10**12), in_frame(index=1), in_frame(index="0"), in_frame(index=None),
        in_frame(pts=float("inf")), in_frame(pts="soon"), in_frame(status="maybe"), in_frame(score=2),
        in_frame(score=None), in_frame(n_faces=-1), in_frame(box=[0, 0, 1e999, 1]), in_frame(box=[0, 0, 1]),
        in_frame(box=["a", 0, 1, 1]), in_frame(landmarks=[["nan", 0]] * 5), in_frame(landmarks=[[0, 0]] * 4),
        in_frame(landmarks=[[1, 2, 3]] * 5), in_frame(shift=10**9), in_frame(phash="zz"), in_frame(dark="yes"),
        in_frame(name=5), in_frame(crop=[]), in_frame(crop={}), in_frame(extra=0),
        in_crop(region=[0, 0, 10**9, 10]), in_crop(region=[5, 5, 5, 9]), in_crop(region=[-1, 0, 4, 4]),
        in_crop(region=[0, 0, 4.5, 4]), in_crop(region="abcd"), in_crop(scale=0), in_crop(scale=1e9),
        in_crop(scale=float("nan")), in_crop(codec=None), in_crop(modalities=[]), in_crop(modalities=["rgb", "rgb"]),
        in_crop(modalities=["sound"]), in_crop(modalities="rgb"),
    ],
)  # fmt: skip
def test_a_record_with_wrong_types_or_numbers_beyond_measure_is_refused(store, change):
    with shards.reading(shards.shard_path(store.folder, 0)) as transaction:
        record = json.loads(bytes(transaction.get(b"clip/train__1")))
    change(record)
    put(store.folder, b"clip/train__1", json.dumps(record).encode())
    with pytest.raises(UserError) as error:
        store.record("train__1")
    assert "train__1" in one_line(error) and "damaged or foreign" in one_line(error)
    with pytest.raises(UserError, match="train__1"):
        StoreWriter(store.folder, INFO)


@pytest.mark.parametrize(
    "value", [b"", b"\xff\xfe", b"null", b"[" * 100_000, b'{"frames": ' + b"9" * 10_000 + b"}", b"1e999", bomb()]
)
def test_a_record_that_is_no_record_is_refused(store, value):
    put(store.folder, b"clip/train__1", value)
    with pytest.raises(UserError) as error:
        store.record("train__1")
    assert "damaged or foreign" in one_line(error)


# --- shards -------------------------------------------------------------------------------------------------------


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
            if not report.sound:
                repair(report)
            left = check_store(folder, rehash=True).problems.keys() - {"the last run that wrote to it has not ended"}
            assert not left, left
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
    from tests.store.test_codec import GIGANTIC

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
