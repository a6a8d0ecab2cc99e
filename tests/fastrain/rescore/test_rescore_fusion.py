"""Several runs as one decision: planted scores with known answers, and what cannot be fused."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from fasdata.errors import UserError
from fasdata.library import Library
from fastrain.evaluation.scores import ScoreTable
from fastrain.rescore.fused_runs import fuse_runs
from fastrain.rescore.fusion import Rule, fused_table
from fastrain.run.run import run
from tests.commands import Called
from tests.fasdata.page.markup import Markup
from tests.fastrain.sessions import request

LABELS = ["bonafide", "bonafide", "attack", "attack"]


def table(scores: list[float], part: str = "test", labels: list[str] | None = None) -> ScoreTable:
    labels = labels or LABELS
    frame = pd.DataFrame({"clip_id": [f"c{n}" for n in range(len(scores))], "label": labels, "score": scores})
    frame["sample_id"], frame["frame_index"] = "d/" + frame["clip_id"], -1
    frame["attack_type"] = np.where(frame["label"] == "bonafide", "bonafide", "print")
    frame["subject"] = frame["clip_id"].str.replace("c", "p")
    status = ["fta" if np.isnan(score) else "ok" for score in scores]
    return ScoreTable(frame.assign(dataset="d", domain="d", part=part, pai="", status=status))


def decided(rule: str, first: list[float], second: list[float], thresholds: tuple[float, float]) -> list[bool]:
    fused = fused_table(Rule.parse(rule, 2), [table(first), table(second)], ["a", "b"], thresholds)
    return (fused.frame["score"] >= 0).tolist()


def test_and_accepts_what_all_accept_and_or_what_one_accepts() -> None:
    first, second = [0.9, 0.9, 0.9, 0.1], [3.0, -3.0, -3.0, -3.0]
    assert decided("and", first, second, (0.5, 0.0)) == [True, False, False, False]
    assert decided("or", first, second, (0.5, 0.0)) == [True, True, True, False]
    assert decided("and", [0.5] * 4, [0.0] * 4, (0.5, 0.0)) == [True] * 4  # a score on its threshold is accepted


def test_means_are_those_of_the_scores() -> None:
    first, second = table([0.8, 0.6, 0.2, 0.0]), table([0.4, 1.0, 0.0, 0.4])
    mean = fused_table(Rule.parse("mean", 2), [first, second], ["a", "b"], (0.5, 0.5))
    assert np.allclose(mean.frame["score"], [0.6, 0.8, 0.1, 0.2])
    weighted = fused_table(Rule.parse("weighted(3, 1)", 2), [first, second], ["a", "b"], (0.5, 0.5))
    assert np.allclose(weighted.frame["score"], [0.7, 0.7, 0.15, 0.1])


def test_clips_are_matched_by_name_and_what_one_lacks_is_not_acquired() -> None:
    second = table([0.0, float("nan"), 1.0, 0.5])
    turned = ScoreTable(second.frame.iloc[::-1].reset_index(drop=True))
    mean = fused_table(Rule.parse("mean", 2), [table([1.0, 1.0, 0.0, 0.5]), turned], ["a", "b"], (0.5, 0.5))
    assert mean.frame["status"].tolist() == ["ok", "fta", "ok", "ok"]
    assert np.allclose(mean.frame["score"].dropna(), [0.5, 0.5, 0.5])


@pytest.mark.parametrize(
    ("other", "words"),
    [
        (table([0.1, 0.2, 0.3], labels=LABELS[:3]), "scored different clips; found 1 that one of them lacks"),
        (table([0.1] * 4, part="val"), "scored different clips"),
        (table([0.1] * 4, labels=LABELS[::-1]), "say different things of the same clips"),
        (table([0.1, 0.2, 0.3, 1.4]), "leave 0 to 1"),
    ],
)
def test_what_cannot_be_fused_says_why(other: ScoreTable, words: str) -> None:
    with pytest.raises(UserError, match=words):
        fused_table(Rule.parse("mean", 2), [table([0.5] * 4), other], ["a", "b"], (0.5, 0.5))


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        ("ande", "unknown rule"),
        ("weighted(1)", "2 weights"),
        ("weighted(0,0)", "not all 0"),
        ("weighted(1.1.1,2)", "2 weights"),
    ],
)
def test_a_rule_that_is_none_is_refused(rule: str, words: str) -> None:
    with pytest.raises(UserError, match=words):
        Rule.parse(rule, 2)


def test_runs_are_fused_on_the_command_line(library: Library, tmp_path: Path) -> None:
    for name, seed in (("a", 1), ("b", 2)):
        run(request("erm", library, tmp_path / name, "max_iterations=3", f"seed={seed}"))
    done = Called("fastrain", "eval", "--fuse", "and", tmp_path / "a", tmp_path / "b")
    assert done.code == 0 and "fused       and of erm (a), erm (b)" in done.out and "fixed(0)" in done.out, done.error
    both = tmp_path / "both"
    assert (
        "source_eer" in Called("fastrain", "eval", "--fuse", "mean", tmp_path / "a", tmp_path / "b", "--out", both).out
    )
    assert Called("fastrain", "report", both).code == 0
    page = (both / "report.html").read_text()
    assert "Fused decision, mean:erm+erm on" in page and "What the intervals rest on" in page
    assert "in simulated studies of 15 and 30 people" in page.lower()
    assert "mean:erm+erm" in Called("fastrain", "compare", both, tmp_path / "a").out  # of one manifest
    assert "or --fuse RULE" in Called("fastrain", "eval", tmp_path / "a", tmp_path / "b").line
    assert "two or more run folders" in Called("fastrain", "eval", "--fuse", "and", tmp_path / "a").line
    shutil.copytree(tmp_path / "b", tmp_path / "c")
    scores = pd.read_csv(tmp_path / "c" / "scores.csv")
    scores[scores["part"] == "test"].to_csv(tmp_path / "c" / "scores.csv", index=False)
    with pytest.raises(UserError, match="has no threshold of held-out sources"):
        fuse_runs([tmp_path / "a", tmp_path / "c"], "or")


# Scores of ten people and two held-out ones; either system takes one kind of attack for bona fide and loses a person.
ACCEPTED = {"first": {"bonafide": 9, "print": 4, "mask": 0}, "second": {"bonafide": 8, "print": 1, "mask": 5}}


def planted(folder: Path, name: str) -> Path:
    rows = ["clip,subject,part,label,attack_type,score"]
    for part, people in (("val", 2), ("test", 10)):
        for kind, accepted in ACCEPTED[name].items():
            for person in range(people):
                held_out = kind == "bonafide"
                high = held_out if part == "val" else person < accepted
                score = (0.9 if high else 0.2) if name == "first" else (0.8 if high else 0.0)
                label = "bonafide" if kind == "bonafide" else "attack"
                rows.append(f"{part}{person}{kind},{part}{person},{part},{label},{kind},{score}")
    (folder / f"{name}.csv").write_text("\n".join(rows) + "\n")
    done = Called("fastrain", "import", "scores", folder / f"{name}.csv", "--name", name, "--out", folder / name)
    assert done.code == 0, done.error
    return folder / name


def printed(text: str) -> dict[str, dict[str, str]]:
    """What the text says of each decision: the rates of the test part by name and threshold."""
    text_rates: dict[str, dict[str, str]] = {}
    for block in text.split("\n\n")[1:]:
        name, *lines = block.splitlines()
        rows = text_rates.setdefault(name.removesuffix(":"), {})
        for line in lines:
            if line.startswith("threshold "):
                value, policy, _ = line.removeprefix("threshold").strip().split(", ", 2)
                rows[f"threshold {policy}"] = value
            if line.startswith("test "):
                what, value, at = line[6:15].strip(), line[16:57].strip(), line[58:].strip()
                rows[f"{what} {at}".strip()] = value
    return text_rates


@pytest.mark.parametrize(
    ("rule", "policy", "answers"),
    [
        ("and", "fixed(0)", {"print": "10.00 %", "mask": "0.00 %", "bpcer": "20.00 %", "hter": "12.50 %"}),
        ("or", "fixed(0)", {"print": "40.00 %", "mask": "50.00 %", "bpcer": "10.00 %", "hter": "27.50 %"}),
        ("mean", "source_eer", {"print": "10.00 %", "mask": "50.00 %", "bpcer": "20.00 %", "hter": "25.00 %"}),
    ],
)
def test_the_page_shows_the_rates_that_the_text_prints(tmp_path: Path, rule: str, policy: str, answers: dict) -> None:
    runs, out = [planted(tmp_path, name) for name in ACCEPTED], tmp_path / "fused"
    text_rates = printed(Called("fastrain", "eval", "--fuse", rule, *runs, "--out", out).out)
    own = {"first (first)": ("first", "source_eer"), "second (second)": ("second", "source_eer")}
    names = {**dict.fromkeys(own, "source_eer"), rule: policy}
    assert text_rates.keys() >= names.keys()
    for species in ("print", "mask"):
        assert text_rates[rule][f"apcer {policy}, {species} (10 clips)"].startswith(answers[species] + " [")
        for name, (which, at) in own.items():
            share = 10 * ACCEPTED[which][species]
            assert text_rates[name][f"apcer {at}, {species} (10 clips)"].startswith(f"{share}.00 % [")
    for rate in ("bpcer", "hter"):
        assert text_rates[rule][f"{rate} {policy}"].startswith(answers[rate] + " [")
    assert [text_rates[name][f"threshold {at}"] for name, at in names.items()][:2] == ["0.5500", "0.4000"]

    assert Called("fastrain", "report", out).code == 0
    page = Markup((out / "report.html").read_text())
    captions = ("Thresholds", "Error rates of each run", "Attacks accepted, by attack species: clips, test part")
    for name, at in names.items():
        shown = f"fused: {rule}" if name == rule else name
        thresholds, rates, species = (
            next(row for row in page.table(caption) if (row["Decision of"], row["Threshold policy"]) == (shown, at))
            for caption in captions
        )
        assert thresholds["Threshold"] == text_rates[name][f"threshold {at}"]
        for title, rate in (("HTER", "hter"), ("APCER, worst species", "apcer"), ("BPCER", "bpcer")):
            assert rates[title] == text_rates[name][f"{rate} {at}"].replace(" % [", " %[")
        assert rates["AUC"] == text_rates[name]["auc"].replace(" [", "[")
        for kind in ("mask", "print"):
            printed_rate = text_rates[name][f"apcer {at}, {kind} (10 clips)"]
            assert species[f"APCER {kind}"] == printed_rate.replace(" % [", " % of 10, few[")
    weights = [row["Weight"] for row in page.table("The scores that were fused")]
    assert weights == (["0.500"] * 2 if rule == "mean" else ["decisions are joined"] * 2)


def test_a_fused_decision_is_a_contestant_like_any(tmp_path: Path) -> None:
    runs, out = [planted(tmp_path, name) for name in ACCEPTED], tmp_path / "fused"
    text = Called("fastrain", "eval", "--fuse", "or", *runs, "--out", out).out
    again = Called("fastrain", "eval", out).out  # from its scores alone, at the thresholds that it was judged at
    assert [line for line in again.splitlines() if "fixed(0)" in line] == [
        line for line in text.splitlines() if line.endswith("fixed(0)") and not line.startswith("threshold")
    ]
    assert "or:first+second" in Called("fastrain", "compare", out, *runs).out
    assert "exists already" in Called("fastrain", "eval", "--fuse", "or", *runs, "--out", out).line
    (out / "fusion.json").write_text("[]")
    assert Called("fastrain", "report", out).code == 0
    assert "This part could not be read" in (out / "report.html").read_text()
