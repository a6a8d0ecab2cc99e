"""Other data on purpose: what a network saw, wherever its manifest is; networks from outside; what `--on` names."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pytest

from fasdata.errors import UserError
from fasdata.library import Library
from fasdata.manifests import Manifest
from fasdata.manifests.meta import recipe_key
from fasdata.manifests.table import table_fingerprint
from fasdata.protocols.dataset_names import shipped_names
from fastrain.bundle.from_run import predictor_of_run
from fastrain.evaluation.scores import ScoreTable
from fastrain.rescore.on_purpose import Seen, covered_target, target_spellings
from fastrain.rescore.other_data import Asked, score_again
from fastrain.run.run import run
from fastrain.rundir import RunDir, RunFacts
from tests.commands import ok
from tests.fastrain.outside.test_outside_onnx import DECLARED, brightness
from tests.fastrain.sessions import request


@pytest.fixture(scope="module")
def finished(library: Library, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run of erm; not to be changed."""
    folder = tmp_path_factory.mktemp("finished") / "erm"
    run(request("erm", library, folder))
    return folder


@pytest.fixture
def contestant(library: Library, tmp_path: Path) -> Path:
    """A network from outside that was scored on CIO-M, with its dev part."""
    out = tmp_path / "live"
    ok("fastrain", "import", "onnx", brightness(tmp_path / "live.onnx"), *DECLARED, "--out", out)
    ok("fastrain", "eval", out, "--protocol", "CIO-M", "--data", library.root)
    return out


def clips_of(library: Library, *parts: str) -> frozenset[str]:
    rows = Manifest.read(library.protocol_dir("mcio:CIO2M", "standard")).table.to_pylist()
    return frozenset(f"{row['dataset']}/{row['clip_id']}" for row in rows if row["part"] in parts)


def moved(folder: Path, to: Path, **facts: str) -> Path:
    """Copy a run, and let its run.json name other places."""
    shutil.copytree(folder, to, ignore=shutil.ignore_patterns("evaluations"))
    about = json.loads((to / "run.json").read_text())
    (to / "run.json").write_text(json.dumps({**about, **facts}))
    return to


def test_what_it_saw_is_known_from_another_folder_too(finished: Path, library: Library, tmp_path: Path) -> None:
    """A run that was begun with `--data lib` names its manifest by a path of that folder."""
    away = moved(finished, tmp_path / "run", library="lib", manifest_path="lib/protocols/mcio-CIO2M/standard/x.parquet")
    seen = Seen.of_run(RunDir(away), RunDir(away).facts(), library)
    assert seen.complete and seen.clips == clips_of(library, "train", "val") and seen.contents
    other = moved(finished, tmp_path / "other", manifest_path="lib/x.parquet", manifest_fingerprint="0" * 64)
    assert not Seen.of_run(RunDir(other), RunDir(other).facts(), library).complete


def test_a_network_from_outside_was_not_trained_on_what_it_was_scored_on(contestant: Path, library: Library) -> None:
    """Its thresholds come from the dev part, and those people alone are not tested."""
    seen = Seen.of_run(RunDir(contestant), RunDir(contestant).facts(), library, outside=True)
    assert seen.complete and seen.clips == clips_of(library, "val") != frozenset()
    assert seen.how == "its thresholds were set on"


def test_an_evaluation_says_which_run_holds_the_network(contestant: Path, finished: Path, tmp_path: Path) -> None:
    for of in (contestant, finished):
        folder = moved(of, tmp_path / f"copy-{of.name}", evaluation_of=str(of))
        for name in ("networks", "checkpoints"):
            shutil.rmtree(folder / name, ignore_errors=True)
        with pytest.raises(UserError, match=f"holds scores of the run {of}, and no network; name"):
            score_again(folder, Asked(on="OULU-NPU"))
        with pytest.raises(UserError, match=f"holds scores of the run {of}, and no network; name"):
            predictor_of_run(folder)


@pytest.mark.parametrize(
    ("on", "means"),
    [
        ("CASIA-FASD to WMCA@shot5", "own:to_wmca"),
        ("CASIA-FASD to WMCA@miss-D", "own:to_wmca@miss-D"),
        ("CASIA-FASD to WMCA + SiW", "own:to_siw+wmca"),
        ("CASIA-FASD to each of WMCA, SiW", "own:to_each_siw+wmca"),
        ("CI2M+O", "mcio:to_O+M"),
        ("CIO-M@shot5", "mcio:to_M"),
        ("SCP2W@miss-I", "mm:to_W@miss-I"),
    ],
)
def test_a_protocol_means_its_target_alone(on: str, means: str) -> None:
    assert next(target_spellings(on, RunFacts(protocol="mcio:CIO2M"), shipped_names())) == means


def test_a_recipe_may_be_named_with_its_parameters(library: Library) -> None:
    name, recipe = covered_target("CIO-M", ["standard@1a2b3c4d"], RunFacts(protocol="mcio:CIO2M"), library)
    assert (name, recipe) == ("mcio:to_M", "standard@1a2b3c4d")


def test_a_run_of_a_recipe_with_parameters_is_scored_again_and_continued(library: Library, tmp_path: Path) -> None:
    built = Manifest.read(library.protocol_dir("mcio:CIO2M", "standard"))
    recipe = {**built.meta["recipe"], "parameters": {"test-frames": "linspace(2)@decoded"}}
    column = pa.array([recipe_key(recipe)] * built.table.num_rows)
    table = built.table.set_column(built.table.schema.get_field_index("recipe"), built.table.field("recipe"), column)
    meta = {**built.meta, "recipe": recipe, "fingerprint": table_fingerprint(table)}
    path = Manifest(table, meta).write(tmp_path / "changed")
    wanted = request("erm", library, tmp_path / "run", protocol=None, manifest=str(path))
    run(wanted)
    again = score_again(tmp_path / "run", Asked(manifest=str(path)), tmp_path / "again").facts()
    assert again.recipe == recipe_key(recipe) and again.recipe_text == "standard, test-frames=linspace(2)@decoded"
    run(replace(wanted, resume=str(tmp_path / "run")))

    scores = tmp_path / "scores.csv"
    ScoreTable.read_csv(tmp_path / "run" / "scores.csv").frame[["sample_id", "score", "part"]].to_csv(scores)
    outside = import_of(scores, path, tmp_path / "outside")
    assert (outside.recipe, outside.recipe_text) == (again.recipe, again.recipe_text)


def import_of(scores: Path, manifest: Path, out: Path) -> RunFacts:
    ok("fastrain", "import", "scores", scores, "--name", "vendor", "--manifest", manifest, "--out", out)
    return RunDir(out).facts()
