"""Stopped and resumed = never stopped, to the last bit."""

from __future__ import annotations

import signal
import time
from pathlib import Path

import numpy as np
import pytest

from fasdata.library import Library
from fastrain.run.request import RunRequest
from fastrain.run.run import run
from tests.commands import start
from tests.fastrain.sessions import Killed, assert_same_checkpoint, die_at, last, log, request, session
from tests.fastrain.world import TINY_ERM

# What differs in what must be saved: momentum, Adam's averages and step counts, a schedule, threads, a short window,
# random augmentation, and validations that do and do not fall on an epoch's end.
CASES: dict[str, tuple[str, tuple[str, ...]]] = {
    "erm-sgd-step": ("erm", ("schedule=step", "schedule_epochs=2", "log_every=4", "horizontal_flip=0.5")),
    "erm-adamw-cosine": ("erm", ("optimiser=adamw", "schedule=cosine", "schedule_epochs=4", "workers=2")),
    "gac": ("gac_fas", ("workers=2",)),
    "gac-balanced": ("gac_fas", ("sampler=balanced", "frames=random_one", "select=source_val", "last_batch=fill")),
    "gac-literal": ("gac_fas", ("behaviour=literal", "sampler=groups", "select=last", "max_iterations=8")),
    "hfn-sgd": ("hfn_mp", ("horizontal_flip=0.5", "batch_per_group=3", "select=last", "max_iterations=8")),
    "hfn-adam": ("hfn_mp", ("optimiser=adam", "workers=2", "cache=memory", "dropout=0.3")),
    "hfn-sync": ("hfn_mp", ("mode=sync", "replicate_buffers=true", "log_every=1")),
}

MOST = 150  # iterations, some milliseconds each
LONGER = (f"max_iterations={MOST}", "validate_every_epochs=2", "optimiser=adamw")


@pytest.mark.parametrize("case", CASES)
def test_killed_and_resumed_equals_never_stopped(case: str, library: Library, tmp_path: Path) -> None:
    method, overrides = CASES[case]
    whole = session(request(method, library, tmp_path / "whole", *overrides))
    whole.train()
    # Before there is any checkpoint, between two, and right after one.
    for death in (2, 8, 7):
        broken = session(request(method, library, tmp_path / "broken", *overrides))
        die_at(broken, death)
        with pytest.raises(Killed):
            broken.train()
    resumed = session(request(method, library, tmp_path / "broken", *overrides))
    resumed.train()
    assert_same_checkpoint(last(tmp_path / "whole"), last(tmp_path / "broken"))
    if "select=last" not in overrides:
        assert_same_checkpoint(last(tmp_path / "whole", "best"), last(tmp_path / "broken", "best"))
    assert log(tmp_path / "whole") == log(tmp_path / "broken")
    assert whole.engine.load_selected() == resumed.engine.load_selected()
    for part, (_, scores) in whole.score().items():
        for name, values in scores.items():
            assert np.array_equal(values, resumed.score()[part][1][name])


def test_a_seed_decides_a_run(library: Library, tmp_path: Path) -> None:
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        session(request("erm", library, tmp_path / name, f"seed={seed}", "max_iterations=3")).train()
    assert_same_checkpoint(last(tmp_path / "a"), last(tmp_path / "b"))
    different = last(tmp_path / "c").tensors
    assert any((tensor != different[name]).any() for name, tensor in last(tmp_path / "a").tensors.items())


def test_a_killed_process_is_continued_by_its_folder_alone(
    library: Library, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The same with a command that gets a real SIGKILL, and `--resume` without any other option."""
    settings = [part for setting in (*TINY_ERM, *LONGER) for part in ("--set", setting)]
    arguments = ["erm", "--protocol", "CIO-M", "--data", library.root, "--accelerator", "cpu", *settings]
    process = start("fastrain", "run", *arguments, "--out", tmp_path / "killed")
    marker, patience = tmp_path / "killed" / "checkpoints" / "last.safetensors", time.monotonic() + 120
    while not marker.exists() and process.poll() is None and time.monotonic() < patience:
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    done = last(tmp_path / "killed").facts["iteration"]
    assert 0 < done < MOST, "it was not killed in the middle"
    run(RunRequest(resume=str(tmp_path / "killed")))
    printed = capsys.readouterr().out
    assert f"continuing after iteration {done}\n" in printed
    assert f"report: {tmp_path / 'killed' / 'report.html'}" in printed

    undisturbed = session(request("erm", library, tmp_path / "whole", *LONGER))
    undisturbed.train()
    assert_same_checkpoint(last(tmp_path / "whole"), last(tmp_path / "killed"))
    assert log(tmp_path / "whole") == log(tmp_path / "killed")
