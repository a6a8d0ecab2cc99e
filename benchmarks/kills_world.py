"""The verbs that `benchmarks/kills.py` kills, the small world they work on, and what their results have to equal."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
from collections.abc import Callable, Mapping
from contextlib import redirect_stderr
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import Any

VIDEOS = ("CASIA-FASD", "Replay-Attack", "OULU-NPU", "MSU-MFSD")
SEVERAL = ("CASIA-SURF", "CASIA-SURF-CeFA", "PADISI-Face", "WMCA")  # several modalities, for the export that has them
PERSON = "train-01"  # of CASIA-FASD
STORE = "data/casia-fasd"

_RULES = "linspace(2)@decoded + ssdg(1)@decoded + ssdg(2)@decoded"
_SMALL = ("--detector", "none", "--max-side", "96")
_EXTRACT = ("fasdata", "extract", "CASIA-FASD", "--root", "raw/CASIA-FASD", "--out", "data", *_SMALL)
_CIO_M = ("--protocol", "CIO-M", "--data", "data")
_EXPORT = ("fasdata", "export", *_CIO_M, "--out", "export", "-j", "2", "--view", "box")
_TINY = (
    "trunk=resnet10t", "trunk_kwargs={channels: [8, 16, 16, 24], stem_width: 8}", "pretrained=false", "image_size=32",
    "batch_per_group=2", "steps_per_epoch=3", "validate_every_epochs=1", "max_iterations=12", "log_every=2",
    "workers=0", "lr=0.01", "view=box",
)  # fmt: skip
_RUN = (
    "fastrain", "run", "erm", *_CIO_M, "--out", "runs/a", "--threads", "1",
    *(word for key in _TINY for word in ("--set", key)),
)  # fmt: skip


@dataclass(frozen=True)
class Verb:
    """A command as a user types it, and what lies there before: `needs` of the world, without `without`, `damaged`."""

    line: tuple[str, ...]
    needs: tuple[str, ...] = ("data",)
    without: tuple[str, ...] = ()
    damaged: Callable[[Path], None] | None = None
    gone: str = ""  # a person of whom no byte may be left
    heavy: bool = False  # has half as many rounds as others
    done: str = ""  # words of a refusal that means: the killed command had just ended

    def prepare(self, world: Path, folder: Path) -> None:
        """Lay out a folder for the command."""
        folder.mkdir(parents=True)
        for raw in ("raw", "raw-several"):
            (folder / raw).symlink_to((world / raw).absolute())
        for name in self.needs:
            shutil.copytree(world / name, folder / name, dirs_exist_ok=True)
        for name in self.without:
            place = folder / name
            shutil.rmtree(place) if place.is_dir() else place.unlink()
        if self.damaged:
            self.damaged(folder)


def _damage(folder: Path) -> None:
    """Delete a derived table, and change a byte in the middle of a crop."""
    (folder / STORE / "index.parquet").unlink()
    shard = folder / STORE / "shards" / "00000.lmdb"
    piece = pieces_of(folder / STORE, PERSON)[0]
    data = shard.read_bytes()
    place = data.index(piece)
    shard.write_bytes(data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :])


VERBS: dict[str, Verb] = {
    "extract": Verb((*_EXTRACT, "-j", "1", "--frames", _RULES), ()),
    "extract-2-workers": Verb((*_EXTRACT, "-j", "2", "--frames", _RULES), ()),
    "extract-wider": Verb((*_EXTRACT, "-j", "1", "--frames", "every(2)@decoded"), (STORE,)),
    "build-protocol": Verb(
        ("fasdata", "build-protocol", "CIO-M", "--data", "data"),
        without=("data/protocols", "data/packs", "data/fas.lock"),
    ),
    "pack": Verb(("fasdata", "pack", *_CIO_M, "--view", "box", "--size", "64", "-j", "2"), without=("data/packs",)),
    "lock": Verb(("fasdata", "lock", "--data", "data"), without=("data/fas.lock",)),
    "forget": Verb(
        ("fasdata", "forget", "CASIA-FASD", PERSON, "--data", "data", "--yes"), gone=PERSON, done="no data of a person"
    ),
    "export-metapattern": Verb((*_EXPORT, "--as", "metapattern")),
    "export-safas": Verb((*_EXPORT, "--as", "safas")),
    "export-flip": Verb((*_EXPORT, "--as", "flip")),
    "export-webdataset": Verb((*_EXPORT, "--as", "webdataset")),
    "export-mmdg": Verb(
        ("fasdata", "export", "--as", "mmdg", "--protocol", "SCP2W", "--data", "several", "--out", "export", "-j", "2"),
        ("several",),
    ),
    "store-check-repair": Verb(
        ("fasdata", "store", "check", "CASIA-FASD", "--data", "data", "--rehash", "--repair"), (STORE,), damaged=_damage
    ),
    "report-of-data": Verb(("fasdata", "report", "--data", "data", "--faces", "--sample", "20"), heavy=True),
    "run": Verb(_RUN, heavy=True),
    "eval": Verb(("fastrain", "eval", "runs/a"), ("data", "runs")),
    "eval-on-data": Verb(
        ("fastrain", "eval", "runs/a", "--data", "data", "--out", "runs/b"), ("data", "runs"), heavy=True
    ),
    "eval-corrupt": Verb(("fastrain", "eval", "runs/a", "--corrupt", "jpeg"), ("data", "runs"), heavy=True),
    "report": Verb(("fastrain", "report", "runs/a", "--out", "report.html"), ("data", "runs"), heavy=True),
}


def commands(*, several: bool) -> list[tuple[str, ...]]:
    """Return the commands that make the world, in order; `several`: the datasets of several modalities too."""
    lines = [("fasdata", "synth", "raw", "--preset", "mini")]
    for dataset in VIDEOS:
        lines.append(
            ("fasdata", "extract", dataset, "--root", f"raw/{dataset}", "--out", "data", *_SMALL, "--frames", _RULES)
        )
    for name in ("build-protocol", "pack", "lock", "run"):
        lines.append(VERBS[name].line)
    if several:
        lines.append(("fasdata", "synth", "raw-several", "--preset", "mini", "--datasets", "mm"))
        for dataset in SEVERAL:
            lines.append(
                ("fasdata", "extract", dataset, "--root", f"raw-several/{dataset}", "--out", "several", *_SMALL)
            )
        lines.append(("fasdata", "build-protocol", "SCP2W", "--data", "several"))
    return lines


# -- What results have to equal ---------------------------------------------------------------------------------------

_SECONDS = ("started", "finished", "train_seconds", "seconds")
_MOMENTS = re.compile(rb"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d)?(\+\d\d:\d\d)?|\d+(\.\d+)? s\b|\d+ min\b")
PIECE = 48


def facts(folder: Path) -> dict[str, str]:
    """Return what has to equal the undisturbed result: for each file below `folder` a hash of what it holds.

    A store counts by its content, checked with every hash computed anew; a JSON file without its times; a checkpoint by
    its tensors and facts; every other file by its bytes. TensorBoard's events, named by the clock, count as a whole.
    """
    values: dict[str, str] = {}
    stores = {path.parent for path in folder.rglob("store.json")}
    for path in sorted(folder.rglob("*")):
        name = str(path.relative_to(folder))
        if path.is_dir() or name.split("/")[0] in ("raw", "raw-several") or _is_lock(path):
            continue
        if "tensorboard" in path.parts:
            values[str(Path(name).parent)] = "events"
        elif path.suffix in (".lmdb", ".parquet") and stores & set(path.parents):
            values[name] = "by its store"
        else:
            values[name] = _hash(path)
    for store in stores:
        values[str(store.relative_to(folder))] = _of_store(store)
    return values


def _is_lock(path: Path) -> bool:
    """Tell whether a file is there to be locked; that none blocks is seen when a command goes on."""
    return path.name in (".lock", "writer.lock") or path.name.endswith("-lock") or path.parent.name == ".locks"


def differences(expected: Mapping[str, str], now: Mapping[str, str]) -> list[str]:
    """Return, a line each, what is missing, left over, or other than expected."""
    lines = [f"missing: {name}" for name in sorted(expected.keys() - now.keys())]
    lines += [f"left over: {name}" for name in sorted(now.keys() - expected.keys())]
    shared = sorted(expected.keys() & now.keys())
    return lines + [
        f"other than undisturbed: {name} ({now[name][:60]})" for name in shared if expected[name] != now[name]
    ]


def _of_store(folder: Path) -> str:
    from fasdata.store import shards
    from fasdata.store.check import check_store
    from fasdata.store.reader import Store

    with redirect_stderr(StringIO()):  # its bar
        report = check_store(folder, rehash=True)
    content = Store.open(folder).content_hash() if report.intact else ", ".join(report.problems)
    shards.close_readers(folder)
    return content


def _hash(path: Path) -> str:
    if path.is_symlink():
        return f"-> {path.readlink()}"
    if path.name == "manifest.parquet":
        from fasdata.manifests import Manifest

        return _of_json(Manifest.read(path.parent).meta)
    if path.suffix == ".safetensors":
        from fastrain.networks.checkpoint import Checkpoint

        checkpoint = Checkpoint.read(path)
        tensors = {name: hashlib.sha256(t.numpy().tobytes()).hexdigest() for name, t in checkpoint.tensors.items()}
        return _of_json({"tensors": tensors, "facts": checkpoint.facts})
    if path.suffix == ".json":
        return _of_json(json.loads(path.read_bytes()))
    data = path.read_bytes()
    if path.suffix == ".html":
        data = _MOMENTS.sub(b"", data)
    return hashlib.sha256(data).hexdigest()


def _of_json(value: Any) -> str:
    return hashlib.sha256(json.dumps(_timeless(value), sort_keys=True).encode()).hexdigest()


def _timeless(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _timeless(inner) for key, inner in value.items() if key not in _SECONDS}
    return [_timeless(inner) for inner in value] if isinstance(value, list) else value


# -- A person's bytes -------------------------------------------------------------------------------------------------


def pieces_of(store: Path, person: str) -> list[bytes]:
    """Return a piece from the middle of each crop of a person, as it lies in the shards."""
    from fasdata.store import keys, shards
    from fasdata.store.reader import Store

    opened = Store.open(store)
    clips = [record.clip.clip_id for record in opened.records() if record.clip.subject == person]
    shards.close_readers(store)
    pieces = []
    for path in shards.shard_paths(store):
        with shards.reading(path) as transaction:
            for clip in clips:
                for _, value in shards.entries(transaction, keys.crop_prefix(clip)):
                    pieces.append(bytes(value)[len(value) // 2 :][:PIECE])
    shards.close_readers(store)
    return pieces


def held(folder: Path, pieces: list[bytes]) -> list[str]:
    """Return the files below `folder` that hold one of the pieces."""
    holders = []
    for path in sorted(folder.rglob("*")):
        data = path.read_bytes() if path.is_file() else b""
        if any(piece in data for piece in pieces):
            holders.append(str(path.relative_to(folder)))
    return holders
