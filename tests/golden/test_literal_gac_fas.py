"""What ours is timed against (`benchmarks/literal_gac_fas.py`) computes what the published code computes."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from benchmarks.literal_gac_fas import LiteralGACFAS
from fastrain.methods.gac_fas.network import CosineNetwork
from tests.golden.location import golden_dir
from tests.golden.test_gac_fas import POINTS, STEPPED, STEPS, close, flat, ours, small_trunk

FROZEN = {"literal": False, "frozen_proxy": True}
LITERAL = [stem for stem in STEPPED if "_corrected_" not in stem] + ["erm_step"]


@pytest.mark.parametrize("stem", LITERAL)
def test_three_steps(stem: str) -> None:
    folder = golden_dir("gac_fas")
    inputs, golden = np.load(folder / "gac_step_inputs.npz"), np.load(folder / f"{stem}.npz")
    mode = next((mode for mode in FROZEN if stem.startswith(f"gac_step_{mode}_")), "")
    case = stem.removeprefix(f"gac_step_{mode}_")
    literal = literal_run(inputs, case, frozen=FROZEN.get(mode, False))
    batches = "missing" if case == "missing" else "full"
    names = [ours(str(name)) for name in inputs[f"layout{'2' if case == 'ce2' else ''}/state_names"]]
    for number in range(STEPS):
        step = literal.step if mode else literal.plain_step
        step(*batch_of(inputs, f"{batches}/step{number}"))
        close(flat(literal.network.state_dict(), names), golden[f"step{number}/after"])


def literal_run(inputs: np.lib.npyio.NpzFile, case: str, *, frozen: bool) -> LiteralGACFAS:
    points = dict(POINTS.get(case, {}))
    if "lr" in points:
        points["head_lr"] = 10 * points["lr"]
    network = CosineNetwork(small_trunk(), 6, 2 if case == "ce2" else 1).double()
    init = {name.removeprefix("init/"): inputs[name] for name in inputs if name.startswith("init/")}
    if case == "ce2":
        init["fc.weight"] = inputs["init2/fc.weight"]
    network.load_state_dict({ours(name): torch.from_numpy(value) for name, value in init.items()})
    return LiteralGACFAS(network, frozen=frozen, **points)


def batch_of(inputs: np.lib.npyio.NpzFile, prefix: str) -> list[Tensor]:
    first, second, label, domain = (
        torch.from_numpy(inputs[f"{prefix}/{name}"]) for name in ("view1", "view2", "label", "domain")
    )
    return [first, second, label.long(), domain.long()]
