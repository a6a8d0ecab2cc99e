"""The road of the multi-modal pool: colour, depth and infrared from four releases to a trained baseline."""

import json

import numpy as np
import pytest

from fasdata.library import Library
from fasdata.manifest import Manifest
from fasdata.store.reader import Store
from fasdata.synth.world import write_world
from tests.commands import Called

SETS = {
    "casia-surf": "CASIA-SURF",
    "casia-surf-cefa": "CASIA-SURF-CeFA",
    "padisi-face": "PADISI-Face",
    "wmca": "WMCA",
}
SHORT = ("--preset", "demo", "--set", "train.max_iterations=4", "--set", "train.steps_per_epoch=2", "--threads", 1)


@pytest.fixture(scope="module")
def library(tmp_path_factory) -> Library:
    raw, lib = tmp_path_factory.mktemp("raw"), tmp_path_factory.mktemp("library")
    write_world(raw, preset="mini", datasets=list(SETS), seed=3, workers=1)
    for name in SETS.values():
        done = Called("fasdata", "extract", name, "--root", raw / name, "--out", lib, "-j", 1)
        assert done.code == 0, done.out
    return Library(lib)


def test_every_store_holds_three_modalities_of_both_labels_in_every_split(library):
    for slug in SETS:
        store = Store.open(library.store_dir(slug))
        records = list(store.records())
        assert {record.status for record in records} == {"ok"}
        assert {(record.clip.split, record.clip.label) for record in records} >= {
            (split, label) for split in ("train", "test") for label in ("bonafide", "attack")
        }
        for record in records[:3]:
            frame = next(frame for frame in record.frames if frame.crop)
            assert set(frame.crop.modalities) == {"rgb", "depth", "ir"}
            depth = store.crop(record.clip.clip_id, frame.index, "depth")
            assert depth.ndim == 2 and depth.dtype in (np.uint8, np.uint16) and len(np.unique(depth)) > 3


def test_nothing_in_a_store_tells_an_identity_card_number(library):
    """One synthetic CeFA folder carries a number after its subject, as the real ones do."""
    folder = library.store_dir("casia-surf-cefa")
    for record in Store.open(folder).records():
        assert not any(
            part.isdigit() and len(part) > 6 for part in record.clip.relpaths["rgb"].replace("-", "/").split("/")
        )
        assert len(record.clip.subject) <= len("Silicone-Mask-001")


def test_the_manifest_lists_the_keys_of_each_modality(library):
    told = Called("fasdata", "build-protocol", "SCP2W", "--data", library.root)
    assert told.code == 0 and told.out.startswith("mm:CPS2W")
    table = Manifest.read(library.protocol_dir("mm:CPS2W", "standard")).frame()
    usable = table[table["status"] == "ok"]
    assert (usable["key_rgb"] != "").all() and (usable["key_depth"] != "").all() and (usable["key_ir"] != "").all()
    assert set(table.loc[table["part"] == "test", "dataset"]) == {"wmca"}
    assert set(table.loc[table["part"] == "train", "split_official"]) == {"train"}


@pytest.mark.parametrize("modalities", ["[rgb]", "[rgb, depth, ir]"])
def test_the_baseline_runs(library, tmp_path, modalities):
    out = tmp_path / "run"
    command = ("run", "erm", "--protocol", "SCP2W", "--data", library.root, "--set", f"model.modalities={modalities}")
    done = Called("fastrain", *command, *SHORT, "--out", out)
    assert done.code == 0, done.out
    results = json.loads((out / "results.json").read_text())
    clip_auc = [
        m["value"] for m in results["metrics"] if (m["part"], m["level"], m["metric"]) == ("test", "clip", "auc")
    ]
    assert clip_auc and clip_auc[0] is not None and 0 <= clip_auc[0] <= 1


def test_a_missing_modality_masks_the_test_rows_and_nothing_else(library):
    built = Called("fasdata", "build-protocol", "SCP2W@miss-D", "--data", library.root)
    assert built.code == 0, built.out
    table = Manifest.read(library.protocol_dir("mm:CPS2W@miss-D", "standard")).frame()
    complete = Manifest.read(library.protocol_dir("mm:CPS2W", "standard")).frame()
    assert len(table) == len(complete)
    tested = table["part"] == "test"
    assert not table.loc[tested, "modalities_available"].str.contains("depth").any()
    assert table.loc[~tested, "modalities_available"].str.contains("depth").all()


SMALL = ("--set", "data.image_size=56", "--set", "data.batch_items=8")


def test_mmdgfas_runs_and_loses_a_modality(library, tmp_path):
    """Three streams on the complete protocol; then the same network on what is left without depth and infrared."""
    out = tmp_path / "run"
    done = Called(
        "fastrain", "run", "mmdgfas", "--protocol", "SCP2W", "--data", library.root, *SHORT, *SMALL, "--out", out
    )
    assert done.code == 0, done.out
    about = json.loads((out / "run.json").read_text())
    assert (about["status"], about["protocol"], about["view"]) == ("finished", "mm:CPS2W", "box")
    left = ("--protocol", "SCP2W@miss-DI", "--allow-changed-data", "--out", tmp_path / "left")
    told = Called("fastrain", "eval", out, *left, "--data", library.root)
    assert told.code == 0, told.out
    scores = [
        [row for row in (folder / "scores.csv").read_text().splitlines() if ",test," in row]
        for folder in (out, tmp_path / "left")
    ]
    assert len(scores[0]) == len(scores[1]) > 0
    assert scores[0] != scores[1]
