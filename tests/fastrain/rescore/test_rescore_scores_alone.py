"""`fastrain eval` on scores alone and on worse pictures, from one finished run."""

from __future__ import annotations

import csv
import json
import shutil
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest

from fasdata.errors import UserError
from fasdata.faces.view import View
from fasdata.library import Library
from fasdata.manifests import Manifest
from fastrain.evaluation.results import evaluate
from fastrain.evaluation.score_files import read_scores
from fastrain.evaluation.score_rules import ORIGIN_COLUMNS
from fastrain.evaluation.scores import ScoreOrigin, ScoreTable
from fastrain.rescore.corrupted_images import CorruptedImages
from fastrain.rescore.corruptions import Corruption, parse_corruptions
from fastrain.rescore.finished_run import FinishedRun
from fastrain.rescore.other_data import Asked, score_again
from fastrain.rescore.robustness import robustness
from fastrain.rescore.robustness_report import corrupt_run
from fastrain.rescore.scores_alone import evaluate_scores
from fastrain.run.run import evaluate_run, run
from tests.commands import Called
from tests.fasdata.page.markup import Markup
from tests.fastrain.sessions import request
from tests.fastrain.world import CANONICAL, RECIPE


@pytest.fixture(scope="module")
def finished(library: Library, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run of erm; not to be changed."""
    folder = tmp_path_factory.mktemp("runs") / "finished"
    run(request("erm", library, folder))
    return folder


def asked(library: Library) -> Asked:
    return Asked(manifest=str(library.protocol_dir(CANONICAL, RECIPE) / "manifest.parquet"))


def line(text: str, *words: str) -> str:
    (match,) = [row for row in text.splitlines() if row.split()[: len(words)] == list(words)]
    return match


def test_a_run_and_its_scores_in_bobs_form_give_the_same_numbers(finished: Path, tmp_path: Path) -> None:
    own = evaluate_scores(finished, Asked(), form="bob", out=tmp_path / "bob")
    assert "written:" in own
    again = evaluate_scores(tmp_path / "bob", Asked())
    keep = [row for row in own.splitlines() if row.startswith(("val", "test", "people"))]
    assert keep and [row for row in again.splitlines() if row.startswith(("val", "test", "people"))] == keep
    assert "not known (scores alone)" in again


def test_fusion_species_and_thresholds_are_as_asked(finished: Path) -> None:
    text = evaluate_scores(finished, Asked(), thresholds=["fixed(0.5)"], fusion="max", species="pai", fta="exclude")
    assert "failures to acquire: exclude; clip = max of its frames; species by pai" in text
    assert "fixed(0.5)" in text and "source_eer" not in text


def test_scores_of_another_manifest_are_refused(finished: Path, library: Library, tmp_path: Path) -> None:
    table = ScoreTable.read_csv(finished / "scores.csv").frame
    ScoreTable(table).write_csv(tmp_path / "scores.csv")
    assert line(evaluate_scores(tmp_path / "scores.csv", asked(library)), "test", "auc")
    strange = table.assign(sample_id=["x/" + name for name in table["sample_id"]])
    ScoreTable(strange).write_csv(tmp_path / "strange.csv")
    with pytest.raises(UserError, match=r"ids that the manifest does not have; found 'x/.*name the manifest"):
        evaluate_scores(tmp_path / "strange.csv", asked(library))
    ScoreTable(table.iloc[1:]).write_csv(tmp_path / "short.csv")
    with pytest.raises(UserError, match="lacks scores of samples that the manifest has"):
        evaluate_scores(tmp_path / "short.csv", asked(library))


def test_scores_tell_what_they_are_of_and_are_held_to_it(finished: Path, library: Library, tmp_path: Path) -> None:
    about = json.loads((finished / "run.json").read_text())
    table = ScoreTable.read_csv(finished / "scores.csv")
    origin = ScoreOrigin.of(table)
    assert origin == ScoreOrigin(
        selection="source_val",
        checkpoint=f"best@{about['selection']['iteration']}",
        protocol=CANONICAL,
        recipe=RECIPE,
        manifest_fingerprint=Manifest.read(library.protocol_dir(CANONICAL, RECIPE)).meta["fingerprint"],
    )
    shutil.copy(finished / "scores.csv", tmp_path / "scores.csv")
    text = evaluate_scores(tmp_path / "scores.csv", asked(library))
    assert f"selected by source_val: {origin.checkpoint}" in text
    assert f"data        {CANONICAL} {RECIPE}, manifest {origin.manifest_fingerprint[:12]}" in text
    old = ScoreTable(table.frame.drop(columns=[*ORIGIN_COLUMNS], errors="ignore"))
    old.write_csv(tmp_path / "old.csv")
    without = evaluate_scores(tmp_path / "old.csv", asked(library))
    assert [row for row in without.splitlines() if row.startswith("test")] == [
        row for row in text.splitlines() if row.startswith("test")
    ]
    foreign = ScoreOrigin(**{**vars(origin), "manifest_fingerprint": "f" * 64}).on(table)  # the same ids
    foreign.write_csv(tmp_path / "foreign.csv")
    assert line(evaluate_scores(tmp_path / "foreign.csv", Asked()), "test", "auc")
    words = rf"foreign.csv holds scores of another manifest; .*{origin.manifest_fingerprint[:12]}; found ffffffffffff"
    with pytest.raises(UserError, match=words):
        evaluate_scores(tmp_path / "foreign.csv", asked(library))
    shutil.copytree(finished, tmp_path / "run")
    foreign.write_csv(tmp_path / "run" / "scores.csv")
    with pytest.raises(UserError, match=r"scores\.csv holds scores of another manifest"):
        evaluate_run(tmp_path / "run")
    with pytest.raises(UserError, match=r"scores\.csv holds scores of another manifest"):
        evaluate_scores(tmp_path / "run", Asked(), fusion="max")


def test_labels_come_from_the_manifest(finished: Path, library: Library, tmp_path: Path) -> None:
    table = ScoreTable.read_csv(finished / "scores.csv").frame
    lying = table.assign(label="bonafide", attack_type="bonafide")
    ScoreTable(lying).write_csv(tmp_path / "lying.csv")
    text = evaluate_scores(tmp_path / "lying.csv", asked(library))
    assert line(text, "test", "auc") == line(evaluate_scores(finished, Asked()), "test", "auc")


def test_every_corruption_is_scored_at_the_threshold_of_the_sources(finished: Path, library: Library) -> None:
    wanted = [Corruption("noise", 5), Corruption("frame-drop", 5), Corruption("jpeg", 1)]
    rungs = robustness(finished, wanted)
    assert [rung.corruption for rung in rungs] == [None, *wanted]
    clean = rungs[0].numbers
    text = evaluate_scores(finished, Asked())
    assert float(line(text, "test", "auc").split()[2]) == pytest.approx(clean["auc"], abs=6e-4)
    assert not rungs[1].scores.frame["score"].equals(rungs[0].scores.frame["score"])
    assert robustness(finished, wanted[:1])[1].numbers == rungs[1].numbers  # the same seed, the same harm
    for rung in rungs:
        hter, values = rung.numbers["hter"], [value for value in rung.numbers.values() if value is not None]
        assert hter is not None and all(0 <= value <= 1 for value in values)


def test_all_that_is_made_of_corrupted_images_is_corrupted_once(finished: Path) -> None:
    clean = FinishedRun.opened(finished).images["test"]
    noisy = CorruptedImages(clean, Corruption("noise", 5), seed=3)
    once = noisy.load(2)["rgb"]
    assert not np.array_equal(once, clean.load(2)["rgb"])
    for same in (noisy.only(np.array([2])), noisy.relabelled(noisy.samples.only(np.array([2])))):
        np.testing.assert_array_equal(same.load(0)["rgb"], once)
        np.testing.assert_array_equal(same.colour(0), once)
    wider = View.named("box(size=40)")
    assert noisy.with_view(wider).load(2)["rgb"].shape == (40, 40, 3)
    assert not np.array_equal(noisy.with_view(wider).load(2)["rgb"], clean.with_view(wider).load(2)["rgb"])


def test_the_command_writes_a_table_and_a_page(finished: Path, tmp_path: Path) -> None:
    text = corrupt_run(finished, "blur:1,blur:5", tmp_path / "out")
    assert "as they are" in text and "blur 5" in text
    assert "at source_eer" in text and "Checkpoint selected by source_val: best@" in text
    assert "They rest on" in text and "too few to tell (in simulated studies of 15 and 30 people" in text
    rows = list(csv.DictReader((tmp_path / "out" / "robustness.csv").open()))
    assert [(row["corruption"], row["severity"]) for row in rows] == [("none", "0"), ("blur", "1"), ("blur", "5")]
    assert np.isfinite([float(row["auc"]) for row in rows]).all()
    tables = {path.stem: read_scores(path) for path in (tmp_path / "out" / "robustness").iterdir()}
    assert {name: ScoreOrigin.of(table).corruption for name, table in tables.items()} == {
        "as-they-are": "", "blur-1": "blur:1", "blur-5": "blur:5",
    }  # fmt: skip
    assert {ScoreOrigin.of(table).selection for table in tables.values()} == {"source_val"}
    again = evaluate(tables["blur-5"], selection="", resamples=0)["metrics"]
    (auc,) = (row["value"] for row in again if (row["level"], row["metric"]) == ("clip", "auc"))
    assert float(rows[2]["auc"]) == auc
    page = (tmp_path / "out" / "robustness.html").read_text()
    assert "<svg" in page and "<script" not in page


def test_the_file_of_results_says_what_code_a_policy_is_from(finished: Path, tmp_path: Path) -> None:
    own, out = tmp_path / "own.py", tmp_path / "out"
    own.write_text(
        "from fastrain.evaluation.thresholds import ThresholdPolicy\n"
        "low = ThresholdPolicy('lowest', 'val', False, lambda scores, labels: min(scores))\n"
    )
    called = Called("fastrain", "eval", finished, "--threshold", f"{own}:low", "--out", out)
    assert called.code == 0 and f"written: {out / 'results.json'}" in called.out
    results = json.loads((out / "results.json").read_text())
    (used,) = results["code"]
    assert (used["what"], used["name"], used["named"]) == ("threshold policy", "lowest", f"{own}:low")
    assert used["files"] == {"own.py": sha256(own.read_bytes()).hexdigest()} and used["sha256"] in called.out
    assert {row["policy"] for row in results["thresholds"]} == {"lowest"}
    line = Called("fastrain", "eval", finished, "--fusion", "max", "--out", finished).line
    assert "is the folder of a run" in line


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--corrupt", "blur:1", "--threshold", "fixed(0.5)"), "--corrupt scores a run as it is"),
        (("--corrupt", "blur:1", "--protocol", "CIO-M"), "--corrupt scores a run as it is"),
        (("--corrupt", "blur:1", "--fta", "exclude"), "--corrupt scores a run as it is"),
        (("--out", "elsewhere"), "nothing is scored anew"),
        (("--fusion", "max", "--allow-changed-data"), "nothing is scored anew"),
    ],
)
def test_an_option_that_would_be_left_unread_is_refused(finished: Path, options: tuple[str, ...], words: str) -> None:
    called = Called("fastrain", "eval", finished, *options)
    assert called.code != 0 and words in str(called.error)


def test_a_run_that_is_gone_or_unfinished_is_told(finished: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="not a finished run folder"):
        robustness(tmp_path, parse_corruptions("jpeg:1"))
    copy = shutil.copytree(finished, tmp_path / "copy")
    shutil.rmtree(copy / "checkpoints")
    with pytest.raises(UserError, match="has no checkpoint any more"):
        robustness(copy, parse_corruptions("jpeg:1"))


def test_a_checkpoint_of_another_run_scores_nothing(finished: Path, library: Library, tmp_path: Path) -> None:
    """The same method, protocol and data, trained with another seed: it would load, and the numbers would be wrong."""
    other, copy = tmp_path / "other", shutil.copytree(finished, tmp_path / "copy")
    run(request("erm", library, other, "seed=9", "max_iterations=3"))
    for suffix in (".safetensors", ".json"):
        shutil.copy(other / "checkpoints" / f"best{suffix}", copy / "checkpoints")
    for scored in (
        lambda: score_again(copy, Asked(data=str(library.root)), tmp_path / "out"),
        lambda: robustness(copy, parse_corruptions("jpeg:1")),
    ):
        with pytest.raises(UserError, match=r"best\.safetensors belongs to another run; expected config "):
            scored()
    assert not (tmp_path / "out").exists()


def test_selection_on_the_target_is_named_an_oracle(library: Library, tmp_path: Path) -> None:
    chosen = ("evaluate.select=target_oracle", "evaluate.metric=min_hter_frame")
    run(request("erm", library, tmp_path / "run", *chosen))
    about = json.loads((tmp_path / "run" / "run.json").read_text())
    assert about["selection"]["policy"] == "target_oracle(min_hter_frame)"
    assert about["selection"]["metric"] == "min_hter_frame"
    best = min(
        (entry for entry in map(json.loads, (tmp_path / "run" / "metrics.jsonl").open()) if entry["kind"] == "val"),
        key=lambda entry: entry["min_hter_frame"],
    )
    assert about["selection"]["iteration"] == best["iteration"]
    values = {
        (row["part"], row["level"]): row["value"]
        for row in json.loads((tmp_path / "run" / "results.json").read_text())["metrics"]
        if row["metric"] == "min_hter"
    }
    assert values["test", "frame"] == pytest.approx(best["min_hter_frame"], abs=1e-6)


def test_the_sheet_of_the_least_scores_says_which_of_its_lines_are_unknown(tmp_path: Path) -> None:
    (tmp_path / "s.csv").write_text("label,score\nlive,0.9\nlive,0.4\nspoof,0.1\nspoof,0.6\n")
    done = Called("fastrain", "eval", tmp_path / "s.csv", "--sheet", tmp_path / "sheet.html", "--product", "Gate 3")
    assert done.code == 0, done.error
    page = Markup((tmp_path / "sheet.html").read_text("utf-8"))
    assert "ISO/IEC 30107-3 sheet: Gate 3" in page.text
    for words in (
        "Method, Network, Face detector, Dataset, Protocol, Tested on: not stated with the scores.",
        "People: people are not named.",
        "PAI species: species are not named",
        "APNRR, BPNRR: the file lists no presentation without a score.",
        "HTER, all species together, ACER max, worst species: there is no part val.",
        "lines are not known: see below what would tell.",
    ):
        assert words in page.text, words
    given = Called("fastrain", "eval", tmp_path / "s.csv", "--sheet", tmp_path / "at.html", "--threshold", "fixed(0.5)")
    assert given.code == 0, given.error
    shown = Markup((tmp_path / "at.html").read_text("utf-8")).text
    assert "fixed(0.5): given beforehand" in shown and "50.00 % [" in shown
