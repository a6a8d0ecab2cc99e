"""Losses in closed form: a quadratic network and a logistic one, at every point of a grid, and their sharpness."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from fastrain.landscape.directions import Plane
from fastrain.landscape.gauge import Gauge, cross_entropy


class Linear(nn.Module):
    """Log odds are w x + b: the squared error of it is a quadratic function of the weights."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(5)
        self.layer = nn.Linear(6, 1).double()

    def log_odds(self, batch) -> Tensor:
        return self.layer(batch["x"])[:, 0]


def squared(odds: Tensor, label: Tensor) -> Tensor:
    return (odds - label) ** 2


@pytest.fixture
def batches() -> list[dict[str, Tensor]]:
    generator = torch.Generator().manual_seed(1)
    sizes = (8, 8, 3)  # the last is short: a mean of means would be wrong
    return [{"x": torch.randn(n, 6, generator=generator).double(), "label": torch.arange(n) % 2} for n in sizes]


def as_numpy(network: Linear, batches, plane: Plane):
    """Return images with a column of ones, labels, weights, and both directions, weights and bias in a row each."""
    x = np.concatenate([batch["x"].numpy() for batch in batches])
    label = np.concatenate([batch["label"].numpy() for batch in batches])
    w = np.concatenate([p.detach().numpy().ravel() for p in network.parameters()])
    a, b = (np.concatenate([part.numpy().ravel() for part in d]) for d in plane.directions)
    return np.column_stack([x, np.ones(len(x))]), label, w, a, b


AXIS = np.linspace(-1, 1, 9)


def test_the_loss_of_a_quadratic_network_is_its_formula_at_every_grid_point(batches) -> None:
    """L(w + s a + t b) = L + s Ga + t Gb + (s² Haa + 2 s t Hab + t² Hbb) / 2, from moments of the images alone."""
    network = Linear()
    plane = Plane.random(network, 0, "move")
    gauge = Gauge(network, network.log_odds, squared)
    x, y, w, a, b = as_numpy(network, batches, plane)
    second, first = x.T @ x / len(x), x.T @ y / len(x)
    here = w @ second @ w - 2 * w @ first + y @ y / len(y)
    slope = 2 * (second @ w - first)
    for s in AXIS:
        for t in AXIS:
            d = s * a + t * b
            with plane.at(s, t):
                loss, _ = gauge.measured(batches)
            assert abs(loss - (here + d @ slope + d @ second @ d)) < 1e-10


def test_cross_entropy_and_accuracy_are_their_formulas_at_every_grid_point(batches) -> None:
    network = Linear()
    plane = Plane.random(network, 0)
    gauge = Gauge(network, network.log_odds)
    x, y, w, a, b = as_numpy(network, batches, plane)
    for s in AXIS:
        for t in AXIS:
            odds = x @ (w + s * a + t * b)
            probability = 1 / (1 + np.exp(-odds))
            wanted = -np.mean(y * np.log(probability) + (1 - y) * np.log(1 - probability))
            with plane.at(s, t):
                loss, accuracy = gauge.measured(batches)
            assert abs(loss - wanted) < 1e-10
            assert accuracy == np.mean((odds > 0) == (y == 1))


def test_sharpness_is_its_formula_on_a_quadratic_network(batches) -> None:
    """L(w + r u) - L(w) = r |g| + r² u H u / 2, with u = g / |g| and H = 2 mean(x xᵀ)."""
    network = Linear()
    x, y, w, *_ = as_numpy(network, batches, Plane.random(network, 0))
    before = [p.clone() for p in network.parameters()]
    slope = 2 * x.T @ (x @ w - y) / len(x)
    length = np.linalg.norm(slope)
    u = slope / length
    radii = [0.01, 0.05, 0.5, 3.0]
    measured, rises = Gauge(network, network.log_odds, squared).sharpness(batches, radii)
    assert abs(measured - length) < 1e-10
    for radius, rise in zip(radii, rises, strict=True):
        assert abs(rise - (radius * length + radius**2 * u @ (x.T @ x / len(x)) @ u)) < 1e-10
    assert all(torch.equal(p, old) for p, old in zip(network.parameters(), before, strict=True))
    assert all(p.grad is None for p in network.parameters())


def test_at_a_minimum_nothing_rises_and_nothing_is_divided_by_zero() -> None:
    network = Linear()
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.zero_()
    batches = [{"x": torch.randn(4, 6).double(), "label": torch.zeros(4, dtype=torch.int64)}]
    assert Gauge(network, network.log_odds, squared).sharpness(batches, [0.1, 1.0]) == (0.0, [0.0, 0.0])


def test_cross_entropy_is_exact_where_a_softplus_of_torch_is_cut_off() -> None:
    odds = torch.tensor([25.0, -25.0, 800.0, -800.0], dtype=torch.float64)
    losses = cross_entropy(odds, torch.tensor([1, 1, 1, 1]))
    assert losses[0].item() == pytest.approx(np.log1p(np.exp(-25)), rel=1e-12)
    assert losses[1].item() == pytest.approx(25 + np.log1p(np.exp(-25)), rel=1e-15)
    assert losses[2:].tolist() == [0.0, 800.0]
