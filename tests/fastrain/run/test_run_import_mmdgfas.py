"""A checkpoint in the form of the published MMDGFAS code, made by the fill rule, against the published outputs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from fasdata.errors import UserError
from fastrain.methods.mmdgfas.method import MMDGFAS
from fastrain.methods.mmdgfas.published import from_reference, to_reference
from fastrain.methods.mmdgfas.settings import MMDGFASSettings
from fastrain.networks.checkpoint import Checkpoint
from fastrain.run.import_run import import_run
from fastrain.rundir import selected_checkpoint
from fastrain.train.training_state import load_method
from tests.golden.fill_mmdgfas import Fill, published_state
from tests.golden.location import golden_dir


@pytest.fixture(scope="module")
def published() -> dict[str, torch.Tensor]:
    folder = golden_dir("mmdgfas")
    return published_state(folder, Fill.of(folder))


def test_an_imported_checkpoint_gives_the_published_outputs(tmp_path: Path, published: dict) -> None:
    torch.save(published, tmp_path / "global_min_acer_model.pth")
    run = import_run("mmdgfas", tmp_path / "global_min_acer_model.pth", tmp_path / "run")

    about = run.facts().tree()
    assert (about["status"], about["color_order"]) == ("imported", "bgr")
    assert about["selection"]["policy"] == "target_oracle(acer, fixed 0.5, frame)"
    assert about["n_parameters"] == 15_051_478
    kept = selected_checkpoint(run.path)
    assert kept.stat().st_size < 0.3 * 4 * sum(value.numel() for value in published.values())
    config = MMDGFASSettings(**run.config().model)
    assert config.color_order == "bgr"

    folder = golden_dir("mmdgfas")
    golden, fill = np.load(folder / "model_eval.npz"), Fill.of(folder)
    again = MMDGFAS(config.model_copy(update={"eval_views": "full"}), n_domains=3, image_size=112).eval()
    load_method(Checkpoint.read(kept), again)
    images = fill.images("input48", (4, 9, 48, 48))
    rgb = images["rgb"].flip(1)  # the method takes RGB, and knows that this network wants BGR
    with torch.no_grad():
        score = again.predict({"modalities": {**images, "rgb": rgb}})
    logits = golden["48_logit"].astype(np.float64)
    np.testing.assert_allclose(score, 1 / (1 + np.exp(logits[:, 0] - logits[:, 1])), atol=5e-5)


def test_names_lead_there_and_back(published: dict) -> None:
    names = [key.removeprefix("module.") for key in published]
    ours = {name: from_reference(name) for name in names}
    kept = {name: key for name, key in ours.items() if key is not None}
    assert {to_reference(key) for key in kept.values()} == set(kept)
    assert from_reference("depth_module.first_bn.weight") == "streams.rgb.first_bn.weight"
    assert from_reference("color_SE.fc1.bias") == "reweighting.depth.fc1.bias"
    dropped = {name for name, key in ours.items() if key is None}
    assert {"ir_module.conv2.0.conv1.weight", "ir_module.encoder.layer3.0.conv1.weight"} <= dropped
    assert len(kept) + len(dropped) == len(names)


def test_what_does_not_fit_is_refused_and_leaves_nothing(tmp_path: Path, published: dict) -> None:
    twin = "module.ir_module.conv2.0.conv1.weight"
    cases = [
        ({**published, twin: published[twin] + 1}, r"conv2\.0.* and .*encoder\.layer1\.0.*, which are one layer"),
        ({"epoch": 3}, "not a checkpoint of mmdgfas.*found epoch"),
        ({**published, "module.vit.weight": torch.zeros(1)}, "does not have; found vit.weight"),
        ({k: v for k, v in published.items() if "ir_SE" not in k}, r"lacks network\.reweighting\.ir"),
        ({**published, "module.fc.3.bias": torch.zeros(3)}, r"has another shape of network\.head\.3\.bias"),
    ]
    for number, (content, message) in enumerate(cases):
        torch.save(content, tmp_path / f"{number}.pth")
        with pytest.raises(UserError, match=message):
            import_run("mmdgfas", tmp_path / f"{number}.pth", tmp_path / "run")
        assert not (tmp_path / "run").exists()
