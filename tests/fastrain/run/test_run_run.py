"""`fastrain run` as a whole: what lies in the folder afterwards, and what is refused."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
import yaml

from fasdata.errors import UserError
from fasdata.library import Library
from fasdata.manifests import Manifest
from fastrain.evaluation.scores import ScoreTable
from fastrain.run.request import RunRequest
from fastrain.run.run import evaluate_run, run
from fastrain.run.settings import resolve
from fastrain.rundir import RunDir
from tests.fastrain.sessions import last, request
from tests.fastrain.world import CANONICAL, RECIPE, TARGET, row, rows_of, write_library, write_manifest


@pytest.fixture(scope="module")
def finished(library: Library, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run of hfn_mp; not to be changed."""
    folder = tmp_path_factory.mktemp("runs") / "finished"
    run(request("hfn_mp", library, folder))
    return folder


def test_a_run_folder_is_complete_and_consistent(finished: Path, library: Library) -> None:
    names = {path.name for path in finished.iterdir()}
    assert names == {
        ".lock", "run.json", "config.yaml", "manifest.json", "metrics.jsonl", "tensorboard", "checkpoints",
        "scores.csv", "results.json", "probe.json", "report.html",
    }  # fmt: skip
    about = json.loads((finished / "run.json").read_text())
    manifest = Manifest.read(library.protocol_dir(CANONICAL, RECIPE))
    assert about["status"] == "finished" and about["finished"] >= about["started"]
    assert (about["protocol"], about["recipe"], about["method"]) == (CANONICAL, RECIPE, "hfn_mp")
    assert about["manifest_fingerprint"] == manifest.meta["fingerprint"]
    assert json.loads((finished / "manifest.json").read_text()) == manifest.meta
    assert about["selection"]["iteration"] == last(finished, "best").facts["iteration"]
    assert about["selection"]["policy"] == "source_val" and about["selection"]["checkpoint"] == "best"
    assert (about["view"], about["image_size"], about["color_order"]) == ("mxnet-256", 32, "rgb")
    config = resolve(yaml.safe_load((finished / "config.yaml").read_text()))
    assert config.train.max_iterations == 12 and about["seed"] == config.train.seed
    assert about["n_parameters"] > 10_000


def test_tensorboard_has_the_curves_and_the_result(finished: Path) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(finished / "tensorboard")).Reload()
    assert [event.step for event in events.Scalars("val/auc")] == [3, 6, 9, 12]
    rows = json.loads((finished / "results.json").read_text())["metrics"]
    of_target = [r["value"] for r in rows if (r["part"], r["level"], r["metric"]) == ("test", "clip", "auc")]
    assert [event.value for event in events.Scalars("test/auc")] == pytest.approx(of_target)


def test_scores_hold_every_validation_and_target_frame_and_nothing_else(finished: Path, library: Library) -> None:
    table = ScoreTable.read_csv(finished / "scores.csv").frame
    rows = [r for r in rows_of(library) if r["part"] != "train"]
    assert set(table["sample_id"]) == {r["sample_id"] for r in rows}
    assert set(table.columns) >= {"score", "score_map", "score_cls"}
    fused = (table["score_map"] + table["score_cls"]) / 2
    assert (table["score"] - fused).abs().max() < 1e-6
    by_id = {r["sample_id"]: r for r in rows}
    for column in ("part", "label", "subject", "domain", "attack_type", "clip_id"):
        assert all(by_id[name][column] == value for name, value in zip(table["sample_id"], table[column], strict=True))


def test_results_can_be_computed_again_from_the_scores(finished: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(finished, copy)
    before = (copy / "results.json").read_text()
    (copy / "results.json").unlink()
    evaluate_run(copy)
    assert (copy / "results.json").read_text() == before


def test_a_finished_run_is_shown_and_not_repeated(
    finished: Path, library: Library, capsys: pytest.CaptureFixture[str]
) -> None:
    times = {path: path.stat().st_mtime_ns for path in finished.rglob("*")}
    run(request("hfn_mp", library, finished))
    printed = capsys.readouterr().out
    assert "is finished already" in printed
    assert f"hfn_mp on {CANONICAL}, recipe {RECIPE}, seed" in printed
    assert "selected by source_val by clip auc" in printed and "source_eer 0." in printed
    assert "HTER at source_eer" in printed and "held-out source  clip" in printed and "target" in printed
    assert f"report: {finished / 'report.html'}" in printed
    assert times == {path: path.stat().st_mtime_ns for path in finished.rglob("*")}


def test_another_configuration_is_refused_naming_the_keys(finished: Path, library: Library) -> None:
    with pytest.raises(UserError) as error:
        run(request("hfn_mp", library, finished, "max_iterations=13", "model.order=hfn_first"))
    assert "model.order: extractor_first -> hfn_first; train.max_iterations: 12 -> 13" in str(error.value)
    with pytest.raises(UserError, match="precision: 32-true -> bf16-mixed"):
        run(request("hfn_mp", library, finished, precision="bf16-mixed"))
    with pytest.raises(UserError, match=r"method: hfn_mp -> erm"):
        run(request("erm", library, finished))
    with pytest.raises(UserError, match=r"train\.seed: 0 -> 5"):
        run(RunRequest(resume=str(finished), overrides=("seed=5",)))
    run(request("hfn_mp", library, finished, "workers=1"))  # has no effect on results


def test_another_manifest_is_refused(library: Library, finished: Path, tmp_path: Path) -> None:
    fewer = [r for r in rows_of(library) if r["frame_index"] != 9 or r["part"] != "test"]
    other = Library(tmp_path / "library")
    for name in library.stores():
        (other.root / name).parent.mkdir(exist_ok=True)
        (other.root / name).symlink_to(library.store_dir(name))
    write_manifest(other, fewer)
    with pytest.raises(UserError, match="manifest_fingerprint: "):
        run(request("hfn_mp", other, finished))


def test_only_one_process_trains_in_a_folder(library: Library, tmp_path: Path) -> None:
    folder = RunDir(tmp_path / "run")
    with folder.locked(), pytest.raises(UserError, match="another process is training"):
        run(request("erm", library, folder.path))
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "holiday.jpg").touch()
    with pytest.raises(UserError, match=r"is not a run folder; found holiday.jpg"):
        run(request("erm", library, tmp_path / "full"))


def test_a_folder_where_a_run_was_killed_at_its_first_file_is_new(tmp_path: Path) -> None:
    folder = RunDir(tmp_path / "run")
    folder.checkpoints.mkdir(parents=True)
    left = [folder.file(".config.yaml.99.tmp"), folder.checkpoints / ".best.json.99.tmp"]
    for path in left:
        path.touch()
    assert folder.state() == "new"
    with folder.locked():
        assert not any(path.exists() for path in left)


def test_a_changed_store_is_noticed(tmp_path: Path) -> None:
    library = write_library(tmp_path / "library")
    rows = rows_of(library)
    shutil.rmtree(library.store_dir(TARGET))
    with pytest.raises(UserError, match=f"no store of {TARGET}"):
        run(request("erm", library, tmp_path / "run"))
    from fasdata.store.info import StoreInfo
    from fasdata.store.writer import StoreWriter

    with StoreWriter(library.store_dir(TARGET), StoreInfo(TARGET, {"made": "otherwise"}, "0")):
        pass
    with pytest.raises(UserError, match="changed since the manifest"):
        run(request("erm", library, tmp_path / "run"))
    assert not (tmp_path / "run").exists() and rows


def test_clips_that_were_not_acquired_are_scored_empty(library: Library, tmp_path: Path) -> None:
    rows = [*rows_of(library), row(TARGET, -1, "test", "s9__bonafide", "s9", "bonafide", -1)]
    other = Library(tmp_path / "library")
    other.root.mkdir()
    for name in library.stores():
        (other.root / name).symlink_to(library.store_dir(name))
    write_manifest(other, rows)
    run(request("erm", other, tmp_path / "run", "max_iterations=3", "shuffle_labels=true", "select=last"))
    scores = pd.read_csv(tmp_path / "run" / "scores.csv", dtype=str, keep_default_na=False)
    lost = scores[scores["status"] == "fta"]
    assert lost[["sample_id", "score"]].values.tolist() == [[f"{TARGET}/s9__bonafide/-1", ""]]
    about = json.loads((tmp_path / "run" / "run.json").read_text())
    assert about["shuffle_labels"] is True
    assert (about["selection"]["policy"], about["selection"]["iteration"]) == ("last", 3)
    assert not (tmp_path / "run" / "checkpoints" / "best.safetensors").exists()
    # The control changes what is trained on, never what is measured against.
    assert scores["label"].eq("bonafide").tolist() == ["bonafide" in name for name in scores["clip_id"]]


def test_without_validation_only_the_last_checkpoint_can_be_taken(library: Library, tmp_path: Path) -> None:
    other = Library(tmp_path / "library")
    other.root.mkdir()
    for name in library.stores():
        (other.root / name).symlink_to(library.store_dir(name))
    write_manifest(other, [r for r in rows_of(library) if r["part"] != "val"])
    with pytest.raises(UserError, match=r"needs validation clips.*select=last"):
        run(request("erm", other, tmp_path / "run"))
    run(request("erm", other, tmp_path / "run", "select=last", "max_iterations=2"))
    results = json.loads((tmp_path / "run" / "results.json").read_text())
    assert {r["part"] for r in results["counts"]} == {"test"}


def test_a_built_manifest_is_never_replaced(library: Library, tmp_path: Path) -> None:
    file = library.protocol_dir(CANONICAL, RECIPE) / "manifest.parquet"
    before = file.read_bytes()
    with pytest.raises(UserError, match=r"select=last"):
        run(request("erm", library, tmp_path / "run", val="none"))
    with pytest.raises(UserError, match=r"was built with --val auto; expected --val none"):
        given = {"protocol": None, "manifest": str(file), "val": "none"}
        run(request("erm", library, tmp_path / "run", "select=last", **given))
    assert file.read_bytes() == before


def test_what_stops_a_run_is_written_down(library: Library, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from fastrain.methods.erm.method import ERM

    def fail(self: ERM, batch: object, ctx: object) -> None:
        raise UserError("the loss became nan")

    monkeypatch.setattr(ERM, "training_step", fail)
    with pytest.raises(UserError):
        run(request("erm", library, tmp_path / "run", "max_iterations=2"))
    about = json.loads((tmp_path / "run" / "run.json").read_text())
    assert (about["status"], about["reason"]) == ("stopped", "the loss became nan")

    def interrupt(self: ERM, batch: object, ctx: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(ERM, "training_step", interrupt)
    with pytest.raises(KeyboardInterrupt):
        run(request("erm", library, tmp_path / "run", "max_iterations=2"))
    assert json.loads((tmp_path / "run" / "run.json").read_text())["status"] == "stopped"
    monkeypatch.undo()
    run(request("erm", library, tmp_path / "run", "max_iterations=2"))
    about = json.loads((tmp_path / "run" / "run.json").read_text())
    assert about["status"] == "finished" and "reason" not in about


def test_a_dry_run_writes_nothing(library: Library, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(request("hfn_mp", library, tmp_path / "run", dry_run=True)) is None
    printed = capsys.readouterr().out
    assert "view mxnet-256 at 32 pixels" in printed and "(built before)" in printed and "12 iterations" in printed
    assert not (tmp_path / "run").exists()


def test_a_given_manifest_is_used_and_checked_against_the_protocol(library: Library, tmp_path: Path) -> None:
    file = str(library.protocol_dir(CANONICAL, RECIPE) / "manifest.parquet")
    wanted = request("erm", library, tmp_path / "run", "max_iterations=1", manifest=file, protocol="COM-I")
    with pytest.raises(UserError, match=r"another protocol; expected mcio:COM2I; found mcio:CIO2M"):
        run(wanted)
    with pytest.raises(UserError, match="another recipe; expected hfn_mp; found standard"):
        run(replace(wanted, protocol=None, recipe="hfn_mp"))


def test_a_run_that_never_reached_a_checkpoint_leaves_its_folder_free(library: Library, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"became|not a number"):
        run(request("erm", library, tmp_path / "run", "max_iterations=2", "lr=1e30", "optimiser=sgd"))
    run(request("erm", library, tmp_path / "run", "max_iterations=2"))
    assert json.loads((tmp_path / "run" / "run.json").read_text())["status"] == "finished"


def test_another_rule_for_failures_to_acquire_is_printed_and_changes_nothing(
    finished: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = (finished / "results.json").read_text()
    evaluate_run(finished, fta="exclude")
    assert "failure to acquire: exclude" in capsys.readouterr().out
    assert (finished / "results.json").read_text() == before


def test_a_lost_report_is_written_again(library: Library, tmp_path: Path) -> None:
    wanted = request("erm", library, tmp_path / "run", "max_iterations=2")
    run(wanted)
    (tmp_path / "run" / "report.html").unlink()
    run(wanted)
    assert (tmp_path / "run" / "report.html").is_file()


def test_a_crop_larger_than_the_image_is_refused_before_anything_is_written(library: Library, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="random_crop"):
        run(request("erm", library, tmp_path / "run", "data.augment.random_crop.size=500"))
    assert not (tmp_path / "run").exists()
