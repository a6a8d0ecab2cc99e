"""The literal HFN_MP iteration that benchmarks time against is the published one: it passes the same fixture."""

from __future__ import annotations

import json
import os
import random

import numpy as np
import torch
from torch import Tensor, nn

from benchmarks.literal_hfn_mp import LiteralHFNMP
from tests.golden.fill import Fill, summary
from tests.golden.location import ENVIRONMENT, golden_dir


def test_iterations_of_meta_training() -> None:
    """One iteration, which takes half a minute less than two; of another set of golden arrays, both."""
    folder = golden_dir("hfn_mp")
    golden, settings = np.load(folder / "meta_train_sgd.npz"), json.loads((folder / "fill.json").read_text())
    fill = Fill(settings["salt"])
    literal = LiteralHFNMP(lr=0.001, inner_loops=2)
    for module, prefix in ((literal.extractor.double(), "extractor."), (literal.network.double(), "hfn.")):
        filled(module, fill, prefix)
    literal.optimisers()
    taken = np.zeros((3, 2), int)

    def draw(domains: list[int]) -> tuple[Tensor, Tensor]:
        images, labels = [], []
        for domain in domains:
            for label in (1, 0):
                name = f"dom{domain}/cls{label}/batch{taken[domain, label]}"
                images.append(torch.from_numpy(fill.image(name, (2, 3, 64, 64))))
                labels += [label, label]
                taken[domain, label] += 1
        return torch.cat(images), torch.tensor(labels)

    shuffle = random.Random(settings["domain_shuffle_seed"])
    losses = []
    iterations = 2 if os.environ.get(ENVIRONMENT) else 1
    for k, tolerance in enumerate((1e-7, 1e-6)[:iterations]):
        domains = [0, 1, 2]
        shuffle.shuffle(domains)
        losses += literal.iteration(domains[:2], domains[2:], draw)
        state = literal.extractor.state_dict()
        ours = np.concatenate([state[str(name)].numpy().ravel() for name in golden["extractor_names"]])
        np.testing.assert_allclose(ours, golden[f"iter{k}/extractor"], rtol=tolerance, atol=tolerance)
        state = literal.network.state_dict()
        sums = np.stack([summary(state[str(name)].numpy()) for name in golden["hfn_names"]])
        np.testing.assert_allclose(sums, golden[f"iter{k}/hfn_summary"], rtol=tolerance, atol=tolerance)
    if iterations == 2:
        np.testing.assert_array_equal(taken, golden["batches_drawn"])
        assert len(losses) == len(golden["losses_value"])
    assert len(losses) >= 4
    np.testing.assert_allclose(losses, golden["losses_value"][: len(losses)], rtol=1e-6, atol=1e-6)


def filled(module: nn.Module, fill: Fill, prefix: str) -> None:
    module.load_state_dict(
        {key: torch.from_numpy(fill.tensor(prefix + key, tuple(v.shape))) for key, v in module.state_dict().items()}
    )
