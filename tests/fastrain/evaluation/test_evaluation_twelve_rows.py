"""Twelve rows of three people, every figure worked out on paper: two species, ties at 0.5, a failure to acquire."""

from __future__ import annotations

import io
from pathlib import Path

import pandas as pd
import pytest

from fastrain.evaluation.results import evaluate
from fastrain.evaluation.score_files import read_scores
from fastrain.evaluation.score_writers import write_scores
from fastrain.evaluation.scores import ScoreTable
from fastrain.evaluation.thresholds import fixed
from tests.fastrain.evaluation.tables import frame, row

ROWS = """\
subject,clip,label,score
anna,a1,bonafide,0.9
anna,a2,bonafide,0.5
anna,a3,attack:print,0.5
anna,a4,attack:replay,0.2
ben,b1,bonafide,0.8
ben,b2,bonafide,0.3
ben,b3,attack:print,0.4
ben,b4,attack:replay,0.6
cleo,c1,bonafide,0.5
cleo,c2,bonafide,
cleo,c3,attack:print,0.1
cleo,c4,attack:replay,0.7
"""

# At the threshold 0.5 a score of 0.5 is accepted.
#   APCER    print: 0.5 of 0.5 0.4 0.1 = 1/3; replay: 0.6 0.7 of 0.2 0.6 0.7 = 2/3; the worst species counts: 2/3.
#   BPCER    rejected are 0.3 and the one without a face: 2 of 6 = 1/3.
#   HTER     accepted attacks of any species, 0.5 0.6 0.7: 3 of 6 = 1/2; (1/2 + 1/3) / 2 = 5/12.
#   BPCER20  5 % of three clips of a species is none, so everything up to the best attack, 0.7, is rejected:
#            0.5 0.3 0.5 and the one without a face: 4 of 6 = 2/3.
#
# The intervals, CP(x, n) being Clopper and Pearson's of x errors in n presentations: from the 2.5 % point of
# Beta(x, n - x + 1) to the 97.5 % point of Beta(x + 1, n - x).
#   BPCER    anna 0/2, ben 1/2, cleo 1/2. Errors less a third of the clips: -2/3, 1/3, 1/3, squared and summed 2/3; over
#            6^2, times 3/2, is the variance over people, 1/36. Six clips times that over (1/3)(2/3) is 3/4, times
#            Student's (4.3027 / 2.5706)^2 = 2.80 for so few people is 2.10, at most the two clips of each: the design
#            effect is 2, whatever the prior. 6 / 2 = 3 presentations: CP(1, 3).
#   APCER    each species has a clip a person: print CP(1, 3), replay CP(2, 3). The highest end is the latter's; the
#            lowest is that of CP(2, 3) with 1.25 % below it, since there are two species: 3p^2 - 2p^3 = 0.0125.
#   HTER     every person has one accepted attack of two: no variance, so the least design effect, 1. Three people err
#            and the prior is two: 3 * 1 + 2 * 2 = 7 fifths, 6 / (7/5) = 30/7 presentations, CP(15/7, 30/7) = 0.0755,
#            0.9245. Its lower distance is 0.4245, that of BPCER 0.3249; above 0.4245 and 0.5724. Half of their
#            hypotenuses: 5/12 - 0.2673, 5/12 + 0.3563. The mean's variance is (1/4 / (30/7) + 2/9 / 3) / 4 = 0.0331,
#            so it counts (5/12)(7/12) / 0.0331 = 7.343 presentations: CP(3.059, 7.343) = 0.0980, 0.8001 is wider.
#   BPCER20  Resampled: without cleo (8 of 27) the best attack is 0.6 or 0.5 and of each person one clip of two is
#            rejected: 1/2. With her n times it is 0.7: one of anna's, one of ben's, two of hers, (3 + n)/6; thrice
#            cleo, 1 draw of 27 and more than 2.5 %, gives 1. Never narrower than at 0.7: 1/2, 1/2, 2/2 have the
#            design effect of BPCER, so CP(2, 3), which begins at 0.0943.
EXPECTED = {
    "apcer": (0.6666666666666666, 0.0660189017305505, 0.9915962413403874, "worst"),
    "bpcer": (0.3333333333333333, 0.008403758659612643, 0.9057006759497539, "exact"),
    "hter": (0.4166666666666667, 0.09799883124631803, 0.8000975562845011, "joined"),
    "bpcer20": (0.6666666666666666, 0.09429932405024613, 1.0, "resampled"),
}


def table() -> ScoreTable:
    """The rows above as a score table."""
    clips = pd.read_csv(io.StringIO(ROWS)).astype({"score": object})
    clips["score"] = clips["score"].where(clips["score"].notna(), None)
    rows = [row(clip.clip, clip.score, clip.label, subject=clip.subject) for clip in clips.itertuples()]
    return ScoreTable(frame(*rows))


@pytest.mark.parametrize("form", ["", "bob", "gradgpad", "csv", "parquet"])
def test_the_figures_are_those_worked_out_on_paper_in_every_form(tmp_path: Path, form: str) -> None:
    scores = table()
    assert len(scores.frame) == 12 and (scores.frame["status"] == "fta").sum() == 1
    if form:
        out = tmp_path / f"scores.{form}"
        write_scores(scores, out, form)
        scores = read_scores(out, key=table(), higher="bonafide")
    result = evaluate(scores, selection="last", policies=[fixed(0.5)])
    rates = {
        entry["metric"]: (entry["value"], entry["low"], entry["high"], entry["rule"])
        for entry in result["metrics"]
        if entry["level"] == "clip" and entry["metric"] in EXPECTED
    }
    assert rates.keys() == EXPECTED.keys()
    for name, numbers in EXPECTED.items():
        assert rates[name][:3] == pytest.approx(numbers[:3], abs=1e-12) and rates[name][3] == numbers[3], name
    assert result["uncertainty"]["test"]["note"] == "3 subjects; fewer than 20: too few to tell"
    assert result["uncertainty"]["test"]["coverage"].startswith("in simulated studies of 15 and 30 people")


# -- At the edge: no error, one, nothing but errors; one person and three; a species that nobody presented ------------

# Twelve bona fide clips, of which the first `errors` are rejected, shared out among `people` in turn, in blocks.
#   Without an error (or with nothing but errors) the clips of a person count once: CP(0, n) for n people, which ends at
#   1 - 0.025^(1/n): 0.975 for one, 0.7076 for three, 0.2646 for twelve. Nothing but errors mirrors it.
#   One error. One person: 1/12 of one presentation, CP(1/12, 1). Three people, 1/4 0/4 0/4: errors less a twelfth of
#   the clips 2/3 -1/3 -1/3, squared and summed 2/3, over 144, times 3/2: 1/144. Times 12 over (1/12)(11/12) is 12/11;
#   times Student's (4.3027 / 2.2010)^2 = 3.82 it exceeds the four clips of each, so 12 / 4 = 3
#   presentations: CP(1/4, 3). Twelve people: CP(1, 12) itself.
EDGES = {
    (1, 0): (0.0, 0.975),
    (3, 0): (0.0, 0.7075982261787133),
    (12, 0): (0.0, 0.2646484693970512),
    (1, 1): (2.407055623625964e-20, 0.9835255291296867),
    (3, 1): (7.785789324356486e-08, 0.7703420563068035),
    (12, 1): (0.002107593231860228, 0.38479616515094406),
    (1, 12): (0.025, 1.0),
    (3, 12): (0.29240177382128674, 1.0),
    (12, 12): (0.7353515306029488, 1.0),
}


def edge_table(people: int, errors: int) -> ScoreTable:
    """Twelve bona fide clips and, of the same people, a print each that is rejected."""
    names = [f"p{clip * people // 12}" for clip in range(12)]
    live = [row(f"b{clip}", 0.1 if clip < errors else 0.9, subject=name) for clip, name in enumerate(names)]
    spoof = [row(f"a{name}", 0.2, "attack:print", subject=name) for name in dict.fromkeys(names)]
    return ScoreTable(frame(*live, *spoof))


@pytest.mark.parametrize(("people", "errors"), EDGES)
def test_a_rate_at_the_edge_has_the_interval_worked_out_on_paper(people: int, errors: int) -> None:
    result = evaluate(edge_table(people, errors), selection="last", policies=[fixed(0.5)], resamples=50)
    rows = {row["metric"]: row for row in result["metrics"] if row["level"] == "clip"}
    assert rows["bpcer"]["value"] == pytest.approx(errors / 12)
    assert (rows["bpcer"]["low"], rows["bpcer"]["high"]) == pytest.approx(EDGES[people, errors], abs=1e-12)
    # Replay is empty: it has no row, and the worst species is print, no attack of which was accepted.
    (print_,) = (row for row in result["species"] if row["level"] == "clip")
    assert print_["species"] == "print" and print_["rule"] == "exact"
    assert (rows["apcer"]["value"], rows["apcer"]["low"], rows["apcer"]["high"]) == (0, 0, print_["high"])
    assert print_["high"] == pytest.approx(1 - 0.025 ** (1 / people))
    assert (rows["non_response_attack"]["low"], rows["non_response_attack"]["high"]) == (0.0, print_["high"])
    for entry in rows.values():
        assert entry["low"] < entry["high"] and entry["low"] <= entry["value"] <= entry["high"], entry
        assert entry["rule"], entry


def test_classes_apart_or_the_wrong_way_round_leave_doubt_too() -> None:
    # Three people with a clip of each class, all right: no pair is lost, so the smaller class counts, CP(0, 3).
    # HTER: 0 and 0, each up to 0.7076: 0.7076 / sqrt(2) = 0.50035. EER the same, at its own threshold.
    rows = [(f"p{i}", 0.9, 0.1) for i in range(3)]
    for turned in (False, True):
        live, spoof = ([(name, (b, a)[which == turned]) for name, a, b in rows] for which in (False, True))
        table = frame(*(row(f"b{name}", score, subject=name) for name, score in live),
                      *(row(f"a{name}", score, "attack:print", subject=name) for name, score in spoof))  # fmt: skip
        result = evaluate(ScoreTable(table), selection="last", policies=[fixed(0.5)], resamples=50)
        judged = {entry["metric"]: entry for entry in result["metrics"] if entry["level"] == "clip"}
        ends = {name: (judged[name]["low"], judged[name]["high"]) for name in ("auc", "hter", "eer")}
        high = 0.7075982261787133
        if turned:
            assert ends["auc"] == pytest.approx((0.0, high)) and ends["hter"] == pytest.approx((0.4996525, 1.0))
        else:
            assert ends["auc"] == pytest.approx((1 - high, 1.0)) and ends["hter"] == pytest.approx((0.0, 0.5003475))
            assert ends["eer"] == pytest.approx((0.0, 0.5003475))


def test_a_class_of_two_people_decides_how_wide_an_interval_is() -> None:
    """Fifty people attacked and two were let in: what is not known of the two remains."""
    rows = [row(f"a{i}", 0.1, "attack:print", subject=f"a{i}") for i in range(50)]
    rows += [row(f"b{i}", 0.9, subject=f"b{i}") for i in range(2)]
    result = evaluate(ScoreTable(frame(*rows)), selection="last", policies=[fixed(0.5)], resamples=50)
    ends = {entry["metric"]: (entry["low"], entry["high"]) for entry in result["metrics"] if entry["level"] == "clip"}
    # CP(0, 2) ends at 1 - sqrt(0.025) = 0.8419, CP(0, 50) at 0.0711; half of their hypotenuse is 0.4224.
    assert ends["bpcer"] == pytest.approx((0.0, 0.8418861169915811)) and ends["apcer"][1] == pytest.approx(0.0711217)
    assert ends["hter"] == pytest.approx((0.0, 0.4224424622)) and ends["auc"] == pytest.approx(
        (0.1581138830084190, 1.0)
    )
