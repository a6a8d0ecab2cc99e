"""The literal MMDG that benchmarks time against is the published one: it passes the same fixture."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from benchmarks.literal_mmdg import LiteralMMDG, optimiser, training_step
from tests.golden.fill_mmdg import ADAPTER_DROPOUT, DROPPED, Fill, summary
from tests.golden.location import golden_dir
from tests.golden.test_mmdg import EXACT, normalised


@pytest.fixture(scope="module")
def folder() -> Path:
    return golden_dir("mmdg")


def masked(fill: Fill, tag: str):
    """Return dropout with the masks of a forward pass."""

    def drop(x: Tensor, rate: float, name: str) -> Tensor:
        assert rate == (ADAPTER_DROPOUT if name.startswith("adapter") else DROPPED)
        kind = "ad" if name.startswith("adapter") else "mc"
        return x * torch.from_numpy(fill.u(f"{kind}:{tag}/{name}", *x.shape) >= rate) / (1 - rate)

    return drop


def test_a_step_of_the_tiny_network(folder: Path) -> None:
    golden, layout, fill = np.load(folder / "train_steps.npz"), np.load(folder / "tiny_forward.npz"), Fill.of(folder)
    literal = LiteralMMDG(width=24, blocks=3, heads=3, hidden=48).double()
    names = [str(name) for name in layout["layout/state_names"]]
    assert set(names) == set(literal.state_dict())
    literal.load_state_dict({key: fill.weight(key, tuple(of.shape)) for key, of in literal.state_dict().items()})
    assert sum(p.requires_grad for p in literal.parameters()) == int(layout["layout/trainable"].sum())
    prototypes = torch.from_numpy(np.stack([golden[f"corrected/epoch0/proto_{m}"] for m in ("color", "depth", "ir")]))
    literal.drop = masked(fill, "step0")
    images = list(normalised(fill.triple("tb0", 4)).values())
    losses = training_step(literal, optimiser(literal), images, torch.from_numpy(golden["domains"][0]), prototypes)
    np.testing.assert_allclose(losses, golden["corrected/step0/losses"], **EXACT)
    for name, expected in zip(golden["grads/names"], golden["corrected/step0/grad_summary"], strict=True):
        np.testing.assert_allclose(summary(literal.get_parameter(str(name)).grad), expected, **EXACT)


def test_the_full_size_is_the_published_one() -> None:
    with torch.device("meta"):
        literal = LiteralMMDG()
    assert sum(parameter.numel() for parameter in literal.parameters()) == 88_252_034
    assert sum(p.numel() for p in literal.parameters() if p.requires_grad) == 8_513_666
