"""A checkpoint in the form of the published SA-FAS code, made by the fill rule, against the published outputs."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from fasdata.errors import UserError
from fastrain.methods.sa_fas.method import SAFAS
from fastrain.methods.sa_fas.settings import SAFASSettings
from fastrain.networks.checkpoint import Checkpoint
from fastrain.run.import_run import import_run
from fastrain.rundir import selected_checkpoint
from fastrain.train.training_state import load_method
from tests.golden.fill import Fill
from tests.golden.location import golden_dir


@pytest.fixture(scope="module")
def fill() -> Fill:
    return Fill(json.loads((golden_dir("sa_fas") / "fill.json").read_text())["salt"])


@pytest.fixture(scope="module")
def state(fill: Fill) -> dict[str, Tensor]:
    """A state with every entry of the published one."""
    golden, state = np.load(golden_dir("sa_fas") / "network_plain.npz"), {}
    for key, shape in zip(golden["state_names"].tolist(), golden["state_shapes"].tolist(), strict=True):
        state[key] = torch.from_numpy(
            np.asarray(fill.tensor(key, tuple(int(side) for side in shape.split("x") if side)))
        )
    assert len(state) == 135
    return state


def save(path: Path, state: dict[str, Tensor], **line: Any) -> Path:
    """Write a file with everything in it that the published code keeps."""
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.ones(2))], lr=0.1, momentum=0.9)
    content = {
        "epoch": 97,
        "state_dict": state,
        "optimizer": optimizer.state_dict(),
        "scheduler": torch.optim.lr_scheduler.StepLR(optimizer, 40, gamma=0.5),
        "args": argparse.Namespace(**{"protocol": "O_C_I_to_M", "scale": 1.0, "normfc": False, **line}),
        "eva": (np.float64(0.0595), np.float64(0.9655)),
    }
    torch.save(content, path)
    return path


@pytest.mark.parametrize(("scale", "variant"), [(1.0, "plain"), (0.5, "half"), (None, "learned")])
def test_an_imported_checkpoint_gives_the_published_outputs(
    tmp_path: Path, fill: Fill, state: dict[str, Tensor], scale: float | None, variant: str
) -> None:
    run = import_run("sa_fas", save(tmp_path / "a_best.pth", state, scale=scale), tmp_path / "run")
    about = run.facts().tree()
    assert about["source"]["says"] == {"epoch": 97, "eva": [0.0595, 0.9655], "protocol": "O_C_I_to_M"}
    assert about["selection"]["policy"].startswith("target_oracle")
    again = SAFAS(SAFASSettings(**{**run.config().model, "normalize": False}), n_domains=3, image_size=64)
    load_method(Checkpoint.read(selected_checkpoint(run.path)), again)
    golden = np.load(golden_dir("sa_fas") / f"network_{variant}.npz")
    image = torch.from_numpy(fill.image("resnet18", (4, 3, 64, 64))).float()
    with torch.no_grad():
        score = again.eval().predict({"modalities": {"rgb": image}})
    np.testing.assert_allclose(score.numpy(), golden["eval/score"][:, 0], rtol=1e-4, atol=1e-5)


def test_signs_are_told_by_the_command_line(tmp_path: Path, state: dict[str, Tensor]) -> None:
    run = import_run("sa_fas", save(tmp_path / "a.pth", state, normfc=True, usebias=False), tmp_path / "run")
    assert run.config().model["head"] == "sign_without_bias"


def test_what_does_not_fit_is_refused_and_leaves_nothing(tmp_path: Path, state: dict[str, Tensor]) -> None:
    for changed, words in (
        ({**state, "neck.weight": torch.ones(2)}, "does not have; found neck.weight"),
        ({key: value for key, value in state.items() if key != "conv1.weight"}, "lacks network.trunk.conv1"),
        ({key: value for key, value in state.items() if not key.startswith("fc2")}, "expected 3 heads; found 2"),
    ):
        with pytest.raises(UserError, match=words):
            import_run("sa_fas", save(tmp_path / "a.pth", changed), tmp_path / "run")
        assert not (tmp_path / "run").exists()
    with pytest.raises(UserError, match="expected a number as scale"):
        import_run("sa_fas", save(tmp_path / "a.pth", state, scale="wide"), tmp_path / "run")
    torch.save({"model_state": [{}, {}]}, tmp_path / "hfn.ckpt")
    with pytest.raises(UserError, match="not a checkpoint of sa_fas; expected an entry state_dict; found model_state"):
        import_run("sa_fas", tmp_path / "hfn.ckpt", tmp_path / "run")
