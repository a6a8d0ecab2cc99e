"""The table of what each missing modality costs, on run folders made of numbers alone."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from fasdata.errors import UserError
from fastrain.evaluation.results import evaluate
from fastrain.evaluation.scores import ScoreTable
from fastrain.report.missing_modalities import missing_modalities_text
from fastrain.report.run_report import write_report
from tests.fasdata.page.markup import Markup
from tests.fastrain.report.fabricate import fabricate_run

pytestmark = pytest.mark.usefixtures("undrawn")
TITLES = {"auc": "AUC", "eer": "EER", "hter": "HTER", "apcer": "APCER, worst species", "bpcer": "BPCER"}


def edit(file: Path, **changes: Any) -> None:
    file.write_text(json.dumps(json.loads(file.read_text()) | changes))


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run on three modalities and two evaluations of it; not to be changed."""
    run = fabricate_run(tmp_path_factory.mktemp("runs") / "erm-late")
    edit(run / "run.json", protocol="mm:CPS2W", protocol_alias="SCP2W")
    edit(run / "manifest.json", canonical="mm:CPS2W", pool="mm", modalities=["rgb", "depth", "ir"])
    (run / "config.yaml").write_text("method: erm\nmodel:\n  modalities: [rgb, depth, ir]\n  fusion: late\n")
    evaluated(run, "miss-D", 0.12)
    evaluated(run, "miss-DI", 0.3)
    return run


def evaluated(run: Path, variant: str, worse: float, name: str = "") -> Path:
    """Write an evaluation below a run: the same clips, bona fide ones of the target scored lower by `worse`."""
    folder = run / "evaluations" / (name or f"mm-CPS2W@{variant}-standard-5f0c5f0c")
    folder.mkdir(parents=True)
    for file in ("run.json", "manifest.json"):
        shutil.copy(run / file, folder)
    masked = {"miss-D": ["depth"], "miss-I": ["ir"], "miss-DI": ["depth", "ir"]}[variant]
    about = {"status": "evaluated", "evaluation_of": str(run), "finished": "2025-01-02T10:00:00"}
    edit(folder / "run.json", protocol=f"mm:CPS2W@{variant}", **about)
    edit(folder / "manifest.json", canonical=f"mm:CPS2W@{variant}", masked=masked)
    frame = ScoreTable.read_csv(run / "scores.csv").frame
    lower = (frame["part"] == "test") & (frame["label"] == "bonafide")
    table = ScoreTable(frame.assign(score=frame["score"].where(~lower, frame["score"] - worse)))
    (folder / "results.json").write_text(json.dumps(evaluate(table, selection="source_val")))
    return folder


@pytest.fixture
def run(original: Path, tmp_path: Path) -> Path:
    return shutil.copytree(original, tmp_path / "erm-late")


def page_of(run: Path, tmp_path: Path) -> Markup:
    write_report([run], tmp_path / "report.html")
    return Markup((tmp_path / "report.html").read_text("utf-8"))


def numbers(folder: Path) -> dict[str, float]:
    rows = json.loads((folder / "results.json").read_text())["metrics"]
    wanted = {"auc": "", "eer": "", "hter": "source_eer", "apcer": "source_eer", "bpcer": "source_eer"}
    return {
        TITLES[name]: next(
            row["value"]
            for row in rows
            if (row["part"], row["level"], row["metric"], row["threshold_policy"]) == ("test", "clip", name, policy)
        )
        for name, policy in wanted.items()
    }


def test_each_row_is_an_evaluation_and_its_change_against_the_complete_target(original: Path, tmp_path: Path) -> None:
    rows = page_of(original, tmp_path).table("The target without modalities")
    assert [row["Target"] for row in rows] == ["complete", "without depth", "without depth and ir"]
    folders = [original, *sorted((original / "evaluations").iterdir())]
    assert [folder.name.split("@")[-1].split("-standard")[0] for folder in folders[1:]] == ["miss-D", "miss-DI"]
    whole = numbers(original)
    for row, folder in zip(rows, folders, strict=True):
        for title, value in numbers(folder).items():
            number, _, interval = row[title].partition("[")
            assert number == (f"{value:.3f}" if title == "AUC" else f"{100 * value:.2f} %")
            assert interval.endswith(("] resampled", "] joined", "] exact", "] worst"))
            change = "–" if folder == original else f"{100 * (value - whole[title]):+.2f}"
            assert row[f"{title}: change"] == change
    assert float(rows[2]["AUC: change"]) < float(rows[1]["AUC: change"]) < 0
    assert float(rows[2]["BPCER: change"]) > 0


def test_the_table_says_what_it_rests_on(original: Path, tmp_path: Path) -> None:
    section = page_of(original, tmp_path).sections["modalities"]
    thresholds = json.loads((original / "results.json").read_text())["thresholds"]
    value = next(row["value"] for row in thresholds if (row["level"], row["policy"]) == ("clip", "source_eer"))
    assert "zero-filled" in section
    assert f"the source_eer threshold of the complete run ({value:.4f})" in section
    assert "largest difference 0.0e+00" in section


def test_the_terminal_gets_the_same_table(original: Path) -> None:
    head, whole, first, second, *_ = missing_modalities_text(original).splitlines()
    assert head.split("  ")[0] == "target" and all(title in head for title in TITLES.values())
    assert whole.startswith("complete  ") and "(" not in whole
    now, before = numbers(original / "evaluations" / "mm-CPS2W@miss-D-standard-5f0c5f0c"), numbers(original)
    change = 100 * (now["AUC"] - before["AUC"])
    assert first.startswith("without depth  ") and f"{now['AUC']:.3f} ({change:+.2f})" in first
    assert second.startswith("without depth and ir  ")


def test_without_an_evaluation_the_page_says_how_to_get_one(run: Path, tmp_path: Path) -> None:
    shutil.rmtree(run / "evaluations")
    page = page_of(run, tmp_path)
    assert "fastrain eval erm-late --missing" in page.sections["modalities"]
    assert not any(caption.startswith("The target without") for caption in page.tables)


@pytest.mark.parametrize(
    ("file", "changes", "why"),
    [
        ("manifest.json", {"stores": {"msu-mfsd": "0" * 64}}, "its clips are not those of this run"),
        ("run.json", {"changed_data": ["store wmca: content"]}, "its clips are not those of this run"),
        ("run.json", {"selection": {"policy": "last"}}, "it was made with another checkpoint"),
        ("run.json", {"view_geometry": 2}, "its pictures were cut by another version of the view's geometry"),
        ("results.json", {"fta": "exclude"}, "it counts clips without a usable face otherwise"),
        (
            "results.json",
            {"thresholds": [{"level": "clip", "policy": "source_eer", "value": 0.123}]},
            "its threshold from the sources is 0.123, that of the run is 0.",
        ),
    ],
)
def test_what_does_not_fit_is_left_out_and_told(
    run: Path, tmp_path: Path, file: str, changes: dict[str, Any], why: str
) -> None:
    name = "mm-CPS2W@miss-D-standard-5f0c5f0c"
    edit(run / "evaluations" / name / file, **changes)
    page = page_of(run, tmp_path)
    assert [row["Target"] for row in page.table("The target without")] == ["complete", "without depth and ir"]
    assert f"{name}: {why}" in page.sections["modalities"]
    assert f"left out  {name}: {why}" in missing_modalities_text(run)


def test_a_damaged_evaluation_is_told_too(run: Path, tmp_path: Path) -> None:
    (run / "evaluations" / "mm-CPS2W@miss-D-standard-5f0c5f0c" / "results.json").write_text("{")
    assert "is damaged" in page_of(run, tmp_path).sections["modalities"]


def test_of_two_evaluations_the_later_counts_and_others_are_no_part_of_it(run: Path, tmp_path: Path) -> None:
    later = evaluated(run, "miss-D", 0.05, "again")
    edit(later / "run.json", finished="2025-01-03T10:00:00")
    other = evaluated(run, "miss-D", 0.05, "another-protocol")
    edit(other / "run.json", protocol="mm:CPW2S", finished="2025-01-04T10:00:00")
    row = page_of(run, tmp_path).table("The target without")[1]
    assert row["AUC"].startswith(f"{numbers(later)['AUC']:.3f}[")


@pytest.mark.parametrize("modalities", ["", "model:\n  modalities: [rgb]\n", "model:\n  modalities: [depth]\n"])
def test_a_run_on_one_modality_has_no_such_section(run: Path, tmp_path: Path, modalities: str) -> None:
    (run / "config.yaml").write_text(f"method: erm\n{modalities}")
    assert "modalities" not in page_of(run, tmp_path).sections
    with pytest.raises(UserError, match="has no modality to lose"):
        missing_modalities_text(run)


def test_an_evaluation_has_none_either(run: Path, tmp_path: Path) -> None:
    masked = run / "evaluations" / "mm-CPS2W@miss-D-standard-5f0c5f0c"
    shutil.copy(run / "config.yaml", masked)
    assert "modalities" not in page_of(masked, tmp_path).sections
    edit(masked / "manifest.json", canonical="mm:CPW2S")  # another complete protocol, but no network to score it with
    assert "modalities" not in page_of(masked, tmp_path).sections
