"""ME-FAS in the engine: a small library, from start to report, stopped and resumed, offline."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
import yaml
from lightning_fabric.plugins import MixedPrecision

from fasdata.errors import UserError
from fasdata.library import Library
from fasdata.resources import configs_dir
from fastrain.methods.me_fas.settings import MEFASSettings
from fastrain.networks.checkpoint import Checkpoint
from fastrain.run.plan import check_settings, make_plan
from fastrain.run.request import RunRequest
from fastrain.run.run import run
from fastrain.run.session import Session
from fastrain.run.settings import layered, presets, resolve
from fastrain.train.devices import open_devices
from tests.fastrain.methods.tiny import TINY
from tests.fastrain.sessions import Killed, assert_same_checkpoint, die_at, last, session
from tests.fastrain.world import write_library

MODEL = [f"model.{key}={json.dumps(value)}" for key, value in TINY["me_fas"].items()]
OVERRIDES = (
    *MODEL,
    "image_size=32",
    "batch_per_group=1",
    "steps_per_epoch=3",
    "max_iterations=7",
    "workers=0",
)


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Library:
    return write_library(tmp_path_factory.mktemp("library"))


def asked(library: Library, out: Path, *overrides: str, **options: Any) -> RunRequest:
    wanted: dict[str, Any] = {"protocol": "CIO-M", "data": str(library.root), "accelerator": "cpu", "out": str(out)}
    return RunRequest(method="me_fas", overrides=(*OVERRIDES, *overrides), **{**wanted, **options})


@pytest.mark.parametrize("overrides", [(), ("compat=paper", "eval.policy=reference", "views=all")])
def test_a_run_from_start_to_report(library: Library, tmp_path: Path, overrides: tuple[str, ...]) -> None:
    folder = run(asked(library, tmp_path / "run", *overrides))
    assert folder is not None and (folder / "report.html").is_file()
    about = json.loads((folder / "run.json").read_text())
    assert (about["status"], about["view"], about["image_size"]) == ("finished", "box-224", 32)
    scores = pd.read_csv(folder / "scores.csv")
    assert np.isfinite(scores["score"]).all() and scores["sample_id"].is_unique
    assert set(scores["part"]) == {"val", "test"}


@pytest.mark.parametrize("overrides", [(), ("workers=2", "schedule.use=true", "schedule.steps=1", "compat=paper")])
def test_killed_and_resumed_equals_never_stopped(library: Library, tmp_path: Path, overrides: tuple[str, ...]) -> None:
    session(asked(library, tmp_path / "whole", *overrides)).train()
    for death in (2, 5):
        broken = session(asked(library, tmp_path / "broken", *overrides))
        die_at(broken, death)
        with pytest.raises(Killed):
            broken.train()
    session(asked(library, tmp_path / "broken", *overrides)).train()
    assert_same_checkpoint(last(tmp_path / "whole"), last(tmp_path / "broken"))
    assert_same_checkpoint(last(tmp_path / "whole", "best"), last(tmp_path / "broken", "best"))


def scaling(wanted: RunRequest) -> Session:
    """Return a session in 16-bit floats whose losses are scaled, which Fabric itself offers on CUDA only."""
    plan = make_plan(wanted, check_settings(wanted))
    plan.run.write_config(plan.config)
    plan.run.write_json("run.json", {**plan.facts(), "status": "running"})
    fabric = open_devices("cpu", "1", "bf16-mixed")
    scaler = torch.amp.GradScaler("cpu", init_scale=2.0**10, growth_interval=2)
    fabric.strategy.precision = fabric._precision = MixedPrecision("16-mixed", "cpu", scaler=scaler)
    return Session(plan, fabric)


def test_the_scaler_of_mixed_precision_goes_on_where_it_stopped(library: Library, tmp_path: Path) -> None:
    scaling(asked(library, tmp_path / "whole")).train()
    broken = scaling(asked(library, tmp_path / "broken"))
    die_at(broken, 5)
    with pytest.raises(Killed):
        broken.train()
    assert last(tmp_path / "broken").facts["scaler"] == {
        "scale": 2048.0, "growth_factor": 2.0, "backoff_factor": 0.5, "growth_interval": 2, "_growth_tracker": 1,
    }  # fmt: skip
    scaling(asked(library, tmp_path / "broken")).train()
    assert last(tmp_path / "whole").facts["scaler"]["scale"] == 8192.0  # after 7 steps, each second one twice as much
    assert_same_checkpoint(last(tmp_path / "whole"), last(tmp_path / "broken"))


def test_scores_do_not_depend_on_the_batch_size(library: Library, tmp_path: Path) -> None:
    tables = []
    for size in (1, 7, 32):
        folder = run(asked(library, tmp_path / str(size), f"evaluate.batch_size={size}", "train.max_iterations=2"))
        assert folder is not None
        tables.append(pd.read_csv(folder / "scores.csv").set_index("sample_id")["score"])
    for other in tables[1:]:
        np.testing.assert_allclose(tables[0], other, rtol=0, atol=1e-6)
    assert tables[0].nunique() > 5


@pytest.mark.parametrize("preset", ["P1", "P2", "P3", "C2I", "paper", "demo", None])
def test_presets_are_complete_configurations(preset: str | None) -> None:
    assert preset is None or preset in presets("me_fas")
    config = resolve(layered("me_fas", preset))
    model = MEFASSettings.model_validate(config.model)
    assert (model.final_norm, model.hides, model.learned_prompts) == (preset == "paper",) * 3
    assert config.published_for == ("C2I" if preset == "C2I" else None)
    if preset in ("P1", "P2", "P3", "C2I", None):
        assert (config.train.max_iterations, config.train.steps_per_epoch, model.lr) == (4001, 100, 1e-6)
        assert model.pretrained is True and config.data.batch_per_group == 2


def test_a_preset_for_one_source_is_refused_for_three(library: Library, tmp_path: Path) -> None:
    config = resolve(layered("me_fas", "C2I", OVERRIDES))
    with pytest.raises(UserError, match="the preset is for C2I, with 1 source domains"):
        make_plan(asked(library, tmp_path / "run"), config)


def test_the_demo_is_small_and_says_what_it_is() -> None:
    from fastrain.methods.me_fas.method import MEFAS

    text = (configs_dir() / "me_fas.demo.yaml").read_text()
    assert "From scratch, not indicative" in text
    preset = yaml.safe_load(text)
    size = preset["data"]["image_size"]
    method = MEFAS(MEFASSettings.model_validate(preset["model"]), n_domains=3, image_size=size)
    assert size == 64 and preset["model"]["lr"] >= 1e-4
    assert sum(parameter.numel() for parameter in method.parameters()) <= 5_000_000


def test_absent_weights_are_missed_without_torch(tmp_path: Path) -> None:
    line = "import sys; from fastrain.methods.me_fas.settings import MEFASSettings\ntry: MEFASSettings().preflight()\n"
    done = subprocess.run(
        [sys.executable, "-c", line + "finally: print('torch' in sys.modules)"],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env={"PATH": "", "HF_HUB_OFFLINE": "1", "HF_HOME": str(tmp_path), "PYTHONPATH": str(Path(__file__).parents[3])},
    )
    assert done.stdout.strip() == "False" and "UserError: no pretrained weights for CLIP model" in done.stderr
    assert "open_clip_model.safetensors of timm/vit_base_patch16_clip_224.openai" in done.stderr


@pytest.mark.parametrize(
    ("scaler", "whole", "words"),
    [
        ({"scale": 8192.0}, False, "scaler.growth_factor; expected a number; found none"),
        ({"growth_interval": 2.5}, True, "scaler.growth_interval; expected a whole number; found 2.5"),
        ({"scale": -1.0}, True, "scaler.scale"),
        ({"scale": "large"}, True, "scaler.scale"),
    ],
)
def test_a_wrong_state_of_the_scaler_is_refused(
    library: Library, tmp_path: Path, scaler: dict[str, Any], whole: bool, words: str
) -> None:
    wanted = asked(library, tmp_path / "run", "max_iterations=3")
    scaling(wanted).train()
    path = tmp_path / "run" / "checkpoints" / "last.safetensors"
    held = Checkpoint.read(path)
    changed = {**(held.facts["scaler"] if whole else {}), **scaler}
    Checkpoint(held.tensors, {**held.facts, "scaler": changed}).write(path)
    with pytest.raises(UserError, match=words):
        scaling(wanted).train()
