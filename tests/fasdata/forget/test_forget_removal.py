"""What a removal plans, and what it lists and refuses before anything is changed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from fasdata.cli import app
from fasdata.datasets.registry import find_card
from fasdata.datasets.scan import parse_paths
from fasdata.errors import UserError
from fasdata.forget.removal import plan_forget
from fasdata.library import Library
from tests.commands import Called, refused
from tests.fasdata.forget.forgetting import DATASET, WHO, files, forget


def test_runs_that_used_the_person_are_listed_also_after_another_was_forgotten(library: Library, runs: Path) -> None:
    text = forget(library, WHO, "--runs", runs).out
    assert f"  {runs / 'whole'}: part val of its data; its report.html" in text
    assert f"  {runs / 'scores'}: its data are unknown; 4 rows of its scores.csv" in text
    assert str(runs / "other") not in text
    text = forget(library, "s0", "--runs", runs, "--dry-run").out  # the manifest has another fingerprint by now
    assert f"  {runs / 'whole'}: part train of its data" in text and str(runs / "scores") not in text
    assert "no folder" in forget(library, "s0", "--runs", runs / "nowhere").line


def test_a_dry_run_says_it_all_and_changes_nothing(library: Library, runs: Path) -> None:
    before = files(library.root)
    done = forget(library, WHO, "--dry-run", "--runs", runs)
    assert done.code == 0
    assert "person 's3': 2 clips" in done.out and "s3__attack" in done.out and "4 rows (val)" in done.out
    assert "deleted as a whole" in done.out and "removed" not in done.out
    assert files(library.root) == before


def test_an_unknown_person_is_refused_with_the_nearest_name(library: Library) -> None:
    before = files(library.root)
    line = refused("fasdata", "forget", DATASET, "S3", "--data", library.root)
    assert "no data of a person 'S3' in casia-fasd" in line and "5 other people" in line and "'s3'" in line
    with pytest.raises(UserError, match="the empty name stands for unknown people"):
        plan_forget(library, DATASET, "")
    assert "CASIA-FASD" in Called("fasdata", "forget", "CASIA-FSD", WHO, "--data", library.root).line
    assert files(library.root) == before


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("packs", ["../beside"]),
        ("packs", ["packs/../../beside"]),
        ("packs", ["casia-fasd"]),
        ("manifests", [{"path": "../beside/manifest.parquet", "fingerprints": [], "rows": 1, "parts": []}]),
        ("dataset", "../beside"),
    ],
)
def test_a_journal_cannot_lead_out_of_its_library(library: Library, tmp_path: Path, key: str, value: object) -> None:
    (tmp_path / "beside").mkdir()
    (tmp_path / "beside" / "manifest.parquet").write_bytes(b"mine")
    journal = {"dataset": DATASET, "subject": WHO, "clips": ["s3__attack"], key: value}
    library.journal("forget", DATASET).write_text(json.dumps(journal))
    before = files(tmp_path)
    assert "is damaged" in forget(library).line
    assert files(tmp_path) == before


@pytest.mark.parametrize(("answer", "removed"), [("y\n", True), ("n\n", False), ("", False)])
def test_it_shows_what_will_go_and_asks(library, answer, removed):
    before = files(library.root)
    asked = CliRunner().invoke(app, ["forget", DATASET, WHO, "--data", str(library.root)], input=answer)
    assert "person 's3': 2 clips" in asked.output and "Remove all this of 's3'" in asked.output
    assert (files(library.root) != before) == removed == (asked.exit_code == 0)
    if not removed:
        assert "nothing was removed" in str(asked.exception) and "--yes" in str(asked.exception)


def test_examples_name_people_as_the_release_does():
    [clip] = parse_paths(find_card("casia"), ["train_release/12/1.avi"]).clips
    readme = (Path(__file__).parents[3] / "README.md").read_text(encoding="utf-8")
    for text in (Called("fasdata", "forget", "--help").out, readme):
        assert f"fasdata forget CASIA-FASD {clip.subject}" in " ".join(text.split())
