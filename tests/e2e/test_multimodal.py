"""The full pipeline of the multi-modal pool: colour, depth and infrared from four releases to a trained baseline."""

import json

import numpy as np
import pytest

from fasdata.library import Library
from fasdata.manifests import Manifest
from fasdata.store.reader import Store
from fasdata.synth.world import write_world
from tests.commands import Called
from tests.e2e.replication import commands, toy
from tests.fasdata.page.markup import Markup

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
    built = Called("fasdata", "build-protocol", "SCP2W", "--data", library.root)
    assert built.code == 0 and built.out.startswith("mm:CPS2W")
    table = Manifest.read(library.protocol_dir("mm:CPS2W", "standard")).frame()
    usable = table[table["status"] == "ok"]
    assert (usable["key_rgb"] != "").all() and (usable["key_depth"] != "").all() and (usable["key_ir"] != "").all()
    assert set(table.loc[table["part"] == "test", "dataset"]) == {"wmca"}
    assert set(table.loc[table["part"] == "train", "split_official"]) == {"train"}


@pytest.mark.parametrize(
    ("modalities", "fusion"), [("[rgb]", "early"), ("[rgb, depth, ir]", "early"), ("[rgb, depth, ir]", "late")]
)
def test_the_baseline_runs(library, tmp_path, modalities, fusion):
    out = tmp_path / "run"
    command = ("run", "erm", "--protocol", "SCP2W", "--data", library.root, "--set", f"model.modalities={modalities}")
    done = Called("fastrain", *command, "--set", f"model.fusion={fusion}", *SHORT, "--out", out)
    assert done.code == 0, done.out
    results = json.loads((out / "results.json").read_text())
    clip_auc = [
        m["value"] for m in results["metrics"] if (m["part"], m["level"], m["metric"]) == ("test", "clip", "auc")
    ]
    assert clip_auc and clip_auc[0] is not None and 0 <= clip_auc[0] <= 1
    header = (out / "scores.csv").read_text().splitlines()[0].split(",")
    parts = {"score_rgb", "score_depth", "score_ir"}
    assert parts & set(header) == (parts if fusion == "late" else set())
    if modalities == "[rgb]":
        assert "sees rgb alone" in Called("fastrain", "eval", out, "--missing").line


def test_a_missing_modality_masks_the_test_rows_and_nothing_else(library):
    built = Called("fasdata", "build-protocol", "SCP2W@miss-D", "--data", library.root)
    assert built.code == 0, built.out
    table = Manifest.read(library.protocol_dir("mm:CPS2W@miss-D", "standard")).frame()
    complete = Manifest.read(library.protocol_dir("mm:CPS2W", "standard")).frame()
    assert len(table) == len(complete)
    tested = table["part"] == "test"
    assert not table.loc[tested, "modalities_available"].str.contains("depth").any()
    assert table.loc[~tested, "modalities_available"].str.contains("depth").all()


SMALL = ("--set", "data.image_size=56", "--set", "data.batch_items=8", "--set", "eval_views=full")


@pytest.fixture(scope="module")
def trained(library, tmp_path_factory):
    """A run of three streams on the complete protocol."""
    out = tmp_path_factory.mktemp("mmdgfas") / "run"
    done = Called(
        "fastrain", "run", "mmdgfas", "--protocol", "SCP2W", "--data", library.root, *SHORT, *SMALL, "--out", out
    )
    assert done.code == 0, done.out
    about = json.loads((out / "run.json").read_text())
    assert (about["status"], about["protocol"], about["view"]) == ("finished", "mm:CPS2W", "box")
    return out


def test_mmdgfas_runs_and_loses_a_modality(library, trained, tmp_path):
    """The same network on what is left without depth and infrared, which is no change of the data."""
    done = Called("fastrain", "eval", trained, "--protocol", "SCP2W@miss-DI", "--out", tmp_path, "--data", library.root)
    assert done.code == 0 and "DATA CHANGED" not in done.out
    assert json.loads((tmp_path / "run.json").read_text())["changed_data"] == []
    scores = [
        [row for row in (folder / "scores.csv").read_text().splitlines() if ",test," in row]
        for folder in (trained, tmp_path)
    ]
    assert len(scores[0]) == len(scores[1]) > 0
    assert scores[0] != scores[1]


def test_our_counterpart_of_the_published_commands_runs(library, tmp_path):
    """As the README gives them, at toy length."""
    published, [training, scoring] = commands("mmdgfas")
    assert [" ".join(words[2:]) for words in published] == [
        "--model=MMDGFAS --image_size=48 --train_test=SCP2W",
        "--mode=infer_test --model=MMDGFAS --image_size=48",
    ]
    changes = {
        "train.max_iterations": "2", "train.steps_per_epoch": "1", "data.batch_items": "4", "planes": "16",
        "data.workers": "0",
    }  # fmt: skip
    out = tmp_path / "run"
    words = toy(training, changes)
    words[words.index("--out") + 1] = str(out)
    done = Called("fastrain", *words, "--data", library.root, "--threads", 1)
    assert done.code == 0, done.error or done.out
    about = json.loads((out / "run.json").read_text())
    assert about["selection"]["policy"] == "target_oracle(acer_frame)" and about["recipe"].startswith("mmdgfas@")
    scoring[scoring.index("eval") + 1] = str(out)
    done = Called("fastrain", *scoring[1:])
    assert done.code == 0 and "fixed(0.5)" in done.out


def test_our_counterpart_of_the_commands_around_mmdg_runs(library, tmp_path):
    """At toy length: P1's training, its scores at its authors' threshold, and P2, the target without modalities."""
    published, [training, scoring, missing] = commands("mmdg")
    assert "--batch_size 16 --epoch 80" in " ".join(published[0])
    changes = {
        "train.max_iterations": "2", "train.steps_per_epoch": "1", "data.batch_items": "4", "data.workers": "0",
        "pretrained": "false", "trunk_kwargs": "{patch_size: 32, embed_dim: 16, depth: 2, num_heads: 2}",
    }  # fmt: skip
    out = tmp_path / "run"
    words = toy(training, changes)
    words[words.index("--out") + 1] = str(out)
    done = Called("fastrain", *words, "--data", library.root, "--threads", 1)
    assert done.code == 0, done.error or done.out
    about = json.loads((out / "run.json").read_text())
    assert about["selection"]["policy"] == "target_oracle(eer_frame)" and about["recipe"].startswith("mmdg@")
    scoring[scoring.index("eval") + 1] = missing[missing.index("eval") + 1] = str(out)
    done = Called("fastrain", *scoring[1:])
    assert done.code == 0 and "mmdg_eer_point" in done.out
    done = Called("fastrain", *missing[1:])
    assert done.code == 0 and "without depth and ir" in done.out, done.error


def thresholds_of(folder):
    return json.loads((folder / "results.json").read_text())["thresholds"]


def test_another_protocol_is_other_data_on_purpose(library, trained, tmp_path):
    """Another target is scored at the run's own thresholds; a variant with nobody held out is another manifest."""
    done = Called("fastrain", "eval", trained, "--data", library.root, "--out", tmp_path / "out", "--protocol", "CPW2S")
    assert done.code == 0 and "mm:CPW2S, recipe standard" in done.out, done.error
    honest = [
        [row["value"] for row in thresholds_of(folder) if row["policy"] == "source_eer"]
        for folder in (trained, tmp_path / "out")
    ]
    assert honest[0] == honest[1]
    built = Called("fasdata", "build-protocol", "SCP2W@miss-I", "--val", "none", "--data", library.root)
    assert built.code == 0 and "standard, val=none" in built.out, built.error
    assert not (library.protocol_dir("mm:CPS2W@miss-I", "standard") / "manifest.parquet").exists()


def test_what_each_missing_modality_costs(trained):
    """One command: three evaluations, and one table of their numbers on the terminal and in the report."""
    before = Markup((trained / "report.html").read_text("utf-8"))
    assert f"fastrain eval {trained.name} --missing" in before.sections["modalities"]
    done = Called("fastrain", "eval", trained, "--missing")
    assert done.code == 0, done.out
    page = Markup((trained / "report.html").read_text("utf-8"))
    rows = {row["Target"]: row for row in page.table("The target without modalities")}
    folders = {"complete": trained}
    for folder in (trained / "evaluations").iterdir():
        masked = json.loads((folder / "manifest.json").read_text())["masked"]
        folders[f"without {' and '.join(masked)}"] = folder
    assert list(rows) == ["complete", "without depth", "without ir", "without depth and ir"]
    assert set(rows) == set(folders)
    whole = numbers(trained)
    for name, row in rows.items():
        values = numbers(folders[name])
        printed = next(line for line in done.out.splitlines() if line.startswith(f"{name}  "))
        for title, value in values.items():
            spelled = f"{value:.3f}" if title == "AUC" else f"{100 * value:.2f} %"
            change = "–" if name == "complete" else f"{100 * (value - whole[title]):+.2f}"
            number, _, interval = row[title].partition("[")
            low, high = (float(end) for end in interval.partition("]")[0].split(", "))
            assert (number.strip(), row[f"{title}: change"]) == (spelled, change)
            assert low <= float(number.removesuffix(" %")) <= high
            assert (spelled if name == "complete" else f"{spelled} ({change})") in printed
    assert any(numbers(folders[name]) != whole for name in rows)
    assert "the source_eer threshold of the complete run" in page.sections["modalities"]
    refused = Called("fastrain", "eval", trained, "--missing", "--fta", "exclude").line
    assert "no option but --data" in refused


def numbers(folder):
    """Return the clip-level numbers of the target in a folder's results, by the report's titles."""
    metrics = json.loads((folder / "results.json").read_text())["metrics"]
    titles = {"auc": "AUC", "eer": "EER", "hter": "HTER", "apcer": "APCER, worst species", "bpcer": "BPCER"}
    values = {
        titles[row["metric"]]: row["value"]
        for row in metrics
        if (row["part"], row["level"]) == ("test", "clip")
        and row["metric"] in titles
        and row["threshold_policy"] in ("", "source_eer")
    }
    assert set(values) == set(titles.values())
    return values
