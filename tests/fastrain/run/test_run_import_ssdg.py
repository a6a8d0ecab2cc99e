"""A checkpoint in the form of the published SSDG code, made by the fill rule, against the published outputs."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from fasdata.errors import UserError
from fastrain.methods.ssdg.method import SSDG
from fastrain.methods.ssdg.published import repeated
from fastrain.methods.ssdg.settings import SSDGSettings
from fastrain.networks.checkpoint import Checkpoint
from fastrain.run.import_run import import_run
from fastrain.rundir import selected_checkpoint
from fastrain.train.training_state import load_method
from tests.golden.fill import Fill
from tests.golden.location import golden_dir


@pytest.fixture(scope="module")
def fill() -> Fill:
    return Fill(json.loads((golden_dir("ssdg") / "fill.json").read_text())["salt"])


def published_state(fill: Fill, stem: str, *, projected: bool = True) -> dict[str, Tensor]:
    """Return a state with every entry of the published one, second names too."""
    golden, state = np.load(golden_dir("ssdg") / f"{stem}.npz"), {}
    for key, shape in zip(golden["keys"].tolist(), golden["shapes"].tolist(), strict=True):
        sides = tuple(int(side) for side in shape.strip("()").split(",") if side.strip())
        state[key] = torch.from_numpy(np.asarray(fill.tensor(f"net.{repeated(key) or key}", sides)))
    weight = state["classifier.classifier_layer.weight"]
    state["classifier.classifier_layer.weight"] = weight / weight.norm(dim=0) if projected else weight
    return state


def save(path: Path, state: dict[str, Tensor]) -> Path:
    """Write a file with everything in it that the published code keeps."""
    numbers = [np.float64(0.38), np.float64(0.13), np.float64(0.13), np.float64(0.9), torch.tensor([87.0])]
    content = {
        "epoch": 29, "state_dict": state, "valid_arg": numbers, "best_model_EER": np.float64(0.08),
        "best_model_ACER": 1.0, "best_model_ACC": np.float64(93.5), "threshold": np.float64(0.4321),
    }  # fmt: skip
    torch.save(content, path)
    return path


@pytest.mark.parametrize("prefix", ["", "module."])
def test_an_imported_checkpoint_gives_the_published_outputs(tmp_path: Path, fill: Fill, prefix: str) -> None:
    state = {prefix + key: value for key, value in published_state(fill, "resnet18_64").items()}
    run = import_run("ssdg", save(tmp_path / "best.pth.tar", state), tmp_path / "run")
    about = run.facts().tree()
    assert about["source"]["says"] == {"epoch": 29, "threshold": 0.4321, "best_model_EER": 0.08}
    assert about["selection"]["policy"].startswith("target_oracle")

    again = SSDG(SSDGSettings(**run.config().model), n_domains=3, image_size=64)
    load_method(Checkpoint.read(selected_checkpoint(run.path)), again)
    golden = np.load(golden_dir("ssdg") / "resnet18_64.npz")
    with torch.no_grad():
        features, logits = again.eval().network(torch.from_numpy(fill.image("resnet18", (5, 3, 64, 64))).float())
    np.testing.assert_allclose(features.numpy(), golden["eval/norm/feature"], rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(logits.numpy(), golden["eval/norm/logits"], rtol=1e-4, atol=1e-5)


def test_the_plain_network_is_told_by_its_names(tmp_path: Path, fill: Fill) -> None:
    run = import_run("ssdg", save(tmp_path / "a.pth", published_state(fill, "maddg_256")), tmp_path / "run")
    assert run.config().model["trunk"] == "maddg"


def test_what_does_not_fit_is_refused_and_leaves_nothing(tmp_path: Path, fill: Fill) -> None:
    whole = published_state(fill, "maddg_256")
    second, first = "embedder.bottleneck_layer_1.4.weight", "embedder.conv3_2.weight"
    for state, words in (
        ({**whole, second: whole[second] + 1}, f"{second} and {first}, which are one layer"),
        ({**whole, "neck.weight": torch.ones(2)}, "does not have; found neck.weight"),
        ({key: value for key, value in whole.items() if "bn1_3" not in key}, "lacks network.trunk.norms.2.weight"),
    ):
        with pytest.raises(UserError, match=words):
            import_run("ssdg", save(tmp_path / "a.pth", state), tmp_path / "run")
        assert not (tmp_path / "run").exists()
    torch.save({"model_state": [{}, {}]}, tmp_path / "hfn.ckpt")
    with pytest.raises(UserError, match="not a checkpoint of ssdg; expected an entry state_dict; found model_state"):
        import_run("ssdg", tmp_path / "hfn.ckpt", tmp_path / "run")
