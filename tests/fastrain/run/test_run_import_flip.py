"""A checkpoint in the form of the published FLIP code, each variant, against the published names."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from fasdata.errors import UserError
from fastrain.methods.base import Method
from fastrain.methods.flip.published import NUMBERS, TWICE, UNREAD, VOCABULARY, convert, to_reference
from fastrain.networks.checkpoint import Checkpoint
from fastrain.run.assembly import build_method
from fastrain.run.import_run import import_run
from fastrain.rundir import selected_checkpoint
from fastrain.train.training_state import load_method
from tests.fastrain.methods.tiny import SIZE, TINY, images, scored, tiny, trained

VARIANTS = ("it", "mcl", "v")
SETTINGS = (f"model.clip_kwargs={json.dumps(TINY['flip']['clip_kwargs'])}", f"image_size={SIZE}")


def published_state(method: Method) -> dict[str, Tensor]:
    """Return the state that the published code saves: the whole vocabulary, and what nobody reads."""
    state = {to_reference(key): value for key, value in method.state_dict().items()}
    named = {key: value for key, value in state.items() if key}
    if VOCABULARY in method.state_dict():
        rows = method.network.words
        named["model.token_embedding.weight"] = torch.randn(49408, 16).index_copy(
            0, rows, named["model.token_embedding.weight"]
        )
    if UNREAD.rpartition(".")[0] + ".conv1.weight" in named:
        named[UNREAD] = torch.randn(32, 16)
        for part in ("weight", "bias"):
            named[TWICE + part] = named[f"embedder.bottleneck_layer_fc.{part}"].clone()
    return named


def published(method: Method) -> dict[str, Any]:
    facts = {"epoch": 7, "best_model_EER": np.float64(0.05), "best_model_ACER": 1.0, "threshold": 0.61}
    return {"state_dict": published_state(method), "valid_arg": [0.1, torch.ones(1), 0.05], **facts}


@pytest.mark.parametrize("variant", VARIANTS)
def test_an_imported_checkpoint_gives_the_outputs_of_its_network(tmp_path: Path, variant: str) -> None:
    method = tiny("flip", variant=variant)
    trained(method, 2)
    torch.save(published(method), tmp_path / "best.pth.tar")
    run = import_run("flip", tmp_path / "best.pth.tar", tmp_path / "run", SETTINGS)

    about = run.facts().tree()
    assert about["status"] == "imported"
    assert about["selection"]["policy"] == "target_oracle(hter at target eer, clip)"
    assert about["source"]["says"] == {"epoch": 7, "best_model_EER": 0.05, "best_model_ACER": 1.0, "threshold": 0.61}
    again = build_method(run.config(), n_domains=3, image_size=SIZE)
    load_method(Checkpoint.read(selected_checkpoint(run.path)), again)
    assert again.config.variant == variant
    batch = images([0, 1], seed=3)
    torch.testing.assert_close(scored(again, batch), scored(method, batch), rtol=0, atol=1e-6)


@pytest.mark.parametrize("prefix", ["", "model.", "module.model."])
def test_clips_own_file_is_the_network_before_training(prefix: str) -> None:
    method = tiny("flip", variant="it")
    state = {key.removeprefix("model."): value for key, value in published_state(method).items()}
    numbers = {key.removeprefix("model."): torch.tensor(1) for key in NUMBERS}
    result = convert({prefix + key: value for key, value in {**state, **numbers}.items()})
    assert result.model == {"variant": "it", "pretrained": False}
    again = tiny("flip", seed=9, variant="it")
    again.load_state_dict(dict(result.state))
    batch = images([0, 1], seed=3)
    torch.testing.assert_close(scored(again, batch), scored(method, batch))


def test_other_files_are_refused(tmp_path: Path) -> None:
    content = published(tiny("flip"))
    state = content["state_dict"]
    with pytest.raises(UserError, match="not a checkpoint of flip"):
        convert({"model_state": []})
    with pytest.raises(UserError, match=r"flip does not have; found fc\.weight"):
        convert({"state_dict": {**state, "fc.weight": torch.zeros(1)}})
    with pytest.raises(UserError, match=r"vocabulary of the sentences.*49408 rows; found 20 x 16"):
        convert({"state_dict": {**state, "model.token_embedding.weight": torch.zeros(20, 16)}})
    other = published_state(tiny("flip", variant="v"))
    with pytest.raises(
        UserError, match=r"layer\.0\.bias and embedder\.bottleneck_layer_fc\.bias, which are one tensor"
    ):
        convert({**other, f"{TWICE}bias": torch.zeros(512)})
    torch.save(content, tmp_path / "a.pth")
    with pytest.raises(UserError, match="another network than flip as configured"):
        import_run("flip", tmp_path / "a.pth", tmp_path / "run", [SETTINGS[0], "image_size=64"])
    with pytest.raises(UserError, match="the network was trained with other sentences"):
        swapped = {**dict(convert(content).state), "network.words": torch.arange(26)}
        tiny("flip").load_state_dict(swapped)
    assert not (tmp_path / "run").exists()
