"""Values that somebody else has put into a store: refused with one line, and never run."""

from __future__ import annotations

import ast
import json
from pathlib import Path

import pytest

from fasdata.errors import UserError
from fasdata.store import shards, tables
from fasdata.store.info import FILE
from fasdata.store.reader import Store
from fasdata.store.writer import StoreWriter
from tests.fasdata.store.making import INFO
from tests.faults.tampering import one_line, put

TOP = Path(__file__).resolve().parents[2]
PACKAGES = [path for name in ("fasdata", "fastrain") for path in sorted((TOP / name).rglob("*.py"))]


# --- nothing is ever run ------------------------------------------------------------------------------------------

# Writing a pickle runs nothing.
HARMLESS = {"pickle": {"dumps"}}
FORBIDDEN_MODULES = {"pickle", "_pickle", "cPickle", "dill", "cloudpickle", "joblib", "shelve", "marshal"}
FORBIDDEN_CALLS = {"eval", "exec", "compile", "__import__"}
# The one place that runs code: the file that the user names on the command line, from the bytes that were hashed.
DOOR = "fasdata/door.py"
NAMED_BY_THE_USER = [
    f"{DOOR}: exec(compile(content, str(path.resolve()), 'exec'), module.__dict__)",
    f"{DOOR}: compile(content, str(path.resolve()), 'exec')",
]


def forbidden(node: ast.AST) -> bool:
    """Whether a piece of code unpickles or evaluates, or could be told to."""
    if isinstance(node, ast.Import):
        return bool(FORBIDDEN_MODULES & {name.name.split(".")[0] for name in node.names})
    if isinstance(node, ast.ImportFrom):
        module = node.module or ""
        names = {name.name for name in node.names}
        return module.split(".")[0] in FORBIDDEN_MODULES and not names <= HARMLESS.get(module, set())
    if not isinstance(node, ast.Call):
        return False
    if isinstance(node.func, ast.Name):
        return node.func.id in FORBIDDEN_CALLS
    name = getattr(node.func, "attr", "")
    arguments = {word.arg: word.value for word in node.keywords}
    constants = {key: value.value for key, value in arguments.items() if isinstance(value, ast.Constant)}
    if constants.get("allow_pickle") or (name.endswith("load") and "allow_pickle" in arguments):
        return constants.get("allow_pickle") is not False
    owner = getattr(getattr(node.func, "value", None), "id", "")
    if owner == "yaml":
        return name in ("load", "load_all", "full_load", "unsafe_load")
    return owner == "torch" and name == "load" and constants.get("weights_only") is not True


def test_no_file_unpickles_or_evaluates():
    """But for the door, which does it for nothing but the file that the user names."""
    offences = [
        f"{path.relative_to(TOP).as_posix()}: {ast.unparse(node)}"
        for path in PACKAGES
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if forbidden(node)
    ]
    assert len(PACKAGES) > 200 and offences == NAMED_BY_THE_USER


@pytest.mark.parametrize(
    "code",
    ["import pickle", "from pickle import dumps, loads", "from pickle import loads as dumps", "from joblib import load",
     "eval(text)", "yaml.load(file)", "torch.load(path)",
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
