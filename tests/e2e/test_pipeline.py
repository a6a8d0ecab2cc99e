"""The full pipeline on a small world: raw datasets, stores, manifests, methods, reports."""

import json
import re
import shutil
from pathlib import Path

import pytest

from fasdata.library import Library
from fasdata.manifests import Manifest
from fasdata.store.reader import Store
from fasdata.synth.world import write_world
from tests.commands import Called
from tests.e2e.notebooks import TOP, cells_of, execute
from tests.e2e.replication import commands, toy

SETS = ("CASIA-FASD", "Replay-Attack", "OULU-NPU", "MSU-MFSD")
SHORT = ("--set", "train.max_iterations=6", "--set", "train.steps_per_epoch=3", "--threads", 1)


@pytest.fixture(scope="module")
def raw(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("raw")
    write_world(folder, preset="mini", datasets=[], seed=3, workers=1)
    return folder


@pytest.fixture(scope="module")
def library(raw, tmp_path_factory) -> Library:
    lib = tmp_path_factory.mktemp("library")
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


@pytest.mark.parametrize("method", ["hfn_mp", "gac_fas", "me_fas", "flip", "sa_fas", "ssdg"])
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


# -- The notebook of the first hour, in a folder where its world and its stores are made already ----------------------

NOTEBOOK = TOP / "docs" / "notebooks" / "first_hour.ipynb"


def test_the_notebook_of_the_first_hour_runs_to_a_roc_and_a_face_grid(raw, library, tmp_path, monkeypatch):
    (tmp_path / "raw").symlink_to(raw)
    (tmp_path / "data").symlink_to(library.root)
    monkeypatch.chdir(tmp_path)
    left = execute(NOTEBOOK, iterations=6, seed=3)
    shown = [axis for axis in left["grid"].axes if axis.images]
    assert len(shown) == 24 and {axis.get_title() for axis in shown} >= {"bonafide", "print", "replay"}
    assert all(axis.images[0].get_array().shape == (112, 112, 3) for axis in shown)
    (roc,) = left["curve"].axes
    assert roc.lines[0].get_xdata()[-1] == roc.lines[0].get_ydata()[-1] == 1
    assert "mcio:CIO2M" in (tmp_path / "runs" / "erm" / "report.html").read_text()
    results = json.loads((tmp_path / "runs" / "erm" / "results.json").read_text())
    (row,) = (r for r in results["metrics"] if (r["part"], r["level"], r["metric"]) == ("test", "clip", "auc"))
    assert (left["auc"], left["ends"].low, left["ends"].high) == (row["value"], row["low"], row["high"])
    assert left["answers"]["decision"].isin(["bonafide", "attack", "no answer"]).all() and len(left["answers"]) == 2


def test_the_notebook_is_kept_without_outputs_and_names_no_place_of_a_machine():
    text = NOTEBOOK.read_text(encoding="utf-8")
    code = [cell for cell in cells_of(NOTEBOOK) if cell["cell_type"] == "code"]
    assert all(cell["outputs"] == [] and cell["execution_count"] is None for cell in code)
    assert not re.search(r"/(?:home|Users|tmp|root|work)\b", text)


# -- Own data, in the library beside the others -----------------------------------------------------------------------


@pytest.fixture(scope="module")
def with_own(raw, library) -> Library:
    """The library with own data: recordings in a table, as a user would state them."""
    rows = ["path;label;subject;attack_type;device"]
    for path in sorted((raw / "MSU-MFSD").rglob("*.m*")):
        real, client = "real" in path.name, re.search(r"client(\d+)", path.name)
        kind = "" if real else "printed photo" if "printed" in path.name else "video"
        place, device = path.relative_to(raw / "MSU-MFSD").as_posix(), "laptop" if "laptop" in path.name else "phone"
        rows.append(f"{place};{'bonafide' if real else 'attack'};{client[1]};{kind};{device}")
    table = raw / "mylab.csv"
    table.write_text("\n".join(rows) + "\n")
    done = Called(
        "fasdata", "extract", "mylab", "--root", raw / "MSU-MFSD", "--card", table, "--out", library.root, "-j", 1
    )
    assert done.code == 0, done.error
    return library


def test_a_trained_network_is_scored_on_own_data_at_its_own_thresholds(with_own, tmp_path):
    run, data = tmp_path / "run", ("--data", with_own.root)
    done = Called("fastrain", "run", "erm", "--protocol", "CIO-M", "--preset", "demo", *data, *SHORT, "--out", run)
    assert done.code == 0, done.error
    done = Called("fastrain", "eval", run, "--on", "mylab")
    assert done.code == 0 and "erm on own:to_mylab, recipe standard" in done.out, done.error
    (folder,) = (run / "evaluations").iterdir()
    results, own = (json.loads((of / "results.json").read_text()) for of in (folder, run))
    honest = [[row["value"] for row in of["thresholds"] if row["policy"] == "source_eer"] for of in (results, own)]
    assert honest[0] == honest[1] and len(honest[0]) == 2
    about = json.loads((folder / "run.json").read_text())
    assert about["protocol"] == "own:to_mylab" and not about["changed_data"] and "changed_data" not in results
    assert "own:to_mylab" in (folder / "report.html").read_text()
    done = Called("fastrain", "compare", folder)
    assert done.code == 0 and "own:to_mylab" in done.out
    # What it was trained on, or under another name is, is no other data.
    assert (
        "leakage: the network was trained or selected on data of mcio:to_C"
        in Called("fastrain", "eval", run, "--on", "CASIA-FASD").line
    )
    assert "is no dataset, protocol or manifest" in Called("fastrain", "eval", run, "--on", "nolab").line


def test_own_data_train_by_people_by_species_and_across(with_own, tmp_path):
    data = ("--data", with_own.root)
    for name, says in (
        ("mylab:cv2.1", "fold 1 of 2 by people is tested"),
        ("mylab:LOO_replay", "replay only in the test"),
        ("CASIA-FASD and mylab to OULU-NPU", "own:casia-fasd+mylab_to_oulu-npu"),
    ):
        done = Called("fasdata", "build-protocol", name, *data)
        assert done.code == 0 and says in done.out, done.error
    out = tmp_path / "run"
    done = Called(
        "fastrain", "run", "erm", "--protocol", "mylab to CASIA-FASD", "--test-frames", "ssdg(1)", "--preset", "demo",
        *data, *SHORT, "--out", out,
    )  # fmt: skip
    assert done.code == 0 and "recipe standard, test-frames=ssdg(1)@decoded" in done.out, done.error
    assert "standard, test-frames=ssdg(1)@decoded" in (out / "report.html").read_text()
    about = json.loads((out / "run.json").read_text())
    assert re.fullmatch(r"standard@[0-9a-f]{8}", about["recipe"])
    assert "standard, test-frames=ssdg(1)@decoded" in Called("fastrain", "compare", out).out


SMALL = {
    "train.max_iterations": "4", "train.steps_per_epoch": "2", "train.validate_every_epochs": "1", "data.workers": "0",
    "pretrained": "false", "data.image_size": "32",
}  # fmt: skip
TRUNK = {"trunk": "resnet10t", "trunk_kwargs": "{channels: [8, 16, 16, 24], stem_width: 8}"}
TOWERS = (
    "{embed_dim: 16, vision_cfg: {layers: 2, width: 32, head_width: 16, patch_size: 8}, "
    "text_cfg: {layers: 2, width: 16, heads: 2}}"
)
PUBLISHED = {
    "hfn_mp": ("train.py --trainer HFN_MP --config models/HFN_MP/CIO-M.yaml", {**TRUNK, "pyramid_width": "8"}),
    "gac_fas": (
        "train.py --config ./configs/ICM2O.yaml",
        {**TRUNK, "data.batch_items": "8", "minimizer_warming": "1", "last_n": "2"},
    ),
    "sa_fas": (
        "train.py --protocol I_C_M_to_O",
        {**TRUNK, "data.batch_items": "8", "align_epoch": "1", "last_n": "2"},
    ),
    "ssdg": (
        "train_ssdg_full.py",
        {**TRUNK, "embedding": "16", "data.batch_per_group": "2"},
    ),
    "me_fas": (
        "main.py --config configs/me_fas.yaml",
        {"clip_kwargs": TOWERS, "prompts.depth": "2", "fusion_width": "8", "head_width": "16", "head_out": "8",
         "data.view": "box"},
    ),
}  # fmt: skip


@pytest.fixture(scope="module")
def every_fifth(raw, tmp_path_factory) -> Path:
    """A library with the frames of every recipe, without the time that finding faces takes."""
    folder = tmp_path_factory.mktemp("every_fifth")
    for name in SETS:
        frames = (
            "--detector",
            "none",
            "--frames",
            "recipes + every(5,1000)@decoded + ssdg(1)@with_face + ssdg(2)@with_face",
            "-j",
            1,
        )
        done = Called("fasdata", "extract", name, "--root", raw / name, "--out", folder, *frames)
        assert done.code == 0, done.error or done.out
    return folder


@pytest.mark.parametrize("method", PUBLISHED)
def test_our_counterpart_of_the_published_command_runs(every_fifth, tmp_path, method):
    """As its README gives it, at toy length: every subject trains, and selection and counting are the paper's."""
    published, [ours] = commands(method)
    command, small = PUBLISHED[method]
    assert " ".join(published[0]).startswith(f"python {command}")
    out = tmp_path / "run"
    done = Called("fastrain", *toy(ours, {**SMALL, **small}), "--data", every_fifth, "--threads", 1, "--out", out)
    assert done.code == 0, done.error or done.out
    about = json.loads((out / "run.json").read_text())
    assert (about["recipe"].partition("@")[0], about["preset"]) == (
        method,
        {"hfn_mp": "CIO-M", "gac_fas": "ICM2O", "me_fas": "C2I", "sa_fas": "ICM2O", "ssdg": "ICM2O"}[method],
    )
    meta = json.loads((out / "manifest.json").read_text())
    assert meta["validation"]["mode"] == "none" and "val" not in {count["part"] for count in meta["counts"]}
    selected = {
        "hfn_mp": "target_oracle(min_hter_frame)",
        "gac_fas": "mean_last_2",
        "me_fas": "target_oracle(eer_frame)",
        "sa_fas": "mean_last_2",
        "ssdg": "target_oracle(eer)",
    }
    assert about["selection"]["policy"] == selected[method]
    values = [
        row["value"] for row in json.loads((out / "results.json").read_text())["metrics"] if row["part"] == "test"
    ]
    assert values


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
