"""The report of runs: complete in itself, true to the files, and still a report where files are missing."""

import json
import re
import shutil
from statistics import median

import numpy as np
import pytest

from fasdata.errors import UserError
from fastrain.evaluation.scores import ScoreTable
from fastrain.report.mistakes import shows_people, worst_mistakes
from fastrain.report.run_report import write_report
from fastrain.report.training import block_means
from tests.fasdata.page.markup import Markup
from tests.fastrain.report.fabricate import fabricate_run, fabricate_store

pytestmark = pytest.mark.charts

SECTIONS = [
    "glance", "lines", "iso", "scores", "metrics", "breakdown", "transfer", "mistakes", "training", "data", "ledger",
    "configuration", "environment", "words",
]  # fmt: skip
HONEST, ORACLE = "source_eer", "target_eer (oracle)"


@pytest.fixture(scope="module")
def library(tmp_path_factory):
    folder = tmp_path_factory.mktemp("library")
    fabricate_store(folder)
    return folder


@pytest.fixture(scope="module")
def runs(tmp_path_factory, library):
    top = tmp_path_factory.mktemp("runs")
    return [fabricate_run(top / f"erm-{seed}", seed=seed, library=library) for seed in range(3)]


@pytest.fixture(scope="module")
def html(runs, tmp_path_factory):
    out = tmp_path_factory.mktemp("out") / "report.html"
    write_report(runs[:1], out, faces=True)
    return out.read_text("utf-8")


@pytest.fixture(scope="module")
def page(html):
    return Markup(html)


@pytest.fixture
def copied(runs, tmp_path):
    return shutil.copytree(runs[0], tmp_path / "run")


def reported(run, tmp_path, **options):
    write_report([run], tmp_path / "report.html", **options)
    return Markup((tmp_path / "report.html").read_text("utf-8"))


def result_of(run, part, level, metric, policy=""):
    rows = json.loads((run / "results.json").read_text())["metrics"]
    keys = {"part": part, "level": level, "metric": metric, "threshold_policy": policy}
    return next(row["value"] for row in rows if keys.items() <= row.items())


def shown_of(run, part, level, metric, policy=""):
    """Return the number as a cell shows it, its interval and rule below it."""
    rows = json.loads((run / "results.json").read_text())["metrics"]
    keys = {"part": part, "level": level, "metric": metric, "threshold_policy": policy}
    row = next(row for row in rows if keys.items() <= row.items())
    spelled = "{:.3f}".format if metric == "auc" else (lambda share: f"{100 * share:.2f}")
    number = spelled(row["value"]) + ("" if metric == "auc" else " %")
    return number + (f"[{spelled(row['low'])}, {spelled(row['high'])}] {row['rule']}" if "low" in row else "")


def test_nothing_is_fetched_and_nothing_runs(page, html):
    for tag, name, value in page.attributes:
        if name in ("src", "href", "xlink:href", "data", "action", "poster", "srcset"):
            assert value.startswith(("data:image/", "#")), (tag, name, value)
        assert not name.startswith("on")
    assert not {"script", "link", "iframe", "object", "embed", "base"} & set(page.tags)
    assert not re.search(r"https?:|@import", html)
    assert all(address.startswith("#") for address in re.findall(r"url\(([^)]*)\)", html))


def test_every_link_leads_somewhere(page):
    ids = [value for _, name, value in page.attributes if name == "id"]
    assert len(ids) == len(set(ids))
    links = {value[1:] for _, name, value in page.attributes if name.endswith("href")}
    assert links <= set(ids)


def test_all_sections_are_there(page):
    assert list(page.sections) == SECTIONS


def test_same_runs_same_bytes(runs, html, tmp_path):
    write_report(runs[:1], tmp_path / "again.html", faces=True)
    assert (tmp_path / "again.html").read_text("utf-8") == html


def test_nothing_looks_like_a_hole(page):
    assert not re.search(r"\b(nan|NaN|None|inf|null|undefined|Undefined)\b", page.text)


def test_headline_names_what_it_is_about(page):
    for words in ("erm on CIO-M", "mcio:CIO2M", "standard", "MSU-MFSD", "source_val, metric auc", "iteration 300"):
        assert words in page.text


def test_two_lines_equal_the_results(runs, page):
    rows = {row["Clip level"]: row for row in page.table("The two lines")}
    honest, oracle = list(rows["Threshold policy"])[1:]
    assert (rows["Threshold policy"][honest], rows["Threshold policy"][oracle]) == (HONEST, ORACLE)
    run = runs[0]
    assert rows["Unseen domain AUC"][honest] == shown_of(run, "test", "clip", "auc")
    assert rows["Held-out source AUC"][honest] == shown_of(run, "val", "clip", "auc")
    assert rows["Unseen domain HTER"][honest] == shown_of(run, "test", "clip", "hter", HONEST)
    assert rows["Unseen domain HTER"][oracle] == shown_of(run, "test", "clip", "hter", ORACLE)
    assert rows["Unseen domain EER"][oracle] == shown_of(run, "test", "clip", "eer")
    assert rows["Unseen domain EER"][honest] == "needs the target's labels"


def test_error_rates_equal_the_results_and_name_their_policies(runs, page):
    parts = {"unseen domain": "test", "held-out source": "val"}
    rows = page.table("Error rates at clip and frame level; checkpoint selected by source_val")
    # Four policies on the target at two levels; on the source only the two that do not look at the target.
    assert len(rows) == 2 * 4 + 2 * 2
    for row in rows:
        where = parts[row["Scores of"]], row["Level"]
        for title, name in (("HTER", "hter"), ("APCER, worst species", "apcer"), ("BPCER", "bpcer")):
            assert row[title] == shown_of(runs[0], *where, name, row["Threshold policy"])
        assert row["AUC"] == shown_of(runs[0], *where, "auc")
        assert row["EER"] == shown_of(runs[0], *where, "eer")


def test_species_equal_the_results(runs, page):
    species = json.loads((runs[0] / "results.json").read_text())["species"]
    rows = page.table("Attacks accepted, by attack species")
    row = next(r for r in rows if (r["Scores of"], r["Level"]) == ("unseen domain", "clip"))
    for kind in ("print", "replay"):
        keys = {"part": "test", "level": "clip", "species": kind, "threshold_policy": row["Threshold policy"]}
        counts = next(r for r in species if keys.items() <= r.items())
        ends = f"[{100 * counts['low']:.2f}, {100 * counts['high']:.2f}] exact"
        assert row[f"APCER {kind}"] == f"{100 * counts['apcer']:.2f} % of {counts['n']}, few{ends}"


def test_failures_to_acquire_are_shown_apart(page):
    row = page.table("Non-response")[0]
    assert row["Bona fide without a face"] == "12.50 % [0.32, 52.65] exact"  # 1 of 8 clips of 8 people
    assert "Another 1 bona fide without a usable face" in page.sections["mistakes"]


def test_verdict_counts_the_people(page):
    assert "On 12 held-out people from the source datasets (36 clips" in page.sections["glance"]


def test_mistakes_are_those_furthest_on_the_wrong_side(runs, page):
    table = ScoreTable.read_csv(runs[0] / "scores.csv").clips().frame
    thresholds = json.loads((runs[0] / "results.json").read_text())["thresholds"]
    threshold = next(row["value"] for row in thresholds if (row["level"], row["policy"]) == ("clip", HONEST))
    wrong = []
    for row in table[(table["part"] == "test") & table["score"].notna()].itertuples():
        accepted = row.score >= threshold
        if accepted != (row.label == "bonafide"):
            wrong.append((abs(row.score - threshold), row.clip_id))
    assert [clip for _, clip in sorted(wrong, reverse=True)] == list(worst_mistakes(table, threshold)["clip_id"])
    shown = re.findall(r"msu-mfsd/(\S+)/\d+", page.sections["mistakes"])
    assert shown == [clip for _, clip in sorted(wrong, reverse=True)][:10]


@pytest.mark.usefixtures("undrawn")
def test_no_more_than_ten_mistakes(library, tmp_path):
    run = fabricate_run(tmp_path / "run", library=library, gap=-0.3)
    page = reported(run, tmp_path, faces=True)
    assert page.tags.count("img") == 10
    assert "Shown: the 10 furthest" in page.sections["mistakes"]


def test_pictures_come_from_the_store(page):
    sources = [value for tag, name, value in page.attributes if (tag, name) == ("img", "src")]
    assert sources
    assert all(source.startswith("data:image/jpeg;base64,") for source in sources)
    assert len(sources) == page.sections["mistakes"].count("from the threshold")


def test_whether_a_page_shows_people_is_read_off_it(html, tmp_path):
    written = tmp_path / "r.html"
    assert not shows_people(written)
    for words, shown in ((html, True), (re.sub(r'src="data:[^"]*"', "", html), False)):
        written.write_text(words, encoding="utf-8")
        assert shows_people(written) is shown


@pytest.mark.usefixtures("undrawn")
def test_without_faces_there_is_no_picture(runs, tmp_path):
    page = reported(runs[0], tmp_path)
    assert "img" not in page.tags
    assert "data:image" not in (tmp_path / "report.html").read_text()
    assert "shown only when asked for (--faces)" in page.sections["mistakes"]
    assert "from the threshold" in page.sections["mistakes"]


@pytest.mark.usefixtures("undrawn")
def test_without_a_store_the_report_says_so(copied, tmp_path):
    settings = json.loads((copied / "run.json").read_text())
    (copied / "run.json").write_text(json.dumps(settings | {"library": str(tmp_path / "nowhere")}))
    page = reported(copied, tmp_path, faces=True)
    assert "img" not in page.tags
    assert "no store of msu-mfsd in the library" in page.sections["mistakes"]


@pytest.mark.usefixtures("undrawn")
def test_hostile_names_stay_text(library, tmp_path):
    evil = "<script>alert(1)</script>"
    run = fabricate_run(tmp_path / "run", library=library, clip_id="{subject}__{kind}" + evil, gap=-0.3)
    settings = json.loads((run / "run.json").read_text())
    settings |= {"method": evil, "protocol_alias": evil, "overrides": [evil], "versions": {evil: evil}}
    (run / "run.json").write_text(json.dumps(settings))
    (run / "config.yaml").write_text(f"method: '{evil}'\n")
    page = reported(run, tmp_path)
    assert "script" not in page.tags
    for section in ("mistakes", "configuration", "environment"):
        assert evil in page.sections[section]


def test_data_are_told_with_losses_and_reasons(page):
    held = page.table("What the manifest holds")
    assert {row["Part"] for row in held} == {"training", "held-out source", "unseen domain"}
    target = [row for row in held if row["Part"] == "unseen domain"]
    assert [(r["Label"], r["Clips"], r["Frames"], r["Subjects"], r["Clips without a face"]) for r in target] == [
        ("bona fide", "8", "14", "8", "1"),
        ("attack", "16", "28", "8", "2"),
    ]
    lost = [(row["Lost"], row["What became of it"], row["Reason"]) for row in page.table("What was lost, and why")]
    assert lost == [
        ("2 clips", "clip dropped", "no face found"),
        ("1 clip", "clip kept as failure to acquire", "no face found"),
        ("3 frames", "frame left out, clip kept", "face cut off"),
    ]
    off = page.table("Clips before any drop")
    assert [(row["Expected clips"], row["Found"], row["Difference"]) for row in off] == [("210", "16", "-92.4 %")]
    assert "no validation clips, one subject only" in page.sections["data"]
    assert "Every clip of the held-out source and of the unseen domain went into the scores." in page.sections["data"]


@pytest.mark.usefixtures("undrawn")
def test_scores_of_other_clips_than_the_manifest_holds_are_noticed(copied, tmp_path):
    run = copied
    results = json.loads((run / "results.json").read_text())
    results["counts"][0]["clips"] += 1
    (run / "results.json").write_text(json.dumps(results))
    page = reported(run, tmp_path)
    assert "not those of the manifest" in page.sections["data"]
    assert page.table("What was scored")[0]["Clips"] == "5"


@pytest.mark.usefixtures("undrawn")
def test_seeds_and_their_median(runs, library, tmp_path):
    control = fabricate_run(tmp_path / "shuffled", seed=7, library=library, shuffled=True)
    write_report(runs, tmp_path / "r.html", control=[control])
    page = Markup((tmp_path / "r.html").read_text("utf-8"))
    assert list(page.sections)[:2] == ["glance", "seeds"]
    rows = {row["Run"]: row for row in page.table("Each run at clip level")}
    assert list(rows) == ["erm-0", "erm-1", "erm-2", "Median of 3 runs", "control: shuffled"]
    for title, where in (
        ("Held-out source AUC", ("val", "clip", "auc")),
        ("Unseen domain AUC", ("test", "clip", "auc")),
    ):
        values = [result_of(run, *where) for run in runs]
        assert [rows[run.name][title] for run in runs] == [shown_of(run, *where) for run in runs]
        assert rows["Median of 3 runs"][title] == f"{median(values):.3f}"
        assert rows["control: shuffled"][title] == shown_of(control, *where)
    hter = [result_of(run, "test", "clip", "hter", HONEST) for run in runs]
    assert rows["Median of 3 runs"]["Unseen domain HTER, threshold source_eer"] == f"{100 * median(hter):.2f} %"
    assert "over 3 runs" in page.sections["glance"]
    assert "Trained the same way on shuffled labels" in page.sections["glance"]


@pytest.mark.usefixtures("undrawn")
def test_runs_that_do_not_belong_together_are_named(runs, copied, tmp_path):
    other = copied
    settings = json.loads((other / "run.json").read_text())
    (other / "run.json").write_text(json.dumps(settings | {"method": "hfn_mp"}))
    write_report([runs[0], other], tmp_path / "r.html", control=[runs[1]])
    seeds = Markup((tmp_path / "r.html").read_text("utf-8")).sections["seeds"]
    assert "method: erm, hfn_mp" in seeds
    assert "Given as control, but trained on true labels" in seeds


WHERE_MISSED = {
    "results.json": "metrics", "scores.csv": "mistakes", "metrics.jsonl": "training", "config.yaml": "configuration",
    "manifest.json": "data", "probe.json": "glance",
}  # fmt: skip


@pytest.mark.usefixtures("undrawn")
@pytest.mark.parametrize("file", WHERE_MISSED)
def test_a_missing_file_is_said(copied, tmp_path, file):
    (copied / file).unlink()
    page = reported(copied, tmp_path)
    words = f"{file} is not in the run folder"
    assert words in page.sections["missing"]
    assert words in page.sections[WHERE_MISSED[file]]
    assert set(SECTIONS) < set(page.sections)


@pytest.mark.usefixtures("undrawn")
@pytest.mark.parametrize("content", [b'{"a": \xff\n{"b": ', b"", b"[1]\n[2]", b'{"a": NaN}'])
def test_damaged_files_are_said(copied, tmp_path, content):
    for file in WHERE_MISSED:
        (copied / file).write_bytes(content)
    page = reported(copied, tmp_path)
    assert "manifest.json could not be read" in page.sections["missing"]
    assert "scores.csv could not be read" in page.sections["missing"]
    assert not re.search(r"\b(nan|None)\b", page.text)


@pytest.mark.usefixtures("undrawn")
def test_a_run_that_was_stopped_still_reports(copied, tmp_path):
    run = copied
    for name in ("results.json", "scores.csv", "probe.json"):
        (run / name).unlink()
    with (run / "metrics.jsonl").open("a") as log:
        log.write('{"kind": "train", "iter')
    page = reported(run, tmp_path)
    assert "There is no number to judge by" in page.sections["glance"]
    assert "Training losses" in page.sections["training"]


@pytest.mark.usefixtures("undrawn")
def test_without_validation_part(library, tmp_path):
    run = fabricate_run(tmp_path / "run", library=library, validation=False)
    page = reported(run, tmp_path)
    rows = {row["Clip level"]: list(row.values()) for row in page.table("The two lines")}
    assert rows["Held-out source AUC"][1] == "no held-out source scores"
    assert rows["Unseen domain HTER"][1] == "there is no part val"
    assert rows["Unseen domain HTER"][2].endswith("] joined")
    assert "No list of mistakes: there is no part val." in page.sections["mistakes"]


@pytest.mark.usefixtures("undrawn")
def test_one_label_only(library, tmp_path):
    run = fabricate_run(tmp_path / "run", library=library, attack_types=())
    page = reported(run, tmp_path)
    assert "No part has scores of both labels" in page.sections["scores"]
    assert not re.search(r"\b(nan|None)\b", page.text)


def test_an_empty_run_folder_object_is_enough(tmp_path):
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "run.json").write_text("{}")
    page = reported(tmp_path / "run", tmp_path)
    assert "unknown method on unknown protocol" in page.text
    assert set(SECTIONS) < set(page.sections)


@pytest.mark.parametrize("content", [None, "", "[1]", "{"])
def test_what_is_no_run_folder_is_refused(tmp_path, content):
    (tmp_path / "run").mkdir()
    if content is not None:
        (tmp_path / "run" / "run.json").write_text(content)
    with pytest.raises(UserError, match="is not a run folder"):
        write_report([tmp_path / "run"], tmp_path / "r.html")
    assert not (tmp_path / "r.html").exists()
    with pytest.raises(UserError, match="no run folder at"):
        write_report([tmp_path / "nothing"], tmp_path / "r.html")
    with pytest.raises(UserError, match="no run to report on"):
        write_report([], tmp_path / "r.html")


def test_long_logs_are_thinned_by_means(library, tmp_path):
    points = np.column_stack([np.arange(10), np.arange(10) ** 2]).astype(float)
    assert block_means(points, 4).tolist() == [[1.5, 3.5], [5.5, 31.5], [8.5, 72.5]]
