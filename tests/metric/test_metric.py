"""Metrics against closed forms, and invariances of distances between distributions."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from interpolants.metric.base import Metric, References
from interpolants.metric.energy_distance import EnergyDistance
from interpolants.metric.mmd import MMD
from interpolants.metric.sliced_wasserstein import SlicedWasserstein

METRICS = [EnergyDistance(chunk_size=64), MMD(chunk_size=64), SlicedWasserstein(projections=32)]
by_name = pytest.mark.parametrize("metric", METRICS, ids=lambda metric: metric.name)


@pytest.fixture(autouse=True)
def one_thread():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def normal(*shape: int, seed: int, dtype: torch.dtype = torch.float32) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


def folded_mean(mean: float, std: float) -> float:
    """E|N(mean, std^2)|."""
    density = math.exp(-(mean**2) / (2 * std**2)) * std * math.sqrt(2 / math.pi)
    return density + mean * math.erf(mean / (std * math.sqrt(2)))


def test_metric_name_is_the_file_stem():
    assert [m.name for m in METRICS] == ["energy_distance", "mmd", "sliced_wasserstein"]


@by_name
@pytest.mark.parametrize("event", [(), (1,), (3,), (2, 5, 4)], ids=str)
def test_metric_is_zero_for_equal_sets_alone(metric: Metric, event):
    x, y = normal(150, *event, seed=0), normal(101, *event, seed=1) + 0.3
    assert metric(x, y) > 0
    order = torch.randperm(150, generator=torch.Generator().manual_seed(2))
    torch.testing.assert_close(metric(x, x[order]).item(), 0.0, atol=1e-6, rtol=0)


@by_name
def test_metric_is_unchanged_by_repeating_every_sample(metric: Metric):
    x, y = normal(60, 3, seed=0, dtype=torch.float64), normal(45, 3, seed=1, dtype=torch.float64)
    repeated = metric(x.repeat_interleave(2, dim=0), y)
    torch.testing.assert_close(repeated, metric(x, y), rtol=1e-6, atol=0)


@by_name
def test_metric_is_unchanged_by_a_common_shift_or_reflection(metric: Metric):
    x, y = normal(80, 2, seed=0, dtype=torch.float64), normal(90, 2, seed=1, dtype=torch.float64)
    shift = torch.tensor([50.0, -20.0], dtype=torch.float64)
    torch.testing.assert_close(metric(x + shift, y + shift), metric(x, y))
    torch.testing.assert_close(metric(-x, -y), metric(x, y))


@by_name
def test_metric_separates_distributions_that_differ_and_floor_those_that_do_not(metric: Metric):
    reference, fresh, same = (normal(400, 2, seed=s) for s in range(3))
    references = References([(reference, fresh)])
    (good,), (bad,) = (metric.measure(x, references) for x in (same, same * 1.6))
    assert good.name == metric.name
    assert good.floor == bad.floor == metric(fresh, reference).item()
    assert 0.3 < good.value / good.floor < 3
    assert bad.value > 4 * bad.floor
    # Near the floor is decidable: a perfect sampler is within two spreads, the other is not.
    assert abs(good.value - good.floor) < 2 * (good.sd + good.floor_sd)
    assert bad.value - bad.floor > 2 * (bad.sd + bad.floor_sd)


@by_name
def test_metric_rejects_sets_it_cannot_compare(metric: Metric):
    with pytest.raises(ValueError, match=r"Metric\.x: expected event shape \(3,\), got \(2,\)"):
        metric(torch.zeros(4, 2), torch.zeros(4, 3))
    with pytest.raises(ValueError, match=r"Metric\.x: expected non-empty sets"):
        metric(torch.zeros(0, 2), torch.zeros(4, 2))


def test_metric_rejects_floors_of_another_sample_size():
    x = normal(10, 2, seed=0)
    with pytest.raises(ValueError, match=r"References\.pairs: expected .* \(10\), got 9"):
        EnergyDistance().measure(x, References([(x, x[:9])]))


class _MeanGap(Metric):
    """A user's metric, with nothing but a distance."""

    def __call__(self, x: Tensor, y: Tensor) -> Tensor:
        return (x.double().mean() - y.double().mean()).abs()

    def __repr__(self) -> str:
        return "_MeanGap"


@pytest.mark.parametrize(
    ("metric", "shift", "most"),
    [
        # At the floor the shares of rows say up to the root of two too much.
        *((metric, shift, 1.7) for metric in METRICS for shift in (0.0, 0.3, 2.0)),
        (_MeanGap(), 2.0, 1.7),
    ],
    ids=str,
)
def test_metric_spread_is_that_of_repetitions(metric: Metric, shift: float, most: float):
    found = []
    for seed in range(40):
        x, y = normal(150, 2, seed=2 * seed) + shift, normal(200, 2, seed=2 * seed + 1)
        found.append(metric.estimate(x, y, metric.prepare(x), metric.prepare(y)))
    values, spreads = (torch.tensor(part) for part in zip(*found, strict=True))
    # The standard deviation of forty values is known to a tenth.
    assert 0.7 < spreads.mean() / values.std() < most


@by_name
def test_metric_measures_what_a_call_gives_and_keeps_what_is_of_references_alone(metric: Metric):
    samples, *others = (normal(60, 2, seed=s) for s in range(5))
    kept: dict[str, Tensor] = {}

    def keep(name, compute):
        if name not in kept:
            kept[name] = compute()
        return kept[name]

    references = References([(others[0], others[1]), (others[2], others[3])], keep=keep)
    (first,) = metric.measure(samples, references)
    assert first.value == pytest.approx(
        (float(metric(samples, others[0])) + float(metric(samples, others[2]))) / 2
    )
    assert first.floor == pytest.approx(
        (float(metric(others[1], others[0])) + float(metric(others[3], others[2]))) / 2
    )
    kept["floors"] = torch.ones(2, 2)
    (again,) = metric.measure(samples, references)
    assert (again.value, again.floor, again.floor_sd) == (first.value, 1.0, 1.0)


@pytest.mark.parametrize(
    "build",
    [
        lambda: EnergyDistance(chunk_size=0),
        lambda: EnergyDistance(chunk_size=1.5),
        lambda: MMD(chunk_size=0),
        lambda: MMD(widths=()),
        lambda: MMD(widths=0.1),
        lambda: MMD(widths=(0.1, -1.0)),
        lambda: SlicedWasserstein(projections=0),
    ],
)
def test_metric_constructor_names_the_setting_at_fault(build):
    with pytest.raises(
        ValueError, match=r"^(EnergyDistance|MMD|SlicedWasserstein)\.\w+: expected"
    ):
        build()


def test_energy_distance_of_two_point_masses_is_twice_their_distance():
    a, b = torch.tensor([[1.0, 2.0]]), torch.tensor([[4.0, 6.0]])
    value = EnergyDistance()(a.expand(7, 2), b.expand(5, 2))
    torch.testing.assert_close(value.item(), 10.0)


def test_energy_distance_agrees_with_the_sum_written_out():
    x, y = normal(70, 40, seed=0), normal(53, 40, seed=1) + 0.2  # by matrix products
    a, b = x.double(), y.double()

    def mean(u: Tensor, v: Tensor) -> Tensor:
        return (u[:, None] - v[None]).norm(dim=-1).mean()

    expected = 2 * mean(a, b) - mean(a, a) - mean(b, b)
    value = EnergyDistance(chunk_size=16)(x, y)
    torch.testing.assert_close(value, expected, rtol=1e-4, atol=0)


@pytest.mark.parametrize("dimension", [2, 64])
def test_energy_distance_does_not_depend_on_the_chunk_size(dimension: int):
    x, y = normal(130, dimension, seed=0), normal(77, dimension, seed=1) + 0.1
    values = [EnergyDistance(chunk_size=c)(x, y).item() for c in (7, 16, 77, 1000)]
    assert max(values) - min(values) < 1e-4 * values[0]


def test_energy_distance_of_shifted_normals_is_the_closed_form():
    mu, n = 0.8, 400
    expected = 2 * folded_mean(mu, math.sqrt(2)) - 2 * folded_mean(0, math.sqrt(2))
    bias = 2 * folded_mean(0, math.sqrt(2)) / n
    values = torch.stack(
        [
            EnergyDistance()(normal(n, 1, seed=2 * r), normal(n, 1, seed=2 * r + 1) + mu)
            for r in range(60)
        ]
    )
    standard_error = values.std() / math.sqrt(len(values))
    assert standard_error < 0.05 * expected
    assert abs(values.mean() - bias - expected) < 4 * standard_error


def test_energy_distance_of_equal_distributions_has_the_stated_expectation():
    n = 100
    metric = EnergyDistance()
    values = torch.stack(
        [metric(normal(n, 1, seed=2 * r), normal(n, 1, seed=2 * r + 1)) for r in range(200)]
    )
    standard_error = values.std() / math.sqrt(len(values))
    expected = 2 * folded_mean(0, math.sqrt(2)) / n
    assert (values >= 0).all()
    assert abs(values.mean() - expected) < 4 * standard_error


def test_mmd_of_two_point_masses_is_the_closed_form():
    # The mean squared distance of the pooled set is d^2 / 2.
    a, b = torch.tensor([[1.0, 2.0]]), torch.tensor([[4.0, 6.0]])
    value = MMD(widths=(0.5, 1.0))(a.expand(6, 2), b.expand(4, 2))
    kernel = (math.exp(-1 / 0.25) + math.exp(-1)) / 2
    torch.testing.assert_close(value.item(), 2 - 2 * kernel)


def test_mmd_does_not_depend_on_the_units_of_the_data():
    x, y = normal(90, 3, seed=0), normal(90, 3, seed=1) + 0.5
    torch.testing.assert_close(MMD()(1000 * x, 1000 * y), MMD()(x, y), rtol=1e-5, atol=0)


def test_mmd_of_normals_is_the_closed_form():
    # X, Y ~ N(0, 1), N(mu, 1): E exp(-(X - Y)^2 / 2h^2) = h / s exp(-mu^2 / 2s^2), s^2 = h^2 + 2.
    mu, n = 1.5, 300
    width = math.sqrt(2 + mu**2 / 2)
    s = math.sqrt(width**2 + 2)
    expected = 2 * width / s * (1 - math.exp(-(mu**2) / (2 * s**2)))
    bias = 2 * (1 - width / s) / n
    values = torch.stack(
        [
            MMD(widths=(1.0,))(normal(n, 1, seed=2 * r), normal(n, 1, seed=2 * r + 1) + mu)
            for r in range(60)
        ]
    )
    standard_error = values.std() / math.sqrt(len(values))
    assert abs(values.mean() - bias - expected) < 4 * standard_error


def test_sliced_wasserstein_of_a_shift_is_the_mean_of_its_projections():
    metric = SlicedWasserstein(projections=4096)
    x = normal(50, 5, seed=0, dtype=torch.float64)
    shift = torch.tensor([1.0, -2.0, 0.5, 0.0, 3.0], dtype=torch.float64)
    value = metric(x, x + shift)
    exact = (shift @ metric.directions(5)).square().mean().sqrt()
    torch.testing.assert_close(value, exact)
    assert abs(value / (shift.norm() / math.sqrt(5)) - 1) < 0.04


def test_sliced_wasserstein_directions_are_unit_and_cover_the_sphere():
    directions = SlicedWasserstein(projections=8192).directions(3)
    torch.testing.assert_close(directions.norm(dim=0), torch.ones(8192, dtype=torch.float64))
    covariance = directions @ directions.T / 8192
    identity = torch.eye(3, dtype=torch.float64)
    torch.testing.assert_close(covariance, identity / 3, atol=0.02, rtol=0)


def test_sliced_wasserstein_seed_fixes_the_directions():
    x, y = normal(40, 3, seed=0), normal(40, 3, seed=1)
    a, b = SlicedWasserstein(projections=4, seed=1), SlicedWasserstein(projections=4, seed=2)
    assert a(x, y) == SlicedWasserstein(projections=4, seed=1)(x, y)
    assert a(x, y) != b(x, y)


@pytest.mark.parametrize(("n", "m"), [(6, 6), (6, 4), (3, 7), (1, 5)])
def test_sliced_wasserstein_in_one_dimension_is_the_optimal_transport_cost(n: int, m: int):
    # The linear program over all couplings, with no sorting.
    from scipy.optimize import linprog

    x, y = normal(n, 1, seed=0, dtype=torch.float64), normal(m, 1, seed=1, dtype=torch.float64)
    cost = (x - y.T).square()
    rows = torch.eye(n).repeat_interleave(m, dim=1)
    columns = torch.eye(m).repeat(1, n)
    marginals = torch.cat([torch.full((n,), 1 / n), torch.full((m,), 1 / m)])
    plan = linprog(
        cost.flatten().numpy(), A_eq=torch.cat([rows, columns]).numpy(), b_eq=marginals.numpy()
    )
    value = SlicedWasserstein(projections=3)(x, y)
    torch.testing.assert_close(value.item(), math.sqrt(plan.fun), rtol=1e-5, atol=1e-7)


def test_sliced_wasserstein_between_normals_is_the_difference_of_their_scales():
    n = 4000
    x, y = normal(n, 1, seed=0, dtype=torch.float64), 1.5 * normal(n, 1, seed=1).double() + 2
    value = SlicedWasserstein()(x, y)
    assert abs(value - math.sqrt(2**2 + 0.5**2)) < 0.1


@pytest.mark.gpu
@by_name
def test_metric_gives_the_same_value_on_a_gpu(metric: Metric):
    x, y = normal(150, 3, seed=0), normal(101, 3, seed=1) + 0.3
    torch.testing.assert_close(metric(x.cuda(), y.cuda()).cpu(), metric(x, y), rtol=1e-4, atol=0)
