"""Runs side by side: what goes together, what is refused, what the numbers are, and every form of the table."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from typer.testing import CliRunner

from fasdata.errors import UserError
from fastrain.claims.published import load_published
from fastrain.cli import app
from fastrain.compare.compare import compare, comparison_of, written
from fastrain.compare.comparison import compared
from fastrain.compare.judged import columns_with
from fastrain.compare.system import ScoredRun, System, systems_of
from fastrain.evaluation.measures import measured
from fastrain.evaluation.metrics.curve import auc, eer
from fastrain.evaluation.metrics.rates import hter
from fastrain.evaluation.scores import Samples, ScoreTable
from fastrain.evaluation.statistics.clusters import Clusters
from fastrain.evaluation.statistics.paired import decided, holm, ranked, sign_flip
from fastrain.evaluation.thresholds import held_out_threshold, named_policy
from tests.commands import Called
from tests.fastrain.evaluation.tables import frame, row

PEOPLE, CLIPS = 24, 2


def scores(strength: float, seed: int) -> ScoreTable:
    """A target of 24 people and a held-out part; the higher `strength`, the further apart the classes."""
    rng = np.random.default_rng(seed)
    rows = []
    for part, dataset, people in (("test", "MSU-MFSD", PEOPLE), ("val", "OULU-NPU", 8)):
        for person in range(people):
            for clip in range(CLIPS):
                for label, up in (("bonafide", strength), ("attack:print", 0.0)):
                    score = float(1 / (1 + np.exp(-(up - strength / 2 + rng.normal()))))
                    name = f"{person:02}{clip}{label[0]}"
                    rows.append(row(name, score, label, part=part, dataset=dataset, subject=f"s{person}"))
    return ScoreTable(frame(*rows))


def write_run(
    folder: Path, method: str, strength: float, seed: int, *, data: str = "aa", noise: int = 0, **about: Any
) -> Path:
    folder.mkdir(parents=True)
    facts = {
        "method": method, "protocol": "mcio:CIO2M", "protocol_alias": "CIO-M", "recipe": "standard", "seed": seed,
        "manifest_fingerprint": data, "status": "finished", "selection": {"policy": "last"}, "shuffle_labels": False,
    }  # fmt: skip
    manifest = {
        "recipe": {"name": about.pop("recipe_name", "standard")},
        "stores": {"msu-mfsd": data},
        "counts": [{"part": "test", "dataset": "msu-mfsd", "label": "attack", "clips": about.pop("clips", 48)}],
    }
    config = {"method": method, "model": about.pop("model", {}), "train": {"seed": seed}}
    (folder / "run.json").write_text(json.dumps({**facts, **about}))
    (folder / "manifest.json").write_text(json.dumps(manifest))
    (folder / "config.yaml").write_text(yaml.safe_dump(config))
    scores(strength, 100 * seed + noise).write_csv(folder / "scores.csv")
    return folder


def in_every_form(runs: list[Path], *, published: bool = True, **options: Any) -> dict[str, str]:
    """What `compare` writes in each form, of one computation."""
    comparison, claims = comparison_of(runs, **options), load_published() if published else []
    return {form: written(comparison, claims, form) for form in ("text", "md", "latex", "html")}


@pytest.fixture
def runs(tmp_path: Path) -> list[Path]:
    """Two seeds of a good method and two of the baseline."""
    return [
        write_run(tmp_path / f"{method}{seed}", method, strength, seed, noise=noise)
        for method, strength, noise in (("hfn_mp", 4.0, 0), ("erm", 0.8, 1))
        for seed in (0, 1)
    ]


def test_seeds_go_together_and_the_numbers_are_the_means(runs: list[Path]) -> None:
    systems_by_protocol = systems_of([ScoredRun.read(folder) for folder in runs])
    assert {name: [(s.name, len(s.runs)) for s in systems] for name, systems in systems_by_protocol.items()} == {
        "mcio:CIO2M": [("hfn_mp", 2), ("erm", 2)]
    }
    table = compared("mcio:CIO2M", systems_by_protocol["mcio:CIO2M"], resamples=400)
    assert table.baseline == "erm" and table.people.startswith("24 subjects (in simulated studies of 15 and 30 people ")
    good, base = table.lines
    aucs, hters = [], []
    for folder in runs[:2]:
        clips = ScoreTable.read_csv(folder / "scores.csv").clips().frame
        test, val = (clips[clips["part"] == part] for part in ("test", "val"))
        labels = [(part["label"] == "bonafide").to_numpy(int) for part in (test, val)]
        aucs.append(auc(test["score"], labels[0]))
        hters.append(hter(test["score"], labels[0], eer(val["score"], labels[1]).threshold))
    assert good.cells[0].value == pytest.approx(np.mean(aucs))
    assert good.cells[0].sd == pytest.approx(np.std(aucs, ddof=1))
    assert good.cells[1].value == pytest.approx(np.mean(hters))
    for cell in (*good.cells, *base.cells):
        assert cell.interval is not None and cell.interval.low <= cell.value <= cell.interval.high
    assert [cell.mark for cell in good.cells] == ["▲▲"] * 4 and [cell.mark for cell in base.cells] == [""] * 4
    assert all(cell.best for cell in good.cells) and not any(cell.best for cell in base.cells)
    assert {cell.interval.rule for cell in (*good.cells, *base.cells)} == {"two-level"}


def test_a_mean_over_networks_is_compared_as_that_mean(tmp_path: Path, runs: list[Path]) -> None:
    """A run that reports the mean over its last epochs is not shown as the last network alone."""
    table, other = (ScoreTable.read_csv(runs[place] / "scores.csv") for place in (0, 2))
    both = ScoreTable(table.frame.assign(score_at_5=other.frame["score"]))  # a good last network, a poor one before
    both.write_csv(runs[0] / "scores.csv")
    (systems,) = systems_of([ScoredRun.read(folder) for folder in (runs[0], runs[2])]).values()
    mean, poor = compared("mcio:CIO2M", systems, resamples=400).lines
    test = table.clips().frame
    labels = (test[test["part"] == "test"]["label"] == "bonafide").to_numpy(int)
    good = auc(test[test["part"] == "test"]["score"], labels)
    assert mean.cells[0].value == pytest.approx((good + poor.cells[0].value) / 2)
    assert mean.cells[0].value < good
    text = compare([runs[0], runs[2]], resamples=200)
    assert "hfn_mp against erm, exchanges of 24 people: AUC p " in text


def test_systems_are_tested_on_the_same_people(runs: list[Path]) -> None:
    """Each column by exchanging people, corrected for the four tests; the baseline's own row has none."""
    (systems,) = systems_of([ScoredRun.read(folder) for folder in (runs[0], runs[2])]).values()
    table = compared("mcio:CIO2M", systems, resamples=400)
    tables = [ScoreTable.read_csv(folder / "scores.csv") for folder in (runs[0], runs[2])]
    clips = [scores.clips().part("test") for scores in tables]
    samples = [Samples.of(rows, "count") for rows in clips]
    clusters = Clusters.of(clips[0].frame)
    at = [held_out_threshold(scores) for scores in tables]
    by_rank, by_decision = ([tuple(map(ranked, samples))], [tuple(map(decided, samples, at))])
    tests = [
        sign_flip(by_rank, clusters, measured("auc").at(np.nan), draws=400),
        sign_flip(by_decision, clusters, measured("hter").at(0.5), draws=400),
        sign_flip(by_rank, clusters, measured("eer").at(np.nan), draws=400),
        sign_flip(by_rank, clusters, measured("bpcer20").at(np.nan), draws=400),
    ]
    cells = table.lines[0].cells
    assert [cell.verdict.test for cell in cells] == tests
    assert [cell.verdict.corrected for cell in cells] == pytest.approx(holm([test.p for test in tests]))
    assert [test.difference for test in tests] == pytest.approx(
        [a.value - b.value for a, b in zip(cells, table.lines[1].cells, strict=True)]
    )
    assert [cell.verdict.better for cell in cells] == [1, 1, 1, 1]
    (line,) = (line for line in compare([runs[0], runs[2]], resamples=400).splitlines() if line.startswith("hfn_mp ag"))
    assert line.startswith("hfn_mp against erm, exchanges of 24 people: AUC p = 0.002, corrected p = 0.010 (smallest")
    assert "reachable 0.00249)" in line  # 1 / 401


def test_a_threshold_that_is_given_or_of_the_sources_gets_a_column(runs: list[Path]) -> None:
    (systems,) = systems_of([ScoredRun.read(folder) for folder in (runs[0], runs[2])]).values()
    columns = columns_with([named_policy(text) for text in ("fixed(0.7)", "source_eer", "source_bpcer(0.2)")])
    table = compared("mcio:CIO2M", systems, resamples=400, columns=columns)
    assert [title for title, _, _ in table.columns[4:]] == ["HTER at fixed(0.7)", "HTER at source_bpcer(0.2)"]
    judged = []
    for line, folder in zip(table.lines, (runs[0], runs[2]), strict=True):
        clips = ScoreTable.read_csv(folder / "scores.csv").clips()
        judged.append(Samples.of(clips.part("test"), "count"))
        limited = held_out_threshold(clips, named_policy("source_bpcer(0.2)"))
        rates = [hter(judged[-1].scores, judged[-1].labels, at) for at in (0.7, limited)]
        assert [cell.value for cell in line.cells[4:]] == pytest.approx(rates)
        assert all(cell.interval.low <= cell.value <= cell.interval.high for cell in line.cells[4:])
    clusters = Clusters.of(ScoreTable.read_csv(runs[0] / "scores.csv").clips().part("test").frame)
    pair = tuple(decided(samples, 0.7) for samples in judged)
    expected = sign_flip([pair], clusters, measured("hter").at(0.5), draws=400)
    assert table.lines[0].cells[4].verdict.test == expected and expected.difference < 0
    for text in in_every_form(runs, resamples=200, thresholds=["fixed(0.7)"]).values():
        assert "HTER at fixed(0.7)" in text.replace(r"\_", "_") and "given beforehand, the same for all" in text
    for name, words in (("target_min_hter", "looks at the labels it is judged on"), ("dev_eer", "development set")):
        assert words in Called("fastrain", "compare", *runs, "--threshold", name).line


def test_a_worse_system_is_marked_as_worse(runs: list[Path]) -> None:
    (systems,) = systems_of([ScoredRun.read(folder) for folder in runs]).values()
    table = compared("mcio:CIO2M", systems, resamples=400, baseline="hfn_mp")
    good, base = table.lines
    assert [cell.mark for cell in base.cells] == ["▼▼"] * 4 and not any(cell.best for cell in base.cells)
    assert all(cell.best for cell in good.cells)  # the baseline can be the best; that it is the baseline is no merit
    text = compare(runs, resamples=400, baseline="hfn_mp")
    rows = {line.split()[0]: line for line in text.splitlines()[2:4]}
    assert rows["hfn_mp"].startswith("hfn_mp (baseline)") and rows["hfn_mp"].count(" best") == 4
    assert rows["erm"].count("▼▼") == 4 and "▲" not in rows["erm"]


def test_the_best_is_set_off_only_where_it_is_better_than_every_other(tmp_path: Path, runs: list[Path]) -> None:
    """A third system as good as the best: both are better than the baseline, none is the best."""
    rival = write_run(tmp_path / "rival", "gac_fas", 4.0, 0, noise=7)
    (systems,) = systems_of([ScoredRun.read(folder) for folder in (runs[0], runs[2], rival)]).values()
    table = compared("mcio:CIO2M", systems, resamples=400)
    good, base, other = (line.cells[0] for line in table.lines)
    assert good.mark and other.mark and not any(cell.best for cell in (good, base, other))
    poor = write_run(tmp_path / "poor", "gac_fas", 2.0, 1, noise=7)
    (systems,) = systems_of([ScoredRun.read(folder) for folder in (runs[0], runs[2], poor)]).values()
    assert compared("mcio:CIO2M", systems, resamples=400).lines[0].cells[0].best


def test_seeds_that_disagree_widen_the_interval(runs: list[Path]) -> None:
    (systems,) = systems_of([ScoredRun.read(folder) for folder in runs]).values()
    both = compared("mcio:CIO2M", systems, resamples=400).lines[1].cells[1]
    alone = [
        compared("mcio:CIO2M", [System("erm", (run,))], resamples=400).lines[0].cells[1] for run in systems[1].runs
    ]
    mean = sum(cell.interval.high - cell.interval.low for cell in alone) / 2
    assert both.sd > 0.01 and both.interval.high - both.interval.low > mean
    assert both.value == pytest.approx(sum(cell.value for cell in alone) / 2)


@pytest.fixture
def four_people(tmp_path: Path) -> list[Path]:
    """Two systems that could not be further apart, on four people."""
    folders = [write_run(tmp_path / name, name, strength, 0) for name, strength in (("hfn_mp", 9.0), ("erm", 0.0))]
    for folder in folders:
        table = ScoreTable.read_csv(folder / "scores.csv")
        few = table.frame[(table.frame["part"] == "val") | table.frame["subject"].isin([f"s{i}" for i in range(4)])]
        ScoreTable(few).write_csv(folder / "scores.csv")
    return folders


def test_four_people_get_no_mark_in_any_form(four_people: list[Path]) -> None:
    for form, text in in_every_form(four_people, published=False, resamples=200).items():
        table, _, note = text.partition("Clip level; a clip without")
        table = table.partition("<main")[2] or table  # of a page without its style sheet
        assert "hfn" in table and "(baseline)" in table
        for mark in ("*", "▲", "▼", "blacktriangle", "<strong>", "textbf", "best"):
            assert mark not in table, (form, mark)
        assert "all exchanges of 4 people" in note and "(smallest reachable 0.125)" in note
        assert note.count("none distinguishable: with these people no difference could be") == 1  # of four columns
        assert "fewer than 20 people: nothing is marked" in note


def test_clips_of_people_that_nobody_names_get_no_mark_and_no_word_on_people(four_people: list[Path]) -> None:
    for folder in four_people:
        table = ScoreTable.read_csv(folder / "scores.csv")
        ScoreTable(table.frame.assign(subject="")).write_csv(folder / "scores.csv")
    text = compare(four_people, resamples=200)
    assert "none distinguishable; the people are not known: nothing is marked" in text
    assert all("▲" not in line for line in text.splitlines() if line.startswith(("hfn_mp ", "erm ")))


def test_a_system_like_the_baseline_is_not_marked(tmp_path: Path) -> None:
    folders = [
        write_run(tmp_path / name, name, 1.5, seed=0, noise=noise) for noise, name in enumerate(("erm", "hfn_mp"))
    ]
    text = compare(folders, resamples=400)
    assert not set("▲▼") & set(text.splitlines()[3])
    swapped = compare(folders, resamples=400, baseline="hfn_mp")
    assert "erm against hfn_mp, " in swapped and "hfn_mp against erm, " in text
    (words,) = re.findall(r"AUC p = [\d.]+, corrected p = [\d.]+ \(smallest reachable 0.00249\), not distinguishable; "
                          r"a difference below 0\.(\d+) would not be seen with these people", text)  # fmt: skip
    (systems,) = systems_of([ScoredRun.read(folder) for folder in folders]).values()
    verdict = compared("mcio:CIO2M", systems, resamples=400).lines[1].cells[0].verdict
    assert f"{verdict.unseen:.3f}" == f"0.{words}" and 0.03 < verdict.unseen < 0.3
    assert "points would not be seen" in text


def test_runs_of_other_data_are_refused_with_the_difference(tmp_path: Path, runs: list[Path]) -> None:
    other = write_run(tmp_path / "other", "gac_fas", 2.0, 0, data="bb", recipe_name="gac_fas", clips=40)
    with pytest.raises(UserError) as refused:
        compare([*runs, other])
    assert "not of the same data" in str(refused.value)
    for words in (
        "recipe (standard and gac_fas)",
        "the extraction of msu-mfsd",
        "clips of test msu-mfsd attack (48 and 40)",
    ):
        assert words in str(refused.value)
    text = compare([*runs, other], different_data=True, resamples=200)
    assert text.startswith("WARNING: the runs of mcio:CIO2M are not of the same data")
    assert "gac_fas" in text


def test_runs_that_scored_other_clips_are_never_compared(tmp_path: Path, runs: list[Path]) -> None:
    table = ScoreTable.read_csv(runs[0] / "scores.csv")
    ScoreTable(table.frame.iloc[1:]).write_csv(runs[0] / "scores.csv")
    with pytest.raises(UserError, match=r"scored different clips; found 1 clips that only one of them has"):
        compare(runs, different_data=True)


def test_what_cannot_be_compared_is_refused(tmp_path: Path, runs: list[Path]) -> None:
    with pytest.raises(UserError, match="is not finished; found running"):
        compare([write_run(tmp_path / "r", "erm", 1, 5, status="running")])
    with pytest.raises(UserError, match="shuffled labels"):
        compare([write_run(tmp_path / "s", "erm", 1, 6, shuffle_labels=True)])
    with pytest.raises(UserError, match="seed 0 of hfn_mp on mcio:CIO2M is given twice"):
        compare([*runs, runs[0]])
    with pytest.raises(UserError, match="no system is called 'rem'"):
        compare(runs, baseline="rem", resamples=100)
    with pytest.raises(UserError, match="form of a comparison"):
        compare(runs, form="pdf", resamples=100)


def test_an_imported_network_that_was_evaluated_stands_beside_trained_ones(tmp_path: Path, runs: list[Path]) -> None:
    imported = write_run(tmp_path / "i", "gac_fas", 3.0, 0, status="evaluated", selection={"policy": "theirs"})
    line = next(line for line in compare([imported, *runs], resamples=200).splitlines() if line.startswith("gac_fas "))
    assert line.split()[1:3] == ["0", "theirs"]


def test_two_configurations_of_a_method_are_named_apart(tmp_path: Path) -> None:
    folders = [
        write_run(tmp_path / "a", "erm", 2.0, 0, overrides=["train.seed=0", "lr=0.1"], model={"lr": 0.1}),
        write_run(tmp_path / "b", "erm", 2.0, 0, noise=3, preset="demo", model={"lr": 0.2}),
    ]
    (systems,) = systems_of([ScoredRun.read(folder) for folder in folders]).values()
    assert [system.name for system in systems] == ["erm (lr=0.1)", "erm (demo)"]


def test_names_from_outside_are_spelt_in_latex(tmp_path: Path) -> None:
    folder = write_run(tmp_path / "a", "erm", 2.0, 0, overrides=["a=~^\\"], model={"lr": 0.1})
    other = write_run(tmp_path / "b", "erm", 2.0, 0, noise=3, preset="50%", model={"lr": 0.2})
    text = compare([folder, other], form="latex", resamples=20)
    assert r"erm (a=\textasciitilde{}\textasciicircum{}\textbackslash{}) (baseline) &" in text
    assert r"erm (50\%) &" in text


def test_every_form(tmp_path: Path, runs: list[Path]) -> None:
    forms = in_every_form(runs, resamples=200)
    for text in forms.values():
        assert (
            "5.24" in text and "recalled, not checked" in text and "Cai et al. 2022" in text and "24 subjects" in text
        )
    lines = forms["md"].splitlines()
    table = [line for line in lines if line.startswith("|")]
    assert len({line.count(" | ") for line in table if "---" not in line}) == 1
    assert "data and policies:\n\n- " in forms["md"]  # a list under its sentence
    assert forms["latex"].count(r"\begin{tabular}") == 1 and "hfn\\_mp" in forms["latex"]
    # The forms say the same: four cells better than the baseline and the best (200 exchanges reach no doubled mark).
    assert [forms[form].count("▲") for form in ("text", "md", "html")] == [5, 5, 5]  # one in the note
    assert forms["latex"].count(r"$\blacktriangle$}") == 4 == forms["latex"].count(r"\textbf{")
    assert len(re.findall(r"▲ best(  |\n)", forms["text"])) == 4
    assert len(re.findall(r"\*\*[\d.]+ [^|]*▲\*\*", forms["md"])) == 4
    assert len(re.findall(r"<strong>[\d.]+ ", forms["html"])) == 4
    assert "<script" not in forms["html"] and "http" not in forms["html"].replace("http-equiv", "")
    out = tmp_path / "deep" / "table.md"
    assert compare(runs, form="md", out=out, resamples=200, published=True) == forms["md"]
    assert out.read_text().startswith("### CIO-M")


def test_the_command(runs: list[Path]) -> None:
    done = CliRunner().invoke(app, ["compare", *map(str, runs), "--resamples", "200"])
    assert done.exit_code == 0, done.output
    assert "CIO-M (mcio:CIO2M); 24 subjects" in done.output


def test_all_claims_under_a_name_are_shown_with_their_spread(runs: list[Path]) -> None:
    """Two papers quote two numbers for SSDG on one protocol; a comparison on it shows both, in every form."""
    for folder in runs[::2]:
        about = json.loads((folder / "run.json").read_text())
        (folder / "run.json").write_text(json.dumps({**about, "protocol": "mm:PSW2C", "protocol_alias": "PSW-C"}))
    for text in in_every_form(runs[::2], resamples=100).values():
        assert "SSDG (Zhang and Li 2025)" in text and "SSDG (PA-FAS 2026; second-hand)" in text
        assert "16.63" in text and "40.48" in text
        assert "SSDG on mm:PSW2C: 2 claims of HTER from 16.63 to 40.48 %, 23.85 points apart" in text
        assert "CMFL on mm:PSW2C: 2 claims of HTER from 2.24 to 36.93 %" in text
        assert text.count("Numbers of different recipes (frames, extra data") == 1


def test_networks_that_were_trained_on_other_data_are_no_seeds_of_one(tmp_path: Path) -> None:
    """Scores on other data say what their network was trained on."""

    def scored(name: str, seed: int, protocol: str, **parameters: str) -> Path:
        trained = {"protocol": protocol, "recipe": "standard", "recipe_parameters": parameters}
        return write_run(
            tmp_path / name,
            "erm",
            2.0,
            seed,
            noise=seed,
            protocol="own:to_mylab",
            status="evaluated",
            trained_on=trained,
        )

    folders = [scored("a", 0, "mcio:CIO2M"), scored("b", 1, "mcio:CIO2M"), scored("c", 2, "mcio:OCI2M"),
               scored("d", 0, "mcio:CIO2M", val="none")]  # fmt: skip
    (systems,) = systems_of([ScoredRun.read(folder) for folder in folders]).values()
    assert {system.name: len(system.runs) for system in systems} == {
        "erm (trained on mcio:CIO2M, standard)": 2,
        "erm (trained on mcio:OCI2M, standard)": 1,
        "erm (trained on mcio:CIO2M, standard, val=none)": 1,
    }
    assert "trained on mcio:OCI2M, standard" in compare(folders, resamples=50)
    (alike,) = systems_of([ScoredRun.read(folder) for folder in folders[:2]]).values()
    assert [system.name for system in alike] == ["erm"]


def test_digital_attacks_have_a_column_of_their_own_where_there_are_any(runs: list[Path]) -> None:
    assert "attacks at" not in compare([runs[0], runs[2]], resamples=100)
    for folder in (runs[0], runs[2]):
        table = ScoreTable.read_csv(folder / "scores.csv").frame
        swapped = (table["label"] == "attack") & table["clip_id"].str.endswith("1a")
        ScoreTable(table.assign(attack_type=table["attack_type"].where(~swapped, "face-swap"))).write_csv(
            folder / "scores.csv"
        )
    (systems,) = systems_of([ScoredRun.read(folder) for folder in (runs[0], runs[2])]).values()
    text = compare([runs[0], runs[2]], resamples=100)
    assert "APCER of physical attacks at source_eer" in text and "outside ISO/IEC 30107" in text
    table = compared("mcio:CIO2M", systems, resamples=100, columns=columns_with([], ("physical", "digital")))
    clips = systems[0].runs[0].scores.clips().part("test")
    assert clips is not None
    at, kind = held_out_threshold(systems[0].runs[0].scores), clips.frame["attack_type"]
    accepted = [float((clips.frame["score"][kind == name] >= at).mean()) for name in ("print", "face-swap")]
    assert [cell.value for cell in table.lines[0].cells[-2:]] == pytest.approx(accepted)
    assert all(cell.interval and cell.verdict for cell in table.lines[0].cells[-2:])
