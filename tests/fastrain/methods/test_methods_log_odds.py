"""The log odds that a method's landscape is of: those of its classification loss, with gradients."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from fasdata.errors import UserError
from fastrain.methods.base import Batch, Method
from fastrain.methods.registry import METHODS
from fastrain.networks.domains import domain_losses
from tests.fastrain.methods.tiny import DOMAINS, images, tiny, trained

LATE = {"modalities": ("rgb", "depth", "ir"), "fusion": "late"}
HYBRID = {"fusion": {"decision": "hybrid"}, "loss": "combined_all", "ce_weight": 1.0}
# Method, settings, and the column of its scores whose probability the log odds are; None: its score is a cosine.
CASES = [
    ("cdcn", {}, "score"),
    ("erm", {}, "score"),
    ("erm", LATE, "score"),
    ("flip", {}, "score"),
    ("flip", {"variant": "v"}, "score"),
    ("gac_fas", {}, None),
    ("gac_fas", {"loss": "ce"}, "score"),
    ("hfn_mp", {}, "cls"),
    ("me_fas", {}, "score"),
    ("mmdg", {}, "score"),
    ("mmdgfas", {}, "score"),
    ("mmdgfas", HYBRID, "score"),
    ("sa_fas", {}, "score"),
    ("sa_fas", {"fuse": "logit"}, "score"),
    ("ssdg", {}, "score"),
]


@pytest.mark.parametrize(("name", "changes", "column"), CASES)
def test_they_are_those_of_a_probability_that_the_method_scores_with(name, changes, column) -> None:
    assert {case[0] for case in CASES} == set(METHODS)
    method = tiny(name, **changes).double()
    trained(method.float(), 2)
    method.double().eval()
    batch = double(images(range(DOMAINS), seed=3))
    if changes is LATE:
        batch["available"]["depth"][::2] = False
    with torch.no_grad():
        odds, scores = method.log_odds(batch), method.scores(batch)
    wanted = torch.logit(scores[column]) if column else 12 * scores["score"]
    torch.testing.assert_close(odds, wanted, rtol=1e-6, atol=1e-6)
    assert odds.shape == batch["label"].shape and len(odds.unique()) > 1


@pytest.mark.parametrize("name", METHODS)
def test_gradients_flow_through_them(name: str) -> None:
    method = tiny(name).eval()
    batch = images([0])
    loss = F.binary_cross_entropy_with_logits(method.log_odds(batch), batch["label"].float())
    parameters = list(method.parameters())
    gradients = torch.autograd.grad(loss, parameters, allow_unused=True)
    assert any(gradient is not None and bool(gradient.abs().max() > 0) for gradient in gradients)


@pytest.mark.parametrize("changes", [{}, {"loss": "ce", "ce_scale": 7.0}])
def test_their_cross_entropy_is_the_classification_loss_of_gac_fas(changes) -> None:
    method = tiny("gac_fas", **changes).double().eval()
    batch = double(images(range(DOMAINS)))
    with torch.no_grad():
        odds = method.log_odds(batch)
        _, cosines = method.network(method._normalized(batch["modalities"]["rgb"]))
    config = method.config
    trained_with = domain_losses(
        cosines, batch["label"], batch["domain"], DOMAINS, kind=config.loss, scale=config.scale
    )
    each = F.binary_cross_entropy_with_logits(odds, batch["label"].double(), reduction="none")
    ours = torch.stack([each[batch["domain"] == k].mean() for k in range(DOMAINS)]) / DOMAINS
    torch.testing.assert_close(ours, trained_with, rtol=1e-12, atol=1e-12)


def test_scores_that_are_no_probabilities_are_refused_by_name() -> None:
    class Unbounded(Method):
        name = "unbounded"

        def predict(self, batch: Batch) -> Tensor:
            return batch["modalities"]["rgb"].mean(dim=(1, 2, 3)) + 1

    method = Unbounded(tiny("erm").config, n_domains=1, image_size=32)
    with pytest.raises(UserError, match=r"scores of unbounded are no probabilities.*expected scores in \[0, 1\]"):
        method.log_odds(images([0]))


def double(batch: Batch) -> Batch:
    return {**batch, "modalities": {name: image.double() for name, image in batch["modalities"].items()}}
