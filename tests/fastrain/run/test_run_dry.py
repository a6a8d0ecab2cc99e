"""A dry run refuses what the run refuses before its first iteration, in the same line, and writes nothing."""

from __future__ import annotations

import fcntl
import json
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from fasdata.errors import UserError
from fasdata.library import Library
from fasdata.lock.lock import lock_of_library, lock_path
from fasdata.store.info import StoreInfo
from fasdata.store.writer import StoreWriter
from fastrain.run.run import run
from tests.fastrain.sessions import request, session
from tests.fastrain.world import CANONICAL, RECIPE, TARGET, rows_of, write_manifest

Rows = list[dict[str, Any]]


def others(rows: Rows, wanted: Callable[[dict[str, Any]], bool]) -> Rows:
    return [entry for entry in rows if not wanted(entry)]


# -- What stands in the way -------------------------------------------------------------------------------------------


def no_protocol(library: Library, out: Path) -> None:
    shutil.rmtree(library.protocol_dir(CANONICAL, RECIPE))
    shutil.rmtree(library.store_dir(TARGET))


def store_gone(library: Library, out: Path) -> None:
    shutil.rmtree(library.store_dir(TARGET))


def store_changed(library: Library, out: Path) -> None:
    store_gone(library, out)
    with StoreWriter(library.store_dir(TARGET), StoreInfo(TARGET, {"made": "otherwise"}, "0")):
        pass


def manifest_damaged(library: Library, out: Path) -> None:
    (library.protocol_dir(CANONICAL, RECIPE) / "manifest.parquet").write_bytes(b"PAR1")


def lock_broken(library: Library, out: Path) -> None:
    lock_of_library(library).write(lock_path(library))
    write_manifest(library, rows_of(library)[:-2])


def no_validation(library: Library, out: Path) -> None:
    write_manifest(library, others(rows_of(library), lambda entry: entry["part"] == "val"))


def domain_without_attacks(library: Library, out: Path) -> None:
    write_manifest(
        library,
        others(rows_of(library), lambda e: (e["part"], e["domain_id"], e["label"]) == ("train", 2, "attack")),
    )


def no_landmarks(library: Library, out: Path) -> None:
    write_manifest(library, [{**entry, "landmarks": None} for entry in rows_of(library)])


def a_file_in_the_way(library: Library, out: Path) -> None:
    out.parent.mkdir(exist_ok=True)
    out.write_text("not a folder")


def a_file_above(library: Library, out: Path) -> None:
    out.parent.parent.mkdir(exist_ok=True)
    out.parent.write_text("not a folder")


def a_stranger(library: Library, out: Path) -> None:
    out.mkdir(parents=True)
    (out / "holiday.jpg").touch()


def another_run(library: Library, out: Path) -> None:
    session(request("erm", library, out, "max_iterations=3", "seed=5")).train()


def damaged_checkpoint(library: Library, out: Path) -> None:
    session(request("erm", library, out, "max_iterations=3")).train()
    path = out / "checkpoints" / "last.safetensors"
    path.write_bytes(path.read_bytes()[:-10])


def damaged_log(library: Library, out: Path) -> None:
    session(request("erm", library, out, "max_iterations=3")).train()
    log = out / "metrics.jsonl"
    log.write_bytes(b"\xff\n" + log.read_bytes())


def other_data(library: Library, out: Path) -> None:
    session(request("erm", library, out, "max_iterations=3")).train()
    about = json.loads((out / "run.json").read_text())
    held = lock_of_library(library).as_json()
    held["stores"][TARGET]["content_hash"] = "0" * 64
    (out / "run.json").write_text(json.dumps({**about, "lock": held}))


@contextmanager
def somebody_trains(out: Path) -> Iterator[None]:
    out.mkdir(parents=True)
    with (out / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


@dataclass(frozen=True)
class Case:
    """What stands in the way of a run of `method`, and words of the line that says so."""

    words: str
    before: Callable[[Library, Path], None] = lambda library, out: None
    settings: tuple[str, ...] = ()
    options: dict[str, Any] = field(default_factory=dict)
    method: str = "erm"
    busy: bool = False
    out: str = "run"


CASES: dict[str, Case] = {
    "protocol unknown": Case("unknown protocol|cannot read|CIX", options={"protocol": "CIX-M"}),
    "recipe unknown": Case("unknown recipe", options={"recipe": "standart"}),
    "manifest missing": Case("no manifest at", options={"manifest": "nowhere.parquet", "protocol": None}),
    "manifest damaged": Case("manifest.parquet", manifest_damaged),
    "protocol not built, a store missing": Case(f"no store of {TARGET}", no_protocol),
    "store gone": Case(f"no store of {TARGET}", store_gone),
    "store changed": Case("changed since the manifest", store_changed),
    "not the data of the lock": Case("are not those of", lock_broken),
    "no held-out part": Case("needs validation clips", no_validation),
    "one label in a domain": Case("has no attack frames in part train", domain_without_attacks),
    "view unknown": Case("unknown view", settings=("view=mxnet",)),
    "view without landmarks": Case("needs landmarks", no_landmarks, settings=("view=mxnet-256",)),
    "image absurd": Case("data.image_size: ", settings=("image_size=99999999",)),
    "crop larger than the image": Case("random_crop.size 500", settings=("augment.random_crop.size=500",)),
    "modality absent": Case("no train frame has depth", settings=("modalities=[rgb,depth]",)),
    "pack absent": Case("no pack at", settings=("images=pack",)),
    "source unknown": Case("source in data.source_weights", settings=("source_weights={X: 2}",)),
    "preset of another protocol": Case("3 source domains|2 source", settings=("published_for=CI-M",)),
    "trunk unknown": Case("resnet10", settings=("trunk=resnet10x",)),
    "weights missing": Case("no weight file at", settings=("pretrained=/nowhere/weights.safetensors",)),
    "weights unreadable": Case("cannot read weights", settings=("pretrained=WEIGHTS",)),
    "accelerator absent": Case("cannot use accelerator", options={"accelerator": "tpu"}),
    "device absent": Case("cannot use accelerator 'cuda'|CUDA", options={"accelerator": "cuda", "devices": "64"}),
    "precision unknown": Case("precision '17'", options={"precision": "17"}),
    "devices unreadable": Case("cannot read --devices", options={"devices": "two"}),
    "switch for CUDA": Case("train.compile is for CUDA", settings=("compile=true",)),
    "out is a file": Case("is not a run folder", a_file_in_the_way),
    "out below a file": Case("cannot be made", a_file_above),
    "out cannot be named": Case("cannot be made; found File name too long", out="x" * 300),
    "out holds strangers": Case("is not a run folder; found holiday.jpg", a_stranger),
    "out holds another run": Case("another configuration", another_run),
    "out is in use": Case("another process is training", busy=True),
    "checkpoint damaged": Case("no readable checkpoint", damaged_checkpoint, settings=("max_iterations=3",)),
    "log damaged": Case("metrics.jsonl: line 1", damaged_log, settings=("max_iterations=3",)),
    "data changed since": Case("the data have changed since", other_data, settings=("max_iterations=3",)),
}


def everything(root: Path) -> dict[str, bytes | None]:
    """Return every file below a folder with its content, and every folder."""
    return {
        str(path.relative_to(root)): path.read_bytes() if path.is_file() else None for path in sorted(root.rglob("*"))
    }


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_a_dry_run_refuses_in_the_line_of_the_run(library: Library, tmp_path: Path, case: Case) -> None:
    own, out = Library(tmp_path / "library"), tmp_path / "runs" / case.out
    shutil.copytree(library.root, own.root)
    (tmp_path / "weights.safetensors").write_bytes(b"no weights at all")
    case.before(own, out)
    settings = [text.replace("WEIGHTS", str(tmp_path / "weights.safetensors")) for text in case.settings]
    wanted = request(case.method, own, out, *settings, **case.options)
    lines = []
    with somebody_trains(out) if case.busy else nullcontext():
        before = everything(tmp_path)
        for dry in (True, False):
            with pytest.raises(UserError, match=case.words) as error:
                run(replace(wanted, dry_run=dry))
            lines.append(str(error.value))
            if dry:
                assert everything(tmp_path) == before
    assert lines[0] == lines[1] and "\n" not in lines[0]


def test_weights_that_cannot_be_had_are_missed_after_all_else(
    library: Library, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fastrain.networks.hub._cached", lambda *names: None)
    monkeypatch.setattr("fastrain.networks.hub.hub_reachable", lambda: False)
    wanted = request("erm", library, tmp_path / "run", "pretrained=true", "trunk=resnet50.tv_in1k", dry_run=True)
    with pytest.raises(UserError, match=r"no pretrained weights for trunk .*model.safetensors of timm/resnet50"):
        run(wanted)
    with pytest.raises(UserError, match="cannot use accelerator"):
        run(replace(wanted, accelerator="tpu"))
    with pytest.raises(UserError, match="no train frame has ir"):
        run(replace(wanted, overrides=(*wanted.overrides, "modalities=[ir]")))
    assert not (tmp_path / "run").exists()


def test_the_plan_is_shown_before_weights_are_missed(
    library: Library, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    wanted = request("erm", library, tmp_path / "run", "pretrained=/nowhere/weights.safetensors", dry_run=True)
    with pytest.raises(UserError, match="no weight file at"):
        run(wanted)
    printed = capsys.readouterr().out
    assert "method    erm, rgb, view mxnet-256 at 32 pixels, seed" in printed
    assert "train 12 clips, 24 frames; held out 18 clips, 36 frames; target 10 clips, 20 frames" in printed
    assert "2 of each domain and label, 12 of all of them together" in printed
    assert "weights   pretrained, /nowhere/weights.safetensors" in printed
    assert f"folder    {tmp_path / 'run'} (new)" in printed


def test_a_dry_run_of_a_begun_run_says_where_it_goes_on(
    library: Library, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    wanted = request("erm", library, tmp_path / "run", "max_iterations=3")
    session(wanted).train()
    before = everything(tmp_path)
    assert run(replace(wanted, dry_run=True)) is None
    printed = capsys.readouterr().out
    assert "(begun: it goes on from its last checkpoint)" in printed
    assert "nothing stands in the way of this run, which goes on after iteration 3; nothing was written" in printed
    assert everything(tmp_path) == before
    run(wanted)
    run(replace(wanted, dry_run=True))
    assert "is finished already; nothing to do" in capsys.readouterr().out
