"""Metrics in any units: values scale with the unit of the data, and offsets cancel nothing."""

import pytest
import torch

from interpolants.metric.energy_distance import EnergyDistance
from interpolants.metric.mmd import MMD
from interpolants.metric.nearest_neighbour import NearestNeighbour
from interpolants.metric.pairwise import distances
from interpolants.metric.precision_recall import PrecisionRecall
from interpolants.metric.sliced_wasserstein import SlicedWasserstein

_LENGTHS = [EnergyDistance(), SlicedWasserstein(projections=16), NearestNeighbour()]
_NUMBERS = [MMD(), PrecisionRecall()]


def _samples(dim, dtype):
    generator = torch.Generator().manual_seed(dim)
    x, y = (torch.randn(n, dim, generator=generator, dtype=dtype) for n in (120, 90))
    return x, 1.3 * y + 0.1


@pytest.mark.parametrize("metric", [*_LENGTHS, *_NUMBERS], ids=lambda m: m.name)
@pytest.mark.parametrize("dim", [2, 40])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_metric_scales_with_the_unit_of_the_data(metric, dim, dtype):
    x, y = _samples(dim, dtype)
    expected = metric(x, y)
    for unit in (1e-30, 1e-12, 1e20, 1e30):
        value = metric(unit * x, unit * y) / (unit if metric in _LENGTHS else 1)
        torch.testing.assert_close(value, expected, rtol=1e-5, atol=0)


@pytest.mark.parametrize("metric", [*_LENGTHS, *_NUMBERS], ids=lambda m: m.name)
@pytest.mark.parametrize("dim", [2, 40])
def test_metric_is_unchanged_by_an_offset_of_many_standard_deviations(metric, dim):
    x, y = _samples(dim, torch.float64)
    torch.testing.assert_close(metric(x + 1e7, y + 1e7), metric(x, y), rtol=1e-5, atol=0)


@pytest.mark.parametrize("dim", [3, 32, 64])
@pytest.mark.parametrize("far", [1e3, 1e8])
def test_distances_within_clusters_that_are_far_apart(dim, far):
    x, y = _samples(dim, torch.float64)
    x[::2] += far
    y[::3] += far
    x[0] = y[0]
    expected = (x[:, None] - y).norm(dim=-1)
    torch.testing.assert_close(distances(x, y), expected, rtol=1e-7, atol=0)


@pytest.mark.parametrize("dim", [3, 64])
def test_energy_distance_of_far_clusters_in_float32(dim):
    x, y = _samples(dim, torch.float32)
    for rows in (x, y):
        rows[::2] += 1000
        rows[1::2] -= 1000
    expected = EnergyDistance()(x.double(), y.double())
    torch.testing.assert_close(EnergyDistance()(x, y), expected, rtol=1e-4, atol=0)
