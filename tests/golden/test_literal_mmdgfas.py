"""The literal MMDGFAS that benchmarks time against is the published one: it passes the same fixture."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from benchmarks.literal_mmdgfas import LiteralMMDGFAS, optimiser, scored, training_step
from fastrain.methods.mmdgfas.method import MMDGFAS, crops36
from fastrain.methods.mmdgfas.published import convert
from fastrain.methods.mmdgfas.settings import MMDGFASSettings
from tests.golden.fill_mmdgfas import Fill, published_state
from tests.golden.location import golden_dir
from tests.golden.test_mmdgfas import AFTER, FIRST_LOSS, SECOND_LOSS, doubled


@pytest.fixture(scope="module")
def folder() -> Path:
    return golden_dir("mmdgfas")


@pytest.fixture(scope="module")
def state(folder: Path) -> dict[str, Tensor]:
    return {key.removeprefix("module."): value for key, value in published_state(folder, Fill.of(folder)).items()}


@pytest.fixture
def literal(state: dict[str, Tensor]) -> LiteralMMDGFAS:
    network = LiteralMMDGFAS()
    assert network.state_dict().keys() == state.keys() and len(state) == 2214
    assert sum(parameter.numel() for parameter in network.parameters()) == 60_445_666
    network.load_state_dict(state)
    for module in network.modules():
        if isinstance(module, nn.Dropout):
            module.p = 0.0
    return network


def packed(images: dict[str, Tensor]) -> Tensor:
    return torch.cat([images[name] for name in ("rgb", "depth", "ir")], dim=-3)


def test_outputs_and_two_steps(folder: Path, literal: LiteralMMDGFAS) -> None:
    golden, trained, fill = np.load(folder / "model_eval.npz"), np.load(folder / "train_step.npz"), Fill.of(folder)
    with torch.no_grad():
        outputs = literal.eval()(packed(fill.images("input48", (4, 9, 48, 48))))
    for name, value in zip(("logit", "fused_prob", "color_prob", "depth_prob", "ir_prob"), outputs, strict=True):
        np.testing.assert_allclose(value, golden[f"48_{name}"], atol=5e-5)
    literal.double()
    moving, label = optimiser(literal), torch.from_numpy(trained["labels"]).view(-1)
    for step, (name, tolerance) in enumerate((("input48", FIRST_LOSS), ("input48_step2", SECOND_LOSS))):
        loss = training_step(literal, moving, packed(doubled(fill.images(name, (4, 9, 48, 48)))), label)
        np.testing.assert_allclose(loss, trained[f"ce_loss{step}"], rtol=tolerance)
        for key, expected in zip(trained["param_names"], trained[f"ce_param_norm_after{step + 1}"], strict=True):
            parameter = literal.get_parameter(str(key))
            if parameter.grad is not None:
                np.testing.assert_allclose(parameter.detach().norm(), expected, **AFTER[step])


def test_both_give_the_same_score_of_36_views(folder: Path, literal: LiteralMMDGFAS, state: dict[str, Tensor]) -> None:
    ours = MMDGFAS(MMDGFASSettings(), n_domains=3, image_size=112).eval()
    ours.load_state_dict(dict(convert(state).state))
    images = Fill.of(folder).images("input112", (2, 9, 112, 112))
    views = packed({name: view.unflatten(0, (2, 36)) for name, view in crops36(images, 48).items()})
    with torch.no_grad():
        np.testing.assert_allclose(ours.predict({"modalities": images}), scored(literal, views), atol=1e-5)
