"""The sections of a run's report beyond its error rates: what they print is what the scores and results hold."""

import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from fasdata.datasets.kept_card import FILE, KeptCard
from fastrain.evaluation.metrics.calibration import cllr, min_cllr
from fastrain.evaluation.scores import ScoreTable
from fastrain.evaluation.statistics.clusters import Clusters
from fastrain.evaluation.statistics.proportions import proportion_interval
from fastrain.report.iso_sheet import write_sheet
from fastrain.report.ledger import entries
from fastrain.report.run_folder import RunFolder
from fastrain.report.run_report import run_page, write_report
from tests.fasdata.page.markup import Markup
from tests.fastrain.report.fabricate import TARGET, fabricate_run, fabricate_store

HONEST = "source_eer"


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A run whose target was recorded with two devices, on a library that says how faces were found."""
    top = tmp_path_factory.mktemp("sections")
    fabricate_store(top / "library")
    (top / "library" / TARGET / "store.json").write_text(json.dumps({"config": {"detector": "retinaface"}}))
    folder = fabricate_run(top / "erm-0", library=top / "library")
    table = ScoreTable.read_csv(folder / "scores.csv").frame
    device = np.where(table["subject"].astype(int) <= 3, "phone", "laptop")
    seen = np.where(table["subject"].astype(int) <= 2, "outside", "inside")
    table = table.assign(field_device=device, field_training_range=seen)
    ScoreTable(table).write_csv(folder / "scores.csv")
    (folder / "config.yaml").write_text("model: {trunk: resnet18.tv_in1k, pretrained: true}\n")
    return folder


@pytest.fixture(scope="module")
def page(run):
    write_report([run], run / "report.html", faces=False)
    return Markup((run / "report.html").read_text("utf-8"))


@pytest.fixture(scope="module")
def results(run):
    return json.loads((run / "results.json").read_text())


@pytest.fixture(scope="module")
def clips(run) -> pd.DataFrame:
    return ScoreTable.read_csv(run / "scores.csv").clips().frame


def metric(results, part, name, policy=""):
    keys = {"part": part, "level": "clip", "metric": name, "threshold_policy": policy}
    return next(row for row in results["metrics"] if keys.items() <= row.items())


def rates(clips: pd.DataFrame, threshold: float) -> list[str]:
    accepted = clips["score"] >= threshold  # nan is not
    live = clips["label"] == "bonafide"
    shown = []
    for wrong in (~accepted[live], accepted[~live]):
        unit = Clusters.of(clips.loc[wrong.index].reset_index()).unit
        few = ", few" if len(set(unit)) < 20 else ""
        interval = proportion_interval(wrong.to_numpy(), unit)
        ends = f"[{100 * interval.low:.2f}, {100 * interval.high:.2f}] exact"
        shown += [f"{len(wrong)}, {len(set(unit))}", f"{100 * wrong.mean():.2f} %{few}{ends}"]
    return shown


def test_errors_are_broken_down_by_what_the_release_tells_and_by_source_domain(page, clips, results):
    keys = {"level": "clip", "policy": HONEST}
    threshold = next(row["value"] for row in results["thresholds"] if keys.items() <= row.items())
    test, val = (clips[clips["part"] == part] for part in ("test", "val"))
    for caption, frame, column, number in (
        ("By device", test, "field_device", 2),
        ("By training range", test, "field_training_range", 2),
        ("By domain of the held-out sources", val, "domain", 3),
    ):
        rows = page.table(caption)
        assert len(rows) == number
        for row in rows:
            group, *shown = row.values()
            assert shown == rates(frame[frame[column] == group], threshold), (caption, group)


@pytest.mark.usefixtures("undrawn")
def test_scores_on_other_data_name_what_the_network_was_trained_on(run, tmp_path):
    assert "Network" not in dict(run_page([RunFolder.read(run)], [], faces=False).facts)
    folder = shutil.copytree(run, tmp_path / "run")
    about = json.loads((folder / "run.json").read_text())
    trained = {"protocol": "mcio:CI2O", "recipe": "standard"}
    (folder / "run.json").write_text(json.dumps({**about, "trained_on": trained}))
    facts = dict(run_page([RunFolder.read(folder)], [], faces=False).facts)
    assert facts["Network"] == "trained on mcio:CI2O, standard"


@pytest.mark.usefixtures("undrawn")
def test_clips_of_a_run_that_reports_a_mean_are_judged_at_the_threshold_of_their_network(run, clips, results, tmp_path):
    folder = shutil.copytree(run, tmp_path / "run")
    keys = {"level": "clip", "policy": HONEST}
    row = next(row for row in results["thresholds"] if keys.items() <= row.items())
    other = [{**entry, "value": 0.99} if entry == row else entry for entry in results["thresholds"]]  # that of the mean
    (folder / "results.json").write_text(json.dumps({**results, "thresholds": other, "averaged_over": 3}))
    write_report([folder], tmp_path / "report.html", faces=False)
    page = Markup((tmp_path / "report.html").read_text("utf-8"))
    val = clips[clips["part"] == "val"]
    for line in page.table("By domain of the held-out sources"):
        group, *shown = line.values()
        assert shown == rates(val[val["domain"] == group], row["value"])
    for section in ("breakdown", "mistakes"):
        assert "Of the last network alone, at its own threshold" in page.sections[section]
    assert page.sections["metrics"].count("Each number is the mean over 3 networks") == 2


def test_the_iso_page_states_operating_points_with_their_intervals(page, results):
    rows = {row["Rate"]: row for row in page.table("Operating points")}
    oracle = "of the same part (oracle)"
    for title, name, policy in (
        ("APCER max, worst species", "apcer", HONEST),
        ("BPCER", "bpcer", HONEST),
        ("ACER max, worst species", "acer_max", HONEST),
        ("BPCER10", "bpcer10", f"apcer_max@0.1 {oracle}"),
        ("BPCER20", "bpcer20", f"apcer_max@0.05 {oracle}"),
        ("BPCER100", "bpcer100", f"apcer_max@0.01 {oracle}"),
        ("EER", "eer", ""),
    ):
        entry = metric(results, "test", name, policy)
        numbers = [100 * entry[key] for key in ("value", "low", "high")]
        number = "{:.2f} % [{:.2f}, {:.2f}] {}".format(*numbers, entry["rule"])
        assert rows[title]["Unseen domain [95 %]"] == number, title
        assert rows[title]["Threshold from"] == (policy or "the same part (oracle)")
    assert rows["BPNRR, bona fide non-response"]["Unseen domain [95 %]"].startswith("12.50 %")  # 1 of 8 gave no face
    section = page.sections["iso"]
    assert "8 subjects; fewer than 20: too few to tell; 10000 resamples" in section
    species = {
        row["PAI species, by attack_type"]: row for row in page.table("Attacks of the unseen domain, by species")
    }
    kept = {"part": "test", "level": "clip", "threshold_policy": HONEST}
    for row in (row for row in results["species"] if kept.items() <= row.items()):
        shown = species[row["species"]]
        assert (shown["Presentations"], shown["People"]) == (str(row["n"]), "8")
        assert shown["Accepted"] == f"{round(row['apcer'] * row['n'])} of {row['n']}"


def test_the_sheet_alone_says_what_was_tested_which_seed_and_what_is_not_known(run, tmp_path):
    write_sheet([run, run], tmp_path / "sheet.html", product="Gate 3")
    sheet = Markup((tmp_path / "sheet.html").read_text("utf-8"))
    assert "ISO/IEC 30107-3 sheet: Gate 3" in sheet.text
    for words in ("seed 0 alone, first of 2 runs (seeds 0, 0)", "retinaface", "MSU-MFSD", "recipe standard",
                  "Bundle, SHA-256: no bundle is named (--bundle).", "Next:"):  # fmt: skip
        assert words in sheet.text, words
    row = next(row for row in sheet.table("Operating points") if row["Rate"] == "BPCER")
    value = row["Unseen domain [95 %]"].partition(" %")[0]
    assert row["Median of 2 runs (lowest to highest)"] == f"{value} % ({value} to {value})"


def test_a_source_threshold_is_followed_to_the_target(page, results):
    for row in page.table("One threshold, two places"):
        title, *shown = row.values()
        name = {"APCER, worst species": "apcer", "BPCER": "bpcer", "HTER": "hter"}[title]
        rows = [metric(results, part, name, HONEST) for part in ("val", "test")]
        cells = ["{:.2f} %[{:.2f}, {:.2f}] {}".format(*(100 * r[k] for k in ("value", "low", "high")), r["rule"])
                 for r in rows]  # fmt: skip
        assert shown == [*cells, f"{100 * (rows[1]['value'] - rows[0]['value']):+.2f} points"]


def test_calibration_is_that_of_the_clips(page, clips):
    rows = {row["Clips of"]: row for row in page.table("Calibration")}
    for part, title in (("test", "unseen domain"), ("val", "held-out source")):
        those = clips[(clips["part"] == part) & clips["score"].notna()]
        labels = (those["label"] == "bonafide").to_numpy(int)
        inside = those["score"].between(0, 1).all()
        cost = f"{cllr(those['score'], labels):.3f}" if inside else "scores are no probabilities"
        assert (rows[title]["Cllr"], rows[title]["min Cllr"]) == (cost, f"{min_cllr(those['score'], labels):.3f}")


def test_curves_are_drawn_with_a_band_and_on_normal_deviates(page):
    section = page.sections["scores"]
    for title in ("ROC curves", "ROC curve with its band: unseen domain, clips", "DET curves"):
        assert title in section
    named = " ".join(value for _, name, value in page.attributes if name in ("aria-label", "alt")) + page.text
    assert "DET curves at clip level" in named


def test_the_ledger_lists_every_part_and_research_only_is_said_at_the_top(page):
    rows = {(row["Part"], row["Name"]): row for row in page.table("What this run is made of")}
    for name in ("CASIA-FASD", "Replay-Attack", "OULU-NPU", "MSU-MFSD"):
        assert rows["dataset", name]["Use"] == "research only" and rows["dataset", name]["Licence or terms"]
    assert rows["face detector", "retinaface"]["Use"] == "research only"
    assert "torchvision" in rows["starting weights", "resnet18.tv_in1k"]["Licence or terms"]
    top = page.sections["glance"]
    assert "For research only" in top and "OULU-NPU" in top and "retinaface" in top


@pytest.mark.parametrize("research_only", [True, False])
def test_the_ledger_knows_own_data_by_the_card_that_their_store_keeps(run, tmp_path, monkeypatch, research_only):
    folder = shutil.copytree(run, tmp_path / "run")
    read = RunFolder.read(folder)
    store = Path(read.run.library) / "entry"
    store.mkdir(exist_ok=True)
    monkeypatch.setattr("fastrain.report.ledger._slugs", lambda _: ["entry"])
    card = KeptCard(name="Entry-Hall", licence="in the house alone", research_only=research_only)
    (store / FILE).write_text(card.text(), encoding="utf-8")
    entry = next(iter(entries(read)))
    assert (entry.name, entry.licence, entry.research_only) == ("Entry-Hall", "in the house alone", research_only)
    (store / FILE).unlink()
    assert next(iter(entries(read))).research_only is None


def test_digital_attacks_stand_apart_in_the_error_rates(run, page, tmp_path):
    caption = "Attacks accepted, by family"
    assert not [words for words in page.tables if words.startswith(caption)]
    folder = tmp_path / "digital"
    shutil.copytree(run, folder)
    results = json.loads((folder / "results.json").read_text())
    at = {"part": "test", "level": "clip", "threshold_policy": HONEST, "few": True}
    results["families"] = [
        {**at, "family": "physical", "species": ["print"], "n": 4, "apcer": 0.25, "low": 0.1, "high": 0.5},
        {**at, "family": "digital", "species": ["face-swap"], "n": 8, "apcer": 0.5, "low": 0.2, "high": 0.7},
    ]
    (folder / "results.json").write_text(json.dumps(results))
    write_report([folder], folder / "report.html", faces=False)
    (cells,) = Markup((folder / "report.html").read_text("utf-8")).table(caption)
    assert [cells[name].split("[")[0].strip() for name in ("APCER, physical", "APCER, digital", "Digital species")] == [
        "25.00 % of 4, few", "50.00 % of 8, few", "face-swap",
    ]  # fmt: skip
