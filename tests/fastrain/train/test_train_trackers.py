"""What trackers are told of a run, and what they are not: read back with their own readers, without a network."""

from __future__ import annotations

import socket
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from fasdata.errors import UserError
from fastrain.train.trackers import Tracked, Trackers, opened, trackers_named

SETTINGS = {"method": "erm", "train": {"seed": 3, "ema": None}, "data": {"sets": ["a", "b"]}}
SECRET = "0123456789abcdef" * 5


def tracked(folder: Path, **settings: Any) -> Tracked:
    folder.mkdir(parents=True, exist_ok=True)
    return Tracked.of(folder, "begun now", {**SETTINGS, **settings})


def tell(name: str, run: Tracked, *, start: int, end: int) -> None:
    """Tell a tracker of the iterations after `start`, and of the result."""
    with opened([name], run, start) as trackers:
        for iteration in range(start + 1, end + 1):
            trackers.log({"train/loss": 1 / iteration}, iteration)
        trackers.log({"val/auc": 0.75}, end)
        trackers.conclude({"test/hter": 0.125}, end)


@pytest.fixture
def this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine with a name of its own, a user with a key, and nothing set that sends anything."""
    for name in ("WANDB_MODE", "WANDB_PROJECT", "MLFLOW_TRACKING_URI", "MLFLOW_EXPERIMENT_NAME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("WANDB_API_KEY", SECRET)
    for name in ("LOGNAME", "USER"):
        monkeypatch.setenv(name, "somebody-known")
    monkeypatch.setattr(socket, "gethostname", lambda: "machine-of-somebody")


PERSONAL = (SECRET, "somebody-known", "machine-of-somebody")


def test_names_of_trackers(monkeypatch: pytest.MonkeyPatch) -> None:
    assert trackers_named(" tensorboard,tensorboard") == ("tensorboard",)
    with pytest.raises(UserError, match="did you mean 'wandb'"):
        trackers_named("wandbb")
    with pytest.raises(UserError, match="none alone"):
        trackers_named("none,tensorboard")
    monkeypatch.setattr("fastrain.train.trackers.find_spec", lambda name: None)
    with pytest.raises(UserError, match=r"--track mlflow needs the package mlflow; .*'fasdata\[mlflow\]'"):
        trackers_named("mlflow")


def test_settings_that_are_paths_are_not_told(tmp_path: Path) -> None:
    weights = tmp_path / "w.safetensors"
    weights.touch()
    paths = {"a": str(weights), "b": "~/w", "c": ["x", "/home/me/w"], "d": "local-dir:/opt/w", "e": "C:\\w"}
    words = {"f": "timm/resnet50.a1_in1k", "g": "mcio:CIO2M", "h": 0.5, "i": "erm"}
    run = tracked(tmp_path / "erm-0", model={**paths, **words})
    assert {run.settings[f"model.{name}"] for name in paths} == {"(a path)"}
    assert {name: run.settings[f"model.{name}"] for name in words} == words
    assert run.name == "erm-0" and run.settings["train.seed"] == 3
    assert run.id == tracked(tmp_path / "erm-0").id != tracked(tmp_path / "erm-1").id


def test_a_tracker_that_fails_on_the_way_stops_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    class Broken:
        def log(self, values: Mapping[str, float], iteration: int) -> None:
            raise OSError("the server is gone")

        conclude = log

        def close(self, *, finished: bool) -> None:
            raise AssertionError("told though it was given up")

    class Sound(Broken):
        def log(self, values: Mapping[str, float], iteration: int) -> None:
            logged.append(iteration)

        def close(self, *, finished: bool) -> None:
            logged.append(finished)

    logged: list[int] = []
    both = Trackers({"broken": Broken(), "sound": Sound()})
    both.log({"a": 1.0}, 1)
    both.log({"a": 1.0}, 2)
    both.close(finished=True)
    assert logged == [1, 2, True]
    assert capsys.readouterr().err == "note: broken is told no more: the server is gone\n"


def test_tensorboard_reads_what_it_was_told(tmp_path: Path) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    run = tracked(tmp_path / "erm-0")
    tell("tensorboard", run, start=0, end=4)
    tell("tensorboard", run, start=2, end=6)  # gone on with after a checkpoint at 2
    events = EventAccumulator(str(run.folder / "tensorboard")).Reload()
    assert [event.step for event in events.Scalars("train/loss")] == [1, 2, 3, 4, 5, 6]
    assert [event.value for event in events.Scalars("test/hter")] == [0.125]


def test_wandb_writes_a_folder_offline_and_nothing_personal(tmp_path: Path, this_machine: None) -> None:
    pytest.importorskip("wandb", reason="the extra 'wandb' is not installed")
    run = tracked(tmp_path / "erm-0", model={"weights": str(tmp_path)})
    tell("wandb", run, start=0, end=2)
    (folder,) = (run.folder / "wandb").glob("offline-run-*")
    (file,) = folder.glob("*.wandb")  # all that 'wandb sync' sends, beside files/
    assert not list(folder.glob("files/*")) and run.id in file.name
    text = file.read_bytes().decode("latin-1")
    assert all(word in text for word in ("erm-0", "train/loss", "val/auc", "test/hter", "train.seed", "(a path)"))
    for personal in (*PERSONAL, str(tmp_path), str(Path.home()), str(Path.cwd())):
        assert personal not in text


def test_mlflow_keeps_files_that_its_client_reads_and_goes_on_with_a_run(tmp_path: Path, this_machine: None) -> None:
    mlflow = pytest.importorskip("mlflow", reason="the extra 'mlflow' is not installed")
    run = tracked(tmp_path / "erm-0", model={"weights": str(tmp_path)})
    tell("mlflow", run, start=0, end=2)
    tell("mlflow", run, start=2, end=3)
    client = mlflow.MlflowClient(tracking_uri=(run.folder / "mlflow").as_uri())
    (made,) = client.search_runs([client.get_experiment_by_name("fastrain").experiment_id])
    assert made.info.run_name == "erm-0" and made.info.status == "FINISHED" and made.info.user_id == "unknown"
    assert [metric.step for metric in client.get_metric_history(made.info.run_id, "train/loss")] == [1, 2, 3]
    assert made.data.metrics["test/hter"] == 0.125
    assert made.data.params["train.seed"] == "3" and made.data.params["model.weights"] == "(a path)"
    assert set(made.data.tags) == {"mlflow.runName", "fastrain_id"}
