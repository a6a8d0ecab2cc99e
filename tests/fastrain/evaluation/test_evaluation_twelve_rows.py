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
# The intervals. A resample draws three people with replacement. All three are the same given person in 1 of 27 draws
# = 3.7 %, more than the 2.5 % that are cut off on a side: whatever thrice the same person gives lies inside.
#   BPCER    anna 0/2, ben 1/2, cleo 1/2: from thrice anna, 0, to any draw without her, 1/2.
#   HTER     each person has one accepted attack of two, so always (1/2 + BPCER) / 2: from 1/4 to 1/2.
#   APCER    with anna drawn n times, print is n/3 and replay 1 - n/3, the larger of which is 1 for n = 0 or 3 (9 draws
#            of 27) and 2/3 for n = 1 or 2 (18 of 27): from 2/3 to 1.
#   BPCER20  without cleo (8 of 27) the best attack is 0.6 or 0.5 and of each person one clip of two is rejected: 1/2.
#            With her n times it is 0.7: one of anna's, one of ben's, two of hers, (3 + n)/6; thrice cleo gives 1.
EXPECTED = {
    "apcer": (0.6666666666666666, 0.6666666666666666, 1.0),
    "bpcer": (0.3333333333333333, 0.0, 0.5),
    "hter": (0.4166666666666667, 0.25, 0.5),
    "bpcer20": (0.6666666666666666, 0.5, 1.0),
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
        entry["metric"]: (entry["value"], entry["low"], entry["high"])
        for entry in result["metrics"]
        if entry["level"] == "clip" and entry["metric"] in EXPECTED
    }
    assert rates.keys() == EXPECTED.keys()
    for name, numbers in EXPECTED.items():
        assert rates[name] == pytest.approx(numbers, abs=1e-12), name
    assert result["uncertainty"]["test"]["note"] == "3 subjects; fewer than 20: too few to tell"
