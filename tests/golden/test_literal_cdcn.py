"""What ours is timed against (`benchmarks/literal_cdcn.py`) computes what the published code computes."""

from __future__ import annotations

import json

import numpy as np
import torch

from benchmarks.literal_cdcn import LiteralCDCN, losses, scored
from fastrain.methods.cdcn.method import CDCN, normalized
from fastrain.methods.cdcn.published import convert
from fastrain.methods.cdcn.settings import CDCNSettings
from tests.golden.fill import Fill
from tests.golden.location import golden_dir
from tests.golden.test_cdcn import GRADIENT, close, summed


def test_map_losses_gradients_and_score() -> None:
    folder = golden_dir("cdcn")
    golden, fill = np.load(folder / "cdcn_64.npz"), Fill(json.loads((folder / "fill.json").read_text())["salt"])
    literal = LiteralCDCN(float(golden["theta"])).double()
    state = {
        key: torch.from_numpy(np.asarray(fill.tensor(f"cdcn.{key}", tuple(value.shape))))
        for key, value in literal.state_dict().items()
    }
    assert sorted(state) == sorted(golden["keys"].tolist())
    literal.load_state_dict(state)
    image = torch.from_numpy(fill.image("cdcn", (2, 3, 64, 64)))
    with torch.no_grad():
        close(literal.eval()(image)[0], golden["eval/map"])
        mask = torch.ones(2, 32, 32).double()
        theirs = scored(literal, normalized(image), mask)
        method = CDCN(CDCNSettings(compat="released", theta=literal.conv1[0].theta), n_domains=3, image_size=64)
        method.double().load_state_dict(dict(convert(literal.state_dict()).state))
        close(method.eval().predict({"modalities": {"rgb": image}}), theirs.numpy())
    target = torch.from_numpy((fill.u("map:cdcn", (2, 32, 32)) > 0.4).astype(np.float64))
    target[1::2] = 0
    absolute, depth = losses(literal.train()(image)[0], target)
    (absolute + depth).backward()
    close(absolute, golden["train/mse"])
    close(depth, golden["train/cdl"])
    gradients = dict(literal.named_parameters())
    for name, expected in zip(golden["train/grad_names"].tolist(), golden["train/grad_summary"], strict=True):
        close(summed(gradients[name].grad), expected, GRADIENT)
