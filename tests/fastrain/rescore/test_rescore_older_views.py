"""Runs whose pictures were cut by an earlier version of their view's geometry: told, and not continued."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from fasdata.errors import UserError
from fasdata.library import Library
from fastrain.rescore.other_data import Asked, score_again
from fastrain.run.plan import check_settings, make_plan
from fastrain.run.run import run
from fastrain.rundir import RunDir, RunFacts, older_views, other_views_learned
from tests.commands import Called
from tests.fastrain.sessions import request

WORDS = "cut by version 1 of the geometry of mxnet-256, what is scored anew is cut by version 2"


def aged(folder: Path, *, view: str = "mxnet-256") -> None:
    """Make a run one of the first version, which did not state its view's geometry."""
    path = folder / "run.json"
    about = json.loads(path.read_text())
    del about["view_geometry"]
    path.write_text(json.dumps({**about, "view": view}))


@pytest.fixture(scope="module")
def finished(library: Library, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    out = tmp_path_factory.mktemp("older") / "run"
    run(request("erm", library, out, "max_iterations=2"))
    yield out


def test_a_run_says_by_which_geometry_its_pictures_were_cut(finished: Path) -> None:
    facts = RunDir(finished).facts()
    assert (facts.view, facts.view_geometry, older_views(facts)) == ("mxnet-256", 2, "")
    assert "note: " not in Called("fastrain", "eval", finished).out


def test_eval_of_an_older_run_says_so_and_the_new_scores_too(finished: Path, library: Library, tmp_path: Path) -> None:
    kept = (finished / "run.json").read_text()
    try:
        aged(finished)
        for options in ((), ("--threshold", "fixed(0.5)")):
            assert WORDS in " ".join(Called("fastrain", "eval", finished, *options).out.split())
        again = score_again(finished, Asked(data=str(library.root)), tmp_path / "again")
        facts = again.facts()
        assert (facts.trained_view_geometry, facts.view_geometry) == (1, 2)
        words = "the network learned from version 1 of the geometry of mxnet-256, and was scored on version 2"
        assert words in " ".join(Called("fastrain", "eval", again.path).out.split())
        assert words in " ".join((again.path / "report.html").read_text().split())
    finally:
        (finished / "run.json").write_text(kept)


@pytest.mark.parametrize(
    ("about", "words"),
    [
        ({"view": "mxnet-256", "image_size": 64}, WORDS),
        ({"view": "mxnet-256", "image_size": 64, "view_geometry": 3}, "cut by version 3"),
        ({"view": "box", "image_size": 64}, ""),  # boxes are cut as they were
        ({}, ""),  # imported
        ({"view": "of-tomorrow", "image_size": 64}, ""),
    ],
)
def test_what_a_run_folder_says_of_its_view(about: dict[str, object], words: str) -> None:
    note = older_views(RunFacts.model_validate(about))
    assert words in note and bool(words) == bool(note)


def test_only_scores_of_other_pictures_than_those_learned_from_are_marked() -> None:
    for learned, marked in ((None, False), (1, True), (2, False)):
        facts = RunFacts.model_validate({"view": "mxnet-256", "view_geometry": 2, "trained_view_geometry": learned})
        assert bool(other_views_learned(facts)) == marked


def test_an_unfinished_run_is_not_continued_on_other_pictures(library: Library, tmp_path: Path) -> None:
    for view, continues in (("mxnet-256", False), ("box", True)):
        wanted = request("erm", library, tmp_path / view, "max_iterations=2", f"data.view={view}")
        plan = make_plan(wanted, check_settings(wanted))
        plan.run.checkpoints.mkdir(parents=True)
        (plan.run.checkpoints / "last.safetensors").write_bytes(b"")
        plan.run.write_config(plan.config)
        plan.run.write_json("manifest.json", plan.manifest_file.manifest.meta)
        plan.run.write_json("run.json", {**plan.facts(), "status": "running"})
        aged(plan.run.path, view=view)
        if continues:
            assert make_plan(wanted, check_settings(wanted)).state == "unfinished"
        else:
            with pytest.raises(UserError, match="view_geometry: 1 -> 2"):
                make_plan(wanted, check_settings(wanted))
