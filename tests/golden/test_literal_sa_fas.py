"""What ours is timed against (`benchmarks/literal_sa_fas.py`) computes what the published code computes."""

from __future__ import annotations

import json

import numpy as np
import pytest

from benchmarks.literal_sa_fas import LiteralSAFAS
from fastrain.methods.sa_fas.published import to_reference
from fastrain.methods.sa_fas.settings import SAFASSettings
from tests.golden.fill import Fill
from tests.golden.location import golden_dir
from tests.golden.test_sa_fas import GRADIENT, IDLE, Drawn, close_known, filled

LITERAL = {
    "missing": {"alpha": 0.9},
    "strong": {"alpha": 0.8, "scale": 0.5, "contrast": 0.5, "temperature": 0.07, "lr": 0.01},
}


@pytest.mark.parametrize("name", LITERAL)
def test_steps(name: str) -> None:
    golden = np.load(golden_dir("sa_fas") / f"train_{name}.npz")
    fill = Fill(json.loads((golden_dir("sa_fas") / "fill.json").read_text())["salt"])
    network = filled(SAFASSettings(pretrained=False), fill).network
    literal, drawn = LiteralSAFAS(network, 512, **LITERAL[name]), Drawn(fill, golden)
    for number in range(2 if name == "missing" else 1):
        batch = drawn(range(3))
        literal.step(*(view["rgb"] for view in batch["views"]), batch["label"], batch["domain"])
        state = {to_reference(key): value for key, value in network.state_dict().items()}
        close_known(state, golden["state_names"], golden[f"step{number}/state_summary"], GRADIENT, exempt=IDLE)
