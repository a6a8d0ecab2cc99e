"""A checkpoint in the form of the published HFN_MP code, made by the fill rule, against the published outputs."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from fasdata.errors import UserError
from fastrain.methods.hfn_mp.method import HFNMP
from fastrain.methods.hfn_mp.published import to_reference
from fastrain.methods.hfn_mp.settings import HFNMPSettings
from fastrain.networks.checkpoint import Checkpoint
from fastrain.run.import_run import import_run
from fastrain.rundir import RunDir, selected_checkpoint
from fastrain.train.training_state import load_method
from tests.fastrain.methods.tiny import TINY, tiny
from tests.golden.fill import Fill
from tests.golden.location import golden_dir


def published_state(module: nn.Module, fill: Fill, prefix: str, names: bool) -> dict[str, Tensor]:
    """Return the module's state under the published names, filled by the rule."""
    renamed = {to_reference(key) if names else key: value for key, value in module.state_dict().items()}
    return {
        key: torch.from_numpy(fill.tensor(prefix + key, tuple(value.shape))).to(value.dtype)
        for key, value in renamed.items()
    }


@pytest.fixture(scope="module")
def fill() -> Fill:
    return Fill(json.loads((golden_dir("hfn_mp") / "fill.json").read_text())["salt"])


def test_an_imported_checkpoint_gives_the_published_outputs(tmp_path: Path, fill: Fill) -> None:
    method = HFNMP(HFNMPSettings(pretrained=False), n_domains=3, image_size=256)
    content = {
        "epoch": 17,
        "val_metrics": {"MIN_HTER": np.float64(0.0524), "AUC": np.float64(0.97)},
        "global_step": 3400,
        "model_state": [
            published_state(method.extractor, fill, "extractor.", names=False),
            published_state(method.hfn, fill, "hfn.", names=True),
        ],
        "optim_state": torch.optim.SGD(method.parameters(), lr=0.1).state_dict(),
    }
    torch.save(content, tmp_path / "best.ckpt")
    run = import_run("hfn_mp", tmp_path / "best.ckpt", tmp_path / "run")

    about = run.facts().tree()
    assert (about["status"], about["color_order"]) == ("imported", "bgr")
    assert about["source"]["file"] == "best.ckpt" and len(about["source"]["sha256"]) == 64
    assert about["source"]["says"]["val_metrics"] == {"MIN_HTER": 0.0524, "AUC": 0.97}
    assert about["selection"]["policy"] == "target_oracle(min_hter, frame)"
    config = HFNMPSettings(**run.config().model)
    assert config.color_order == "bgr"

    golden = np.load(golden_dir("hfn_mp") / "hfn_forward_64.npz")
    again = HFNMP(config, n_domains=3, image_size=64)
    load_method(Checkpoint.read(selected_checkpoint(run.path)), again)
    rgb, pattern = (torch.from_numpy(fill.image(name, (2, 3, 64, 64))).float() for name in ("hfn_rgb", "hfn_tex"))
    with torch.no_grad():
        maps, logits = again.eval().hfn(rgb, pattern)
    # the file holds 32-bit numbers, the published outputs were computed with 64
    np.testing.assert_allclose(maps.numpy(), golden["norm/eval/map"], rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(logits.numpy(), golden["norm/eval/cls"], rtol=1e-4, atol=1e-5)


def save_tiny(path: Path, **changes: object) -> list[str]:
    """Write a small network in the published form; return the settings that describe it."""
    method = tiny("hfn_mp")
    states = [
        method.extractor.state_dict(),
        {to_reference(key): value for key, value in method.hfn.state_dict().items()},
    ]
    torch.save({"model_state": states, "epoch": 1, **changes}, path)
    return [f"model.{key}={json.dumps(value)}" for key, value in TINY["hfn_mp"].items()]


def test_the_user_has_the_last_word_on_what_the_file_does_not_tell(tmp_path: Path) -> None:
    settings = save_tiny(tmp_path / "a.ckpt")
    run = import_run("hfn_mp", tmp_path / "a.ckpt", tmp_path / "run", [*settings, "color_order=rgb"])
    assert run.facts().tree()["color_order"] == "rgb"
    assert run.config().model["color_order"] == "rgb"


def test_what_does_not_fit_is_refused_and_leaves_nothing(tmp_path: Path) -> None:
    settings = save_tiny(tmp_path / "a.ckpt")
    with pytest.raises(UserError, match=r"another network than hfn_mp.*lacks hfn\.rgb\.trunk"):
        import_run("hfn_mp", tmp_path / "a.ckpt", tmp_path / "run")
    assert not (tmp_path / "run").exists()
    save_tiny(tmp_path / "b.ckpt", model_state=[{}])
    with pytest.raises(UserError, match="not a checkpoint of hfn_mp"):
        import_run("hfn_mp", tmp_path / "b.ckpt", tmp_path / "run", settings)
    with pytest.raises(UserError, match="did you mean 'hfn_mp'"):
        import_run("hfnmp", tmp_path / "a.ckpt", tmp_path / "run")
    (tmp_path / "taken").mkdir()
    (tmp_path / "taken" / "thesis.tex").write_text("x")
    with pytest.raises(UserError, match="exists already"):
        import_run("hfn_mp", tmp_path / "a.ckpt", tmp_path / "taken", settings)
    assert RunDir(tmp_path / "taken").file("thesis.tex").read_text() == "x"
