"""The literal FLIP that benchmarks time against is the published one: it passes the same fixtures."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from torch import nn

from benchmarks.literal_flip import LiteralIT, LiteralMCL, LiteralV, Sizes, optimiser, scored, training_step
from benchmarks.literal_me_fas import LayerNorm
from fastrain.networks.trunk import imagenet_normalized
from tests.golden.fill import summary
from tests.golden.location import golden_dir
from tests.golden.parts_flip import FillFLIP, arrays, batch_of, close
from tests.golden.test_flip import Kept

KINDS = {"it": LiteralIT, "mcl": LiteralMCL, "v": LiteralV}
SHAPES = {"it": (128, 8), "mcl": (128, 8), "v": (768, 16)}  # width of the image tower, and its patches


@pytest.mark.parametrize("variant", KINDS)
def test_a_training_step(variant: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(LayerNorm, "forward", nn.LayerNorm.forward)  # it casts to float32, as published
    folder = golden_dir("flip")
    fill = FillFLIP(json.loads((folder / "fill.json").read_text())["salt"])
    golden, ids = arrays(folder, f"train_flip_{variant}"), torch.from_numpy(arrays(folder, "prompts")["tokens"]).long()
    width, patch = SHAPES[variant]
    sizes = Sizes(image=32, patch=patch, width=width, layers=2, text_width=128, text_layers=2, ids=ids)
    model = KINDS[variant](sizes).double()
    filled = {key: torch.from_numpy(fill.tensor(key, tuple(v.shape))) for key, v in model.state_dict().items()}
    model.load_state_dict(filled)
    if isinstance(model, LiteralMCL):
        drawn = iter(golden["step0/pair_1"])
        model.draw = lambda: torch.from_numpy(next(drawn))
    if isinstance(model, LiteralV):
        model.dropout = Kept(golden["step0/kept"])  # type: ignore[assignment]
    batch = batch_of(fill, 0, golden["groups"].tolist(), ("base", "view1", "view2")[: 3 if variant == "mcl" else 1])
    views = [imagenet_normalized(view["rgb"]) for view in batch["views"]]
    terms = training_step(model, optimiser(model), views, batch["label"])
    names = ("cls", "simclr", "mse", "total") if variant == "mcl" else ("cls",)
    for name, value in zip(names, terms, strict=True):
        close(value, golden[f"step0/{name}"])
    ours = dict(model.named_parameters())
    assert set(ours) == set(golden["param_names"])
    for name, expected, none in zip(
        golden["param_names"].tolist(), golden["step0/grad_summary"], golden["grad_is_none"], strict=True
    ):
        gradient = ours[name].grad
        assert (gradient is None) == none, name
        if gradient is not None:
            within = 1e-9 * expected[1] + 1e-13
            np.testing.assert_allclose(summary(gradient.numpy()), expected, rtol=0, atol=within, err_msg=name)
    if variant != "v":
        assert torch.isfinite(scored(model, views[0][:2])).all()
