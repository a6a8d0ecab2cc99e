"""What ours is timed against (`benchmarks/literal_ssdg.py`) computes what the published code computes."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch

from benchmarks.literal_ssdg import LiteralSSDG, all_triplets
from fastrain.methods.ssdg.settings import SSDGSettings
from fastrain.networks.trunk import imagenet_normalized
from tests.golden.fill import Fill
from tests.golden.location import golden_dir
from tests.golden.test_ssdg import FORWARD, GRADIENT, Masks, Streams, cases, close, close_summaries, filled, published

LITERAL = {"train_icm2o": {"triplet": 2.0, "adversarial": 0.1}, "train_oci2m_nonorm": {"normed": False}}


@pytest.mark.parametrize("stem", LITERAL)
def test_steps(stem: str) -> None:
    golden = np.load(golden_dir("ssdg") / f"{stem}.npz")
    fill = Fill(json.loads((golden_dir("ssdg") / "fill.json").read_text())["salt"])
    method = filled(SSDGSettings(pretrained=False, weight_norm_axis="none"), fill, discriminator="ad_real.")
    literal, streams = LiteralSSDG(method.network, method.discriminator, **LITERAL[stem]), Streams(fill, golden)
    for number in range(2 if stem == "train_icm2o" else 1):
        at, batch = f"iter{number}/", streams(range(3))
        names = golden[f"{at}dropout_names"].tolist()
        method.network.dropout, method.discriminator.dropout = (Masks(fill, [name]) for name in names)
        losses = literal.step(imagenet_normalized(batch["modalities"]["rgb"]), batch["label"], batch["domain"])
        for name, loss in losses.items():
            close(loss, golden[at + name], GRADIENT)
        after = {published(key): parameter.detach() for key, parameter in method.named_parameters()}
        close_summaries(after, golden["param_names"], golden[f"{at}param_summary"], GRADIENT)


def test_triplets() -> None:
    for case in cases(np.load(golden_dir("ssdg") / "triplet.npz")):
        if not (case["hardest"] or case["squared"]):
            features, kind = torch.from_numpy(case["feature"]), torch.from_numpy(case["label"])
            close(all_triplets(features, kind, float(case["margin"])), case["loss"], FORWARD)
