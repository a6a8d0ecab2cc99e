"""Filter-normalised directions: the same by two ways on a filled ResNet, seeded, and with a policy for batch norm."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from fastrain.landscape.directions import Plane, filter_normalised, learnt, refit_statistics
from fastrain.landscape.surfaces import BATCHNORM
from fastrain.networks.trunk import pooled_trunk

# Kernels of the stem and of each stage's four convolutions, those of the shortcuts, neurons of the head.
FILTERS = 64 + 4 * (16 + 32 + 64 + 128) + (16 + 32 + 64 + 128) + 2


def filled_resnet(seed: int = 0) -> nn.Module:
    """Return a ResNet-18, a quarter as wide, whose weights and statistics are random: no filter is like another."""
    torch.manual_seed(seed)
    trunk, width = pooled_trunk("resnet18", {"channels": [16, 32, 64, 128]})
    network = nn.Sequential(trunk, nn.Linear(width, 2))
    with torch.no_grad():
        for tensor in [*network.parameters(), *network.buffers()]:
            if tensor.is_floating_point():
                tensor.copy_(torch.rand_like(tensor) + 0.1)
    return network


@pytest.fixture(scope="module")
def resnet() -> nn.Module:
    return filled_resnet()


def test_filters_have_the_lengths_of_the_network_by_two_independent_ways(resnet: nn.Module) -> None:
    """The other way is numpy's alone: it walks over filters one by one, in plain loops, from the same drawn numbers."""
    plane = Plane.random(resnet, seed=7)
    generator = torch.Generator().manual_seed(7)
    filters = 0
    for direction in plane.directions:
        for parameter, ours in zip(plane.parameters, direction, strict=True):
            drawn = torch.randn(parameter.shape, generator=generator, dtype=torch.float64).numpy()
            weight = parameter.detach().numpy().astype(np.float64)
            if weight.ndim < 2:
                assert not ours.any()
                continue
            for row in range(weight.shape[0]):
                wanted = drawn[row] * (np.sqrt(np.sum(weight[row] ** 2)) / np.sqrt(np.sum(drawn[row] ** 2)))
                np.testing.assert_allclose(ours[row].numpy(), wanted, rtol=1e-6, atol=1e-7)  # ours is kept in float32
                filters += 1
    assert filters == 2 * FILTERS


def test_a_direction_points_elsewhere_for_another_seed_and_for_the_other_axis(resnet: nn.Module) -> None:
    first, again, other = (Plane.random(resnet, seed) for seed in (1, 1, 2))

    def flat(direction) -> torch.Tensor:
        return torch.cat([part.flatten() for part in direction])

    assert torch.equal(flat(first.directions[0]), flat(again.directions[0]))
    assert torch.equal(flat(first.directions[1]), flat(again.directions[1]))
    for a, b in ((first.directions[0], first.directions[1]), (first.directions[0], other.directions[0])):
        assert abs(float(nn.functional.cosine_similarity(flat(a), flat(b), dim=0))) < 0.02


def test_a_filter_of_zeros_stays_where_it_is() -> None:
    weight = torch.zeros(2, 3, dtype=torch.float64)
    weight[1] = torch.tensor([3.0, 0.0, 4.0])
    direction = filter_normalised(torch.ones_like(weight), weight)
    assert direction[0].tolist() == [0, 0, 0]
    assert float(direction[1].norm()) == pytest.approx(5, rel=1e-9)


@pytest.mark.parametrize("policy", BATCHNORM)
def test_batch_norm_and_biases_follow_their_policy(policy, resnet: nn.Module) -> None:
    plane = Plane.random(resnet, 0, policy)
    small = [(p, d) for p, d in zip(plane.parameters, plane.directions[1], strict=True) if p.dim() < 2]
    assert len(small) == 43  # 21 batch norms of two tensors each, one bias
    for parameter, part in small:
        assert torch.equal(part, parameter if policy == "move" else torch.zeros_like(parameter))


def test_weights_lie_in_the_plane_and_come_back_to_the_last_bit(resnet: nn.Module) -> None:
    before = {name: value.clone() for name, value in resnet.state_dict().items()}
    plane = Plane.random(resnet, 3)
    with plane.at(0.5, -0.25):
        for parameter, a, b in zip(plane.parameters, *plane.directions, strict=True):
            name = next(name for name, value in resnet.named_parameters() if value is parameter)
            assert torch.equal(parameter, (0.5 * a + -0.25 * b) + before[name])
    assert all(torch.equal(value, before[name]) for name, value in resnet.state_dict().items())


def test_what_is_frozen_does_not_move() -> None:
    network = nn.Sequential(nn.Linear(3, 4), nn.Linear(4, 2))
    network[0].requires_grad_(False)
    assert [id(p) for p in learnt(network)] == [id(p) for p in network[1].parameters()]
    frozen = network[0].weight.clone()
    plane = Plane.random(network, 0)
    with plane.at(1, 1):
        assert torch.equal(network[0].weight, frozen)


def test_refitted_statistics_are_those_of_the_batches_and_come_back() -> None:
    network = nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3), nn.Dropout(0.5)).double().eval()
    network[1].running_mean.fill_(7)
    batches = [torch.randn(5, 2, dtype=torch.float64) for _ in range(3)]
    plane = Plane.random(network, 0, "refit")
    with plane.at(0.3, 0.1):
        refit_statistics(network, lambda: [network(batch) for batch in batches])
        inner = [network[0](batch) for batch in batches]
        torch.testing.assert_close(network[1].running_mean, torch.stack([b.mean(0) for b in inner]).mean(0))
        torch.testing.assert_close(network[1].running_var, torch.stack([b.var(0) for b in inner]).mean(0))
        assert not any(layer.training for layer in network)
    assert network[1].running_mean.tolist() == [7, 7, 7]
    assert network[1].momentum == 0.1 and network[1].num_batches_tracked == 0
