"""Moved boxes: where they go, which decisions flip, of whom, with planted answers; and the place in the report."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.stats import binomtest

from fasdata.errors import UserError
from fasdata.library import Library
from fasdata.manifests import Manifest
from fastrain.data.samples import Samples
from fastrain.rescore.jitter import Move, cells, flipped, jitter_text, moves, parse_amounts, rows_of
from fastrain.run.run import run
from fastrain.rundir.result_facts import JitterFacts
from tests.commands import Called
from tests.fastrain.sessions import request
from tests.fastrain.world import CANONICAL, RECIPE


def test_a_move_shifts_and_scales_box_and_landmarks_together(library: Library) -> None:
    samples = Samples.of(Manifest.read(library.protocol_dir(CANONICAL, RECIPE)), "test")
    side = (samples.box[:, 2:] - samples.box[:, :2]).max(axis=1)
    shifted = Move(right=0.25, down=-0.5).of(samples)
    assert np.allclose(shifted.box[:, 0] - samples.box[:, 0], side / 4)
    assert np.allclose(shifted.box[:, 3] - samples.box[:, 3], -side / 2)
    assert np.allclose(shifted.landmarks[:, 2, 0] - samples.landmarks[:, 2, 0], side / 4)
    larger = Move(factor=1.5).of(samples)
    assert np.allclose((larger.box[:, 2:] - larger.box[:, :2]), 1.5 * (samples.box[:, 2:] - samples.box[:, :2]))
    assert np.allclose(larger.box[:, :2] + larger.box[:, 2:], samples.box[:, :2] + samples.box[:, 2:], atol=1e-4)
    eyes = [of.landmarks[:, 1, 0] - of.landmarks[:, 0, 0] for of in (samples, larger)]
    assert np.allclose(eyes[1], 1.5 * eyes[0])
    still = Move().of(samples)
    assert np.allclose(still.box, samples.box) and np.allclose(still.landmarks, samples.landmarks, atol=1e-5)
    assert len({(m.right, m.down, m.factor) for m in moves(0.1)}) == 10
    assert all(max(abs(m.right), abs(m.down), abs(m.factor - 1)) == pytest.approx(0.1) for m in moves(0.1))


@pytest.mark.parametrize("text", ["", "0", "-0.1", "0.6", "a", "0.1,,x", "nan"])
def test_amounts_that_are_none_are_refused(text: str) -> None:
    with pytest.raises(UserError, match="shares of the box"):
        parse_amounts(text)
    assert parse_amounts("0.1, 0.2 0.1") == (0.1, 0.2)


def clips() -> pd.DataFrame:
    rows = [(f"{who}{label[0]}{kind[:1]}", who, label, kind) for who in "abcd"
            for label, kind in (("bonafide", "bonafide"), ("attack", "print"), ("attack", "replay"))]  # fmt: skip
    frame = pd.DataFrame(rows, columns=["clip_id", "subject", "label", "attack_type"])
    return frame.assign(dataset="d", pai="", score=np.where(frame["label"] == "bonafide", 0.9, 0.1))


def test_flips_are_counted_by_label_and_species_with_planted_answers() -> None:
    clean = clips()
    moved = clean.assign(score=np.where(clean["attack_type"] == "print", 0.8, clean["score"])).iloc[::-1]
    flips = flipped(clean, moved, 0.5)
    assert flips.tolist() == [1.0 if kind == "print" else 0.0 for kind in clean["attack_type"]]
    assert not flipped(clean, clean.assign(score=clean["score"] * 0.99), 0.5).any()
    share = np.where(clean["subject"].isin(["a", "b"]), flips, 0) / 2  # half of the moves, of half of the people
    rows = {(row.group, row.name): row for row in rows_of(clean, share, 0.1)}
    assert rows["all", ""].share == pytest.approx(1 / 12) and rows["all", ""].ever == pytest.approx(1 / 6)
    assert rows["label", "bonafide"].share == 0 and rows["label", "attack"].share == pytest.approx(1 / 8)
    printed = rows["species", "print"]
    assert (printed.share, printed.ever, printed.clips) == (0.25, 0.5, 4)
    # Of four people with a print each, two flip in half of the moves: one error of four, Clopper and Pearson's.
    exact = binomtest(1, 4).proportion_ci(method="exact")
    assert (printed.low, printed.high) == pytest.approx((exact.low, exact.high))
    assert rows["species", "replay"].share == 0
    alone = rows_of(clean[clean["subject"] == "a"].reset_index(drop=True), share[:3], 0.1)
    assert alone[0].low < 0.01 and alone[0].high > 0.97  # one person is one presentation, which tells next to nothing
    text = jitter_text(JitterFacts(threshold=0.5, clips=12, moves=10, rows=list(rows.values())))
    assert "attack, print" in text and "25.0 % [" in text and cells(JitterFacts(threshold=0.5, clips=0, moves=10)) == []


def test_a_run_whose_boxes_are_moved_says_so_in_its_report(library: Library, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    run(request("erm", library, folder, "max_iterations=3"))
    assert "Moved boxes" not in (folder / "report.html").read_text()
    done = Called("fastrain", "eval", folder, "--jitter", "0.1")
    assert done.code == 0 and "clips that ever flip" in done.out, done.error
    facts = json.loads((folder / "jitter.json").read_text())
    assert facts["clips"] == 10 and facts["moves"] == 10
    assert {(row["group"], row["name"]) for row in facts["rows"]} >= {("all", ""), ("label", "bonafide")}
    page = (folder / "report.html").read_text()
    assert "Moved boxes" in page and "Decisions that flip" in page
    assert "as it is" in Called("fastrain", "eval", folder, "--jitter", "0.1", "--fta", "count").line
    (folder / "jitter.json").write_text('{"threshold": "a"}')
    assert Called("fastrain", "report", folder, "--out", tmp_path / "again.html").code == 0
    assert "This part could not be read" in (tmp_path / "again.html").read_text()
