"""Contestants: score files as run folders, in eval, report and compare, beside trained runs."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from fasdata.errors import UserError
from fasdata.library import Library
from fastrain.evaluation.results_lookup import Results
from fastrain.evaluation.scores import ScoreTable
from fastrain.report.contestant_sections import scores_answer
from fastrain.report.run_folder import RunFolder
from fastrain.run.run import run
from fastrain.rundir import RunDir, RunFacts, selected_checkpoint
from tests.commands import Called
from tests.fastrain.sessions import request

FORMS = ("text", "md", "latex", "html")


@pytest.fixture(scope="module")
def trained(library: Library, tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Finished runs of hfn_mp and erm; not to be changed."""
    folder = tmp_path_factory.mktemp("trained")
    for method in ("hfn_mp", "erm"):
        run(request(method, library, folder / method))
    return [folder / "hfn_mp", folder / "erm"]


def bare(path: Path, *, people: bool, clips: int = 40) -> Path:
    rng = np.random.default_rng(clips)
    live = np.arange(clips) % 2 == 0
    table = pd.DataFrame({"label": np.where(live, "live", "spoof"), "score": rng.normal(1.5 * live)})
    if people:
        table = table.assign(clip=[f"v{at}" for at in range(clips)], subject=np.arange(clips) // 4)
        table["species"] = np.where(live, "", "print/1")
    table.to_csv(path, index=False)
    return path


@pytest.fixture
def outside(tmp_path: Path) -> list[Path]:
    """Two contestants of bare score files, one with people and one without."""
    for name, people in (("with", True), ("without", False)):
        file = bare(tmp_path / f"{name}.csv", people=people)
        done = Called("fastrain", "import", "scores", file, "--name", f"vendor-{name}", "--out", tmp_path / name)
        assert done.code == 0, done.error
    return [tmp_path / "with", tmp_path / "without"]


def test_four_stand_in_one_table_in_every_form(trained: list[Path], outside: list[Path]) -> None:
    shown = {}
    for form in FORMS:
        done = Called("fastrain", "compare", *trained, *outside, "--format", form, "--resamples", "200")
        assert done.code == 0, done.error
        shown[form] = done.out
    for text in shown.values():
        plain = text.replace("\\_", "_")
        for words in ("hfn_mp", "erm", "vendor-with", "vendor-without", "not stated", "Scores from outside",
                      "people not named", "not tested, its clips are not known to be those of the others",
                      "its intervals resample clips"):  # fmt: skip
            assert words in plain, words
    lines = [line for line in shown["text"].splitlines() if line.startswith("vendor-")]
    assert len([line for line in lines if "not stated  not stated" in line]) == 2
    assert "*" not in "".join(lines[:2])  # nothing was tested
    assert "not known: people, species" in shown["text"]
    assert "<script" not in shown["html"]


def test_contestants_alone_have_a_table_of_their_own(outside: list[Path]) -> None:
    text = Called("fastrain", "compare", *outside, "--resamples", "200").out
    assert text.startswith("protocol not stated; 10 subjects") and "its clips are those of the others" not in text
    twice = Called("fastrain", "compare", outside[0], outside[0], "--resamples", "200").line
    assert twice.startswith("vendor-with is given twice")


@pytest.mark.parametrize(
    ("ends", "words"),
    [
        ((0.6, 0.8), "Better than guessing. AUC 0.700 [0.600, 0.800]"),
        ((0.45, 0.9), "It cannot be told: guessing is not ruled out."),
        ((0.2, 0.49), "These scores may be the other way round."),
        (None, "Without an interval nothing is concluded."),
    ],
)
def test_the_answer_on_scores_from_outside_follows_their_interval(
    tmp_path: Path, ends: tuple[float, float] | None, words: str
) -> None:
    row = {"part": "test", "level": "clip", "metric": "auc", "threshold_policy": "", "value": 0.7}
    row |= {"low": ends[0], "high": ends[1]} if ends else {}
    run = RunFolder(tmp_path, RunFacts(), Results({"metrics": [row]}))
    assert words in scores_answer(run).title


def test_each_has_its_report(outside: list[Path]) -> None:
    for folder, words in zip(outside, (("print/1", "10 people"), ("people not named", "No column")), strict=True):
        assert Called("fastrain", "report", folder).code == 0
        page = (folder / "report.html").read_text()
        for text in ("ISO/IEC 30107-3 sheet", "What these scores cannot tell", "test part", *words):
            assert text.lower() in page.lower()
        for text in ("unseen domain</td>", "Did it learn", "--no-faces", "is not in the run folder", "<script"):
            assert text not in page


def test_scores_on_a_protocol_are_tested_clip_by_clip(trained: list[Path], library: Library, tmp_path: Path) -> None:
    """erm's own clip scores, as someone else's file: the same numbers, no difference to erm, and people known."""
    table = ScoreTable.read_csv(trained[1] / "scores.csv").clips().frame
    ids = table["dataset"] + "/" + table["clip_id"]
    pd.DataFrame({"id": ids, "label": table["label"], "score": -table["score"]}).to_csv(tmp_path / "s.csv", index=False)
    done = Called("fastrain", "import", "scores", tmp_path / "s.csv", "--name", "same", "--protocol", "CIO-M", "--data",
                  library.root, "--higher-is", "attack", "--out", tmp_path / "same")  # fmt: skip
    assert done.code == 0, done.error
    about = RunDir(tmp_path / "same").facts()
    assert about.protocol == RunDir(trained[1]).facts().protocol and about.contestant is not None
    results = [json.loads((folder / "results.json").read_text()) for folder in (trained[1], tmp_path / "same")]
    clip = [[row for row in those["metrics"] if row["level"] == "clip"] for those in results]
    assert clip[0] == clip[1]
    text = Called("fastrain", "compare", *trained, tmp_path / "same", "--resamples", "200").out
    assert "same against erm, all exchanges of" in text
    assert "AUC p = 1.000, corrected p = 1.000 (smallest reachable 1)" in text
    assert "hfn_mp against erm, all exchanges of" in text


def test_clips_of_the_same_ids_are_tested_without_a_protocol_too(trained: list[Path], tmp_path: Path) -> None:
    table = ScoreTable.read_csv(trained[1] / "scores.csv").clips().part("test")
    assert table is not None
    rows = table.frame.iloc[::-1]
    scores = rows[["label", "score"]].assign(clip=rows["dataset"] + "/" + rows["clip_id"])
    scores.to_csv(tmp_path / "s.csv", index=False)
    assert Called("fastrain", "import", "scores", tmp_path / "s.csv", "--name", "b", "--out", tmp_path / "b").code == 0
    text = Called("fastrain", "compare", *trained, tmp_path / "b", "--resamples", "200").out
    assert "b against erm, all exchanges of" in text and "AUC p = 1.000" in text
    assert "its clips are those of the others, by their ids and labels" in text


def test_people_of_another_file_are_joined(tmp_path: Path) -> None:
    file = bare(tmp_path / "s.csv", people=True)
    pd.read_csv(file).drop(columns="subject").to_csv(file, index=False)
    (tmp_path / "who.csv").write_text("id,subject\n" + "".join(f"v{at},{at // 8}\n" for at in range(39)) + "zz,1\n")
    done = Called("fastrain", "import", "scores", file, "--name", "v", "--subjects", tmp_path / "who.csv", "--out",
                  tmp_path / "v")  # fmt: skip
    assert "5 people (1 clips of people not named)" in done.out
    assert "people from who.csv; 1 recordings are not in it; 1 of its ids are no recording here" in done.out
    (tmp_path / "who.csv").write_text("id,subject\nv0,1\nv0,2\n")
    again = ("fastrain", "import", "scores", file, "--name", "v", "--subjects", tmp_path / "who.csv", "--out")
    assert "line 3: 'v0' has two people; found 1 and 2" in Called(*again, tmp_path / "w").line
    (tmp_path / "who.csv").write_text("id,subject\nq,1\n")
    assert "names none of the recordings; expected ids such as 'v0'" in Called(*again, tmp_path / "w").line


def test_eval_computes_a_contestants_numbers_again(outside: list[Path]) -> None:
    before = (outside[0] / "results.json").read_text()
    done = Called("fastrain", "eval", outside[0])
    assert done.code == 0 and "contestant  vendor-with" in done.out
    assert (outside[0] / "results.json").read_text() == before
    bob = Called("fastrain", "eval", outside[0], "--as", "bob").out
    assert "as bob      rates in %, clips; thresholds from part test" in bob and "print/1" in bob
    assert "--as" in Called("fastrain", "eval", outside[0], "--as", "bobb").line


def test_what_needs_a_network_is_refused_in_a_line(outside: list[Path], library: Library, tmp_path: Path) -> None:
    for options in (("--protocol", "CIO-M", "--data", library.root), ("--corrupt", "blur:1")):
        assert "has no network" in Called("fastrain", "eval", outside[0], *options).line
    with pytest.raises(UserError, match=r"has no network of ours; .*found scores from with\.csv"):
        selected_checkpoint(outside[0])
    for name in ("a b", "a/b", "<b>", "", "x" * 81):
        done = Called("fastrain", "import", "scores", tmp_path / "with.csv", "--name", name, "--out", tmp_path / "n")
        assert ("cannot be the name of a contestant" if name else "the value of --name is empty") in done.line
    used = Called("fastrain", "import", "scores", tmp_path / "with.csv", "--name", "v", "--out", outside[0]).line
    assert "exists already" in used
    assert not (tmp_path / "n").exists()


def test_the_older_spelling_of_importing_a_checkpoint_stays(tmp_path: Path) -> None:
    for words in (("checkpoint", "hfn_mp", tmp_path / "no.ckpt"), ("hfn_mp", tmp_path / "no.ckpt")):
        assert "no checkpoint file at" in Called("fastrain", "import", *words, "--out", tmp_path / "r").line
        assert "no checkpoint file at" in Called("fastrain", "import", "--out", tmp_path / "r", *words[-2:]).line


def test_the_page_on_forms_names_each() -> None:
    page = Called("fastrain", "eval", "--formats").out
    for words in ("video_key", "score label", "four columns", "GRAD-GPAD", "--bonafide-is", "--map", "--as bob", "GiB"):
        assert words in page
