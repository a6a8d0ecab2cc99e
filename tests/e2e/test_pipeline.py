"""The full pipeline on a small world: raw datasets, stores, manifests, four methods, reports."""

import json
import re
import shutil
from pathlib import Path

import pytest

from fasdata.library import Library
from fasdata.manifest import Manifest
from fasdata.store.reader import Store
from fasdata.synth.world import write_world
from tests.commands import Called

SETS = ("CASIA-FASD", "Replay-Attack", "OULU-NPU", "MSU-MFSD")
SHORT = ("--set", "train.max_iterations=6", "--set", "train.steps_per_epoch=3", "--threads", 1)


@pytest.fixture(scope="module")
def library(tmp_path_factory) -> Library:
    raw, lib = tmp_path_factory.mktemp("raw"), tmp_path_factory.mktemp("library")
    write_world(raw, preset="mini", datasets=[], seed=3, workers=1)
    for name in SETS:
        done = Called("fasdata", "extract", name, "--root", raw / name, "--out", lib, "-j", 1)
        assert done.code == 0, done.out
    return Library(lib)


def test_nearly_every_frame_has_a_face(library):
    statuses = [
        frame.status
        for name in library.stores()
        for r in Store.open(library.store_dir(name)).records()
        for frame in r.frames
    ]
    assert len(statuses) > 150
    assert sum(status in ("ok", "rotated") for status in statuses) / len(statuses) >= 0.95


def test_all_four_stores_hold_both_labels_and_no_failures(library):
    assert library.stores() == ["casia-fasd", "msu-mfsd", "oulu-npu", "replay-attack"]
    for name in library.stores():
        records = list(Store.open(library.store_dir(name)).records())
        assert {record.clip.label for record in records} == {"bonafide", "attack"}
        assert all(record.status == "ok" for record in records)
        assert all(record.clip.subject and record.clip.split for record in records)


@pytest.mark.parametrize("recipe", ["standard", "hfn_mp"])
def test_a_protocol_is_built_from_the_stores(library, recipe):
    printed = Called("fasdata", "build-protocol", "CIO-M", "--recipe", recipe, "--data", library.root).out
    assert printed.startswith("mcio:CIO2M")
    manifest = Manifest.read(library.protocol_dir("mcio:CIO2M", recipe))
    table = manifest.frame()
    assert set(table["part"]) == {"train", "val", "test"}
    assert set(table.loc[table["part"] == "test", "dataset"]) == {"msu-mfsd"}
    for part in ("train", "val"):
        assert set(table.loc[table["part"] == part, "dataset"]) == {"casia-fasd", "replay-attack", "oulu-npu"}
    by_person = table.assign(person=table["dataset"] + "/" + table["subject"]).groupby("person")["part"].nunique()
    assert by_person.max() == 1
    if recipe == "hfn_mp":
        assert set(table["frame_rule"]) == {"linspace(2)@with_face"}


@pytest.mark.parametrize("method", ["erm", "hfn_mp", "gac_fas", "me_fas"])
def test_a_method_runs_from_the_manifest_to_a_report(library, tmp_path, method):
    out = tmp_path / method
    at_once = ("--set", "minimizer_warming=0") if method == "gac_fas" else ()  # else a short run has plain steps only
    command = ("run", method, "--protocol", "CIO-M", "--preset", "demo", "--data", library.root, *SHORT, *at_once)
    done = Called("fastrain", *command, "--out", out)
    assert done.code == 0 and "report" in done.out
    page = (out / "report.html").read_text()
    assert "mcio:CIO2M" in page and method in page
    assert not re.search(r"""(?:src|href)\s*=\s*["']?https?://""", page)
    results = json.loads((out / "results.json").read_text())
    seen = {(row["part"], row["level"], row["metric"]) for row in results["metrics"]}
    assert {("test", level, metric) for level in ("frame", "clip") for metric in ("auc", "eer", "hter")} <= seen
    assert {(row["policy"], row["level"]) for row in results["thresholds"]} >= {
        ("source_eer", "clip"),
        ("source_eer", "frame"),
    }
    assert (out / "checkpoints" / "last.safetensors").is_file()


def test_a_missing_store_is_named(tmp_path):
    command = ("run", "erm", "--protocol", "CIO-M", "--preset", "demo", "--data", tmp_path, "--out", tmp_path / "run")
    line = Called("fastrain", *command).line
    assert "casia-fasd" in line.lower() and "extract" in line
    assert not (tmp_path / "run").exists()


def test_a_store_that_changed_since_the_manifest_was_built_is_noticed(library, tmp_path):
    copy = tmp_path / "library"
    shutil.copytree(library.root, copy)
    if not (copy / "protocols" / "mcio-CIO2M" / "standard").is_dir():
        Called("fasdata", "build-protocol", "CIO-M", "--data", copy)
    shutil.rmtree(copy / "msu-mfsd")
    manifest = copy / "protocols" / "mcio-CIO2M" / "standard" / "manifest.parquet"
    command = ("run", "erm", "--protocol", "CIO-M", "--preset", "demo", "--data", copy, "--manifest", manifest, *SHORT)
    line = Called("fastrain", *command, "--out", tmp_path / "run").line
    assert "msu-mfsd" in line and Path(copy).name in line
