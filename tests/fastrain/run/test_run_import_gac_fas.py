"""A checkpoint in the form of the published GAC-FAS code, made by the fill rule, against the published outputs."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from fasdata.errors import UserError
from fastrain.methods.gac_fas.method import GACFAS
from fastrain.methods.gac_fas.published import to_reference
from fastrain.methods.gac_fas.settings import GACFASSettings
from fastrain.networks.checkpoint import Checkpoint
from fastrain.run.import_run import import_run
from fastrain.rundir import selected_checkpoint
from fastrain.train.training_state import load_method
from tests.golden.fill import Fill
from tests.golden.location import golden_dir


@pytest.fixture(scope="module")
def fill() -> Fill:
    return Fill(json.loads((golden_dir("gac_fas") / "fill.json").read_text())["salt"])


def published_state(fill: Fill, prefix: str = "", **settings: Any) -> dict[str, Tensor]:
    """Return a state with every entry of the published one: the trunk twice, the idle classifier, the head."""
    network = GACFAS(GACFASSettings(pretrained=False, **settings), n_domains=3, image_size=64).network
    state = {to_reference(key): value for key, value in network.state_dict().items()}
    filled = {k: torch.from_numpy(fill.tensor(k, tuple(v.shape))).to(v.dtype) for k, v in state.items()}
    twice = {
        f"layer_blocks.{int(key[len('model.layer')]) - 1}.{key.partition('.')[2].partition('.')[2]}": value
        for key, value in filled.items()
        if key.startswith("model.layer")
    }
    idle = {"model.fc.weight": torch.ones(1000, 512), "model.fc.bias": torch.ones(1000)}
    return {prefix + key: value for key, value in {**filled, **idle, **twice}.items()}


def save(path: Path, state: dict[str, Tensor], monkeypatch: pytest.MonkeyPatch) -> Path:
    """Write a file with everything in it that the published code keeps."""
    module = ModuleType("easydict")
    module.EasyDict = type("EasyDict", (dict,), {"__module__": "easydict"})  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "easydict", module)
    settings = module.EasyDict(MODEL=module.EasyDict(num_classes=1), lr=0.005)  # type: ignore[attr-defined]
    settings.lr = 0.005
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.ones(2))], lr=0.1, momentum=0.9)
    content = {
        "epoch": 149,
        "state_dict": state,
        "optimizer": optimizer.state_dict(),
        "scheduler": torch.optim.lr_scheduler.StepLR(optimizer, 40, gamma=0.5),
        "args": settings,
        "eva": {"HTER": np.float64(0.086), "AUC": np.float64(0.9716)},
    }
    torch.save(content, path)
    monkeypatch.delitem(sys.modules, "easydict")
    return path


@pytest.mark.parametrize("prefix", ["", "module."])
def test_an_imported_checkpoint_gives_the_published_outputs(
    tmp_path: Path, fill: Fill, monkeypatch: pytest.MonkeyPatch, prefix: str
) -> None:
    state = published_state(fill, prefix)
    assert len(state) == 237
    run = import_run("gac_fas", save(tmp_path / "a_best.pth", state, monkeypatch), tmp_path / "run")
    about = run.facts().tree()
    assert (about["status"], about["color_order"]) == ("imported", "rgb")
    assert about["source"]["says"] == {"epoch": 149, "eva": {"HTER": 0.086, "AUC": 0.9716}}
    assert about["selection"]["policy"].startswith("target_oracle")

    config = GACFASSettings(**run.config().model)
    again = GACFAS(config, n_domains=3, image_size=64)
    load_method(Checkpoint.read(selected_checkpoint(run.path)), again)
    golden = np.load(golden_dir("gac_fas") / "resnet18_64.npz")
    with torch.no_grad():
        features, cosines = again.eval().network(torch.from_numpy(fill.image("resnet18", (3, 3, 64, 64))).float())
    # the file holds 32-bit numbers, the published outputs were computed with 64
    np.testing.assert_allclose(features.numpy(), golden["eval/z"], rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(cosines.numpy(), golden["eval/logit"], rtol=1e-4, atol=1e-5)


def test_two_outputs_were_trained_with_cross_entropy(
    tmp_path: Path, fill: Fill, monkeypatch: pytest.MonkeyPatch
) -> None:
    state = published_state(fill, loss="ce")
    run = import_run("gac_fas", save(tmp_path / "a.pth", state, monkeypatch), tmp_path / "run")
    assert run.config().model["loss"] == "ce"


def test_what_does_not_fit_is_refused_and_leaves_nothing(
    tmp_path: Path, fill: Fill, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = published_state(fill)
    other = "layer_blocks.2.0.conv1.weight"
    for state, words in (
        ({**whole, other: whole[other] + 1}, f"{other} and model.layer3.0.conv1.weight, which are one layer"),
        ({**whole, "neck.weight": torch.ones(2)}, "does not have; found neck.weight"),
        ({key: value for key, value in whole.items() if key != "model.conv1.weight"}, "lacks network.trunk.conv1"),
        ({key: value for key, value in whole.items() if key != "fc.weight"}, "lacks network.head.weight"),
    ):
        with pytest.raises(UserError, match=words):
            import_run("gac_fas", save(tmp_path / "a.pth", state, monkeypatch), tmp_path / "run")
        assert not (tmp_path / "run").exists()
    torch.save({"model_state": [{}, {}]}, tmp_path / "hfn.ckpt")
    with pytest.raises(UserError, match="not a checkpoint of gac_fas; expected an entry state_dict; found model_state"):
        import_run("gac_fas", tmp_path / "hfn.ckpt", tmp_path / "run")
