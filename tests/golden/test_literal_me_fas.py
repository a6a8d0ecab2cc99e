"""The literal ME-FAS that benchmarks time against is the published one: it passes the same fixtures."""

from __future__ import annotations

import json

import numpy as np
import torch

from benchmarks.literal_me_fas import LiteralMEFAS, losses_of, optimiser
from tests.golden.fill_me_fas import FillDraws, FillMEFAS
from tests.golden.location import golden_dir
from tests.golden.test_me_fas import FEATURE, PROJECTED

CTX = "prompt_learner.ctx"


def test_forward_and_a_training_step() -> None:
    folder = golden_dir("me_fas")
    fill = FillMEFAS(json.loads((folder / "fill.json").read_text())["seed"])
    golden, step = np.load(folder / "model_forward.npz"), np.load(folder / "train_step.npz")
    model = LiteralMEFAS(torch.from_numpy(golden["tokenized_prompts"]).long())
    learnt = ("prompt_learner.ctx", "prompt_learner.token_prefix", "prompt_learner.token_suffix")
    shapes = [(key, tuple(value.shape)) for key, value in model.state_dict().items() if key not in learnt]
    model.load_state_dict(fill.state(shapes), strict=False)
    with torch.no_grad():
        embedded = model.clipModel.token_embedding(model.ids)
        model.prompt_learner.ctx.copy_(embedded[0, 1:3])
        model.prompt_learner.token_prefix.copy_(embedded[:, :1])
        model.prompt_learner.token_suffix.copy_(embedded[:, 3:])
    draws = FillDraws(fill)
    model.noise, model.shuffle = draws.deep_prompt, draws.permutation
    images = [fill.image(f"image.{name}", (2, 3, 224, 224)) for name in ("origin", "aug1", "aug2")]
    label = torch.from_numpy(golden["labels"])

    moving = optimiser(model)
    logits, view1, view2, first, second = model.train()(images, label)
    np.testing.assert_allclose(logits.detach(), golden["ref_trainmode_logits"], atol=2e-5)
    for name, value in {"proj1": view1, "proj2": view2, "cos1": first, "cos2": second}.items():
        tolerance = PROJECTED if name.startswith("proj") else FEATURE
        np.testing.assert_allclose(value.detach(), golden[f"ref_trainmode_{name}"], **tolerance)
    terms = losses_of(logits, view1, view2, first, second, label)
    # Its layer norms are float32 as published, so the order of sums shows: the method itself holds to 1e-5 in float64.
    np.testing.assert_allclose([float(term.detach()) for term in terms], step["losses_cls_simclr_mse_total"], rtol=5e-5)
    terms[-1].backward()
    ours = dict(model.named_parameters())
    for number, name in enumerate(step["names"].tolist()):
        gradient = ours["clipModel.logit_scale" if name == "logit_scale" else name].grad
        assert (gradient is None) == step["grad_is_none"][number], name
        if gradient is not None:
            np.testing.assert_allclose(gradient.norm(), step["grad_norm"][number], rtol=1e-3, atol=1e-4, err_msg=name)
    before = model.prompt_learner.ctx.detach().clone()
    moving.step()
    moved = (model.prompt_learner.ctx.detach() - before).flatten()[:4]
    np.testing.assert_allclose(moved, step["delta_first4"][step["names"].tolist().index(CTX)], atol=2.5e-7)
