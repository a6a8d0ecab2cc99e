"""Every method, trained, exported, and asked again: a run's scores are the evaluation's, a bundle's are the run's."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from fasdata.library import Library
from fastrain.bundle import export, moved, scenes
from fastrain.bundle.answers import Decision
from fastrain.bundle.export import ExportRequest
from fastrain.bundle.finding import Recording
from fastrain.bundle.loading import load
from fastrain.bundle.opened import Bundle
from fastrain.bundle.predictor import Predictor
from fastrain.methods import registry
from tests.fastrain.bundle.seen import files_of, trained

METHODS = sorted(registry.METHODS)


def scores_of(predictor: Predictor, library: Library) -> dict[str, float]:
    """What a predictor says of the target's clips."""
    clips = files_of(library)
    recordings = [Recording(name, files) for name, files in clips.items()]
    answers = [judged.answer for judged in predictor.with_threshold(0.5).choosing().judge(recordings)]
    assert all(isinstance(answer, Decision) for answer in answers), answers
    return {answer.name: answer.score for answer in answers if isinstance(answer, Decision)}


def evaluated(run: Path) -> dict[str, float]:
    """What `scores.csv` says of them."""
    table = pd.read_csv(run / "scores.csv")
    return table[table["part"] == "test"].groupby("clip_id")["score"].mean().to_dict()


def largest_difference(first: dict[str, float], second: dict[str, float]) -> float:
    assert first.keys() == second.keys() and len(first) == 10
    return max(abs(first[name] - second[name]) for name in first)


def one_that_tells_clips_apart(library: Library, method: str, folder: Path) -> tuple[Path, dict[str, float]]:
    """A run with its scores: one that says the same of all would agree with anything.

    Of some seeds the smallest networks do; which ones differs between machines.
    """
    for seed in (2, 3, 0, 1):
        run = trained(library, method, folder / str(seed), f"train.seed={seed}")
        expected = evaluated(run)
        if np.ptp(list(expected.values())) > 1e-3:
            return run, expected
    pytest.fail("no seed gives a network that tells clips apart")


@pytest.fixture(scope="module")
def scenery() -> list[np.ndarray]:
    """Pictures made in code, once for all methods."""
    return list(scenes.pictures(6))


@pytest.fixture(autouse=True)
def little_to_compare(scenery, monkeypatch):
    """Whole pictures, worse pictures and moved boxes are nothing that methods differ in; other tests have more."""
    monkeypatch.setattr(export, "PICTURES", len(scenery))
    monkeypatch.setattr(scenes, "pictures", lambda count: iter(scenery[:count]))
    monkeypatch.setattr(scenes, "worse", lambda picture: iter([]))
    monkeypatch.setattr(moved, "AMOUNTS", (0.1,))
    monkeypatch.setattr(moved, "MOST", 2)


@pytest.mark.parametrize("method", METHODS)
def test_trained_predicted_exported_and_predicted_again(seen, tmp_path, method):
    run, expected = one_that_tells_clips_apart(seen, method, tmp_path)
    assert largest_difference(scores_of(load(run), seen), expected) <= 1e-6
    out = tmp_path / "x.fasb"
    words = export.export(ExportRequest(run, out))
    assert "self-test" in words and "0 decisions changed" in words
    assert largest_difference(scores_of(load(out), seen), expected) <= 1e-4
    facts = Bundle.read(out).facts
    assert facts.parity is not None and facts.parity.crops == 18 and not facts.parity.allowed_drift
    assert facts.networks[0].opset == 18 and facts.networks[0].modalities == list(load(run).modalities)
