"""SIGTERM and SIGINT end training after the iteration at work; the run goes on as if it had never stopped."""

import os
import re
import signal
import time
from pathlib import Path

import pytest

from fasdata import stopping
from fasdata.library import Library
from fasdata.stopping import Stopped, ending_at_once, request_stop, stop_requested, stoppable
from fastrain.networks.checkpoint import Checkpoint
from fastrain.run import run as run_module
from fastrain.run.session import Session
from fastrain.rundir import RunDir
from tests.commands import run, start
from tests.fastrain.sessions import assert_same_checkpoint, before_step, log, request, session

LAST = Path("checkpoints") / "last.safetensors"


def send(by: signal.Signals) -> None:
    """Send a signal to this process; any thread of it may take it, and the main thread learns of it a little later."""
    os.kill(os.getpid(), by)
    time.sleep(20)
    pytest.fail("the signal ended nothing")


@pytest.mark.parametrize(
    ("method", "iteration", "by"),
    [("erm", 1, signal.SIGTERM), ("hfn_mp", 4, signal.SIGINT), ("erm", 6, signal.SIGTERM)],
)
def test_a_stopped_run_goes_on_to_the_last_bit(library: Library, tmp_path: Path, method, iteration, by):
    asked = ("max_iterations=9", "steps_per_epoch=3")
    session(request(method, library, tmp_path / "calm", *asked)).train()
    training = session(request(method, library, tmp_path / "stopped", *asked))
    before_step(training, lambda now: os.kill(os.getpid(), by) if now == iteration else None)
    with stoppable(), pytest.raises(Stopped) as stopped:
        training.train()
    assert stopped.value.exit_code == 128 + by and stop_requested() is None
    done = Checkpoint.read(tmp_path / "stopped" / LAST).facts["iteration"]
    # Where the iteration at work ends an epoch its checkpoint is written anyway, and the stop follows the next one.
    assert done == stopped.value.done == iteration + (iteration % 3 == 0)
    session(request(method, library, tmp_path / "stopped", *asked)).train()
    assert_same_checkpoint(Checkpoint.read(tmp_path / "calm" / LAST), Checkpoint.read(tmp_path / "stopped" / LAST))
    assert log(tmp_path / "calm") == log(tmp_path / "stopped")  # a line of two iterations, with a stop between them


@pytest.mark.parametrize("place", ["score", "_conclude", "_report"])
def test_a_run_that_is_trained_is_stopped_at_once_and_scored_again(library, tmp_path, monkeypatch, capsys, place):
    def stopping_run(*_: object) -> None:
        send(signal.SIGTERM)

    asked = request("erm", library, tmp_path / "run", "max_iterations=3")
    with monkeypatch.context() as patched:
        patched.setattr(Session if place == "score" else run_module, place, stopping_run)
        with pytest.raises(SystemExit) as stopped:
            run_module.run(asked)
    assert stopped.value.code == 143
    assert (
        f"stopped by SIGTERM after 3 iterations; to go on: fastrain run --resume {asked.out}" in capsys.readouterr().err
    )
    assert RunDir(tmp_path / "run").facts().status == ("finished" if place == "_report" else "stopped")
    run_module.run(asked)
    assert RunDir(tmp_path / "run").facts().status == "finished" and (tmp_path / "run" / "report.html").is_file()


def test_a_request_from_before_ends_work_without_units():
    with stoppable(), pytest.raises(Stopped, match="after 7 iterations"):
        request_stop(signal.SIGINT)
        with ending_at_once(7, "iterations"):
            pytest.fail("it went on")


@pytest.mark.parametrize(("by", "ending"), [(signal.SIGINT, KeyboardInterrupt), (signal.SIGTERM, SystemExit)])
def test_a_second_signal_does_not_wait(monkeypatch, by, ending):
    monkeypatch.setattr(stopping, "ONE_REQUEST", 0.0)
    with stoppable(), pytest.raises(ending):
        request_stop(signal.SIGINT)
        send(by)


def test_a_signal_that_comes_twice_in_a_moment_is_one_request():
    with stoppable():
        os.kill(os.getpid(), signal.SIGTERM)
        os.kill(os.getpid(), signal.SIGTERM)
        assert stop_requested() == signal.SIGTERM


def test_the_command_says_how_to_go_on(library: Library, tmp_path: Path):
    short = ("--set", "train.max_iterations=4000", "--set", "train.steps_per_epoch=2000", "--set", "pretrained=false")
    short += ("--set", "trunk=resnet18.tv_in1k", "--set", "train.log_every=1")
    out = tmp_path / "run"
    options = ("run", "erm", "--protocol", "CIO-M", "--data", library.root, "--set", "data.image_size=32", *short)
    process = start("fastrain", *options, "--threads", 1, "--out", out)
    while not (out / "metrics.jsonl").is_file() and process.poll() is None:
        time.sleep(0.05)
    process.send_signal(signal.SIGTERM)
    _, messages = process.communicate(timeout=120)
    assert process.returncode == 143, messages
    assert (
        re.search(r"stopped by SIGTERM after \d+ iterations", messages) and f"fastrain run --resume {out}" in messages
    )
    assert "Traceback" not in messages and (out / LAST).is_file()
    resumed = run("fastrain", "run", "--resume", out, "--set", "train.max_iterations=4001")
    assert resumed.returncode == 2 and "train.max_iterations: 4000 -> 4001" in resumed.stderr
