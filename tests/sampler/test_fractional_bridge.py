"""Bridges of fractional noise: laws on the way, and at the end."""

import math
from functools import partial

import pytest
import torch
from helpers.memory import linear_distribution, responses
from helpers.problems import INTERPOLANTS, ConditionedNetwork, Gaussians

from interpolants.data.gaussian_mixture import GaussianMixture
from interpolants.driver.brownian import Brownian
from interpolants.driver.mandelbrot_van_ness import MandelbrotVanNess
from interpolants.driver.markov_fractional_brownian import MarkovFractionalBrownian
from interpolants.driver.riemann_liouville import RiemannLiouville
from interpolants.fields.fields import Fields
from interpolants.interpolant.gamma.brownian_bridge import BrownianBridgeGamma
from interpolants.interpolant.linear import LinearInterpolant
from interpolants.sampler.grid.power import PowerGrid
from interpolants.sampler.process.fractional_bridge import FractionalBridge
from interpolants.sampler.sampler import Sampler
from interpolants.sampler.solver.linear_gaussian import LinearGaussian
from interpolants.testing.common import normal
from interpolants.testing.exact import ExactFields

_SPEEDS = (0.1, 1.0, 20.0)
_PREDICTS = ("velocity", "denoiser")


def _bank(hurst, representation=None):
    representation = (
        RiemannLiouville(normalize=False) if representation is None else representation
    )
    return MarkovFractionalBrownian(hurst=hurst, representation=representation, gammas=_SPEEDS)


def _path(a=1.0):
    return LinearInterpolant(gamma=BrownianBridgeGamma(a=a))


class _Pinned(torch.nn.Module):
    """Velocity and denoiser of a path between two points."""

    def __init__(self, path, x0, x1):
        super().__init__()
        self.path, self.x0, self.x1 = path, x0, x1

    def forward(self, t, x):
        gamma, dot = self.path.gamma.value_and_dot(t)
        z = (x - (1 - t) * self.x0 - t * self.x1) / gamma
        return torch.stack([(self.x1 - self.x0) + dot * z, z], dim=1)


@pytest.mark.parametrize("hurst", [0.2, 0.7])
@pytest.mark.parametrize("num_steps", [1, 5])
def test_bridge_between_two_points_has_the_law_of_the_motion_given_its_end(hurst, num_steps):
    """Covariance of X at all nodes by conditioning, for any number of steps."""
    a, x0, x1 = 0.6, -0.4, 1.1
    driver, path = _bank(hurst), _path(a)
    fields = Fields(net=_Pinned(path, x0, x1), interpolant=path, predicts=_PREDICTS)
    process = FractionalBridge(fields=fields, driver=driver)
    times = torch.linspace(0, 1, num_steps + 1, dtype=torch.float64)
    states = responses(process, times, x0)[..., 0].squeeze(-1)
    s, t = times.expand(len(times), -1), times.unsqueeze(-1).expand(-1, len(times))
    prior = process.g**2 * driver.covariance(s, t)
    pull = prior[:, -1] / prior[-1, -1]
    assert abs(float(prior[-1, -1]) - a) < 1e-9
    assert (states[:, 0] - (x0 + pull * (x1 - x0))).abs().max() < 1e-8
    spread = states[:, 2:] - states[:, :1]
    exact = prior - pull.unsqueeze(-1) * pull * prior[-1, -1]
    assert (spread @ spread.mT - exact).abs().max() < 1e-8


@pytest.mark.parametrize("hurst", [0.2, 0.9])
def test_bridge_has_weak_order_one_on_gaussian_data(hurst):
    path = _path()
    fields = Gaussians(path, _PREDICTS, means=(0.0, 0.5), covariances=(1.0, 0.09)).fields()
    process, errors = FractionalBridge(fields=fields, driver=_bank(hurst)), []
    for n in (100, 200):
        mean, variance = linear_distribution(process, PowerGrid(p=3.0).times(n, process.span))
        assert abs(mean - 0.5) < 1e-3
        errors.append(abs(math.sqrt(variance) - 0.3))
    assert errors[1] < 0.01
    assert abs(math.log2(errors[0] / errors[1]) - 1) < 0.15


@pytest.mark.parametrize("hurst", [0.2, 0.9])
def test_bridge_ends_in_the_law_of_the_data(hurst):
    target = GaussianMixture(means=[[-1.0], [1.0]], std=0.1)
    base, path = GaussianMixture(means=[[0.0]], std=1.0), _path()
    net = ExactFields(base=base, target=target, interpolant=path, predicts=_PREDICTS)
    fields = Fields(net=net, interpolant=path, predicts=_PREDICTS)
    process, grid = partial(FractionalBridge, driver=_bank(hurst)), PowerGrid(p=3.0)
    sampler = Sampler(
        fields=fields, process=process, solver=LinearGaussian(), grid=grid, num_steps=200
    )
    generator = torch.Generator().manual_seed(1)
    x = sampler(normal((10_000, 1), 2), generator=generator).x
    assert abs(float(x.mean())) < 0.04
    assert abs(float(x.abs().mean()) - 1) < 0.01
    assert abs(float(x.abs().std()) - 0.1) < 0.015


def test_bridge_of_brownian_motion_is_on_the_clock_of_the_path():
    fields = Gaussians(_path(2.0), _PREDICTS).fields()
    process = FractionalBridge(fields=fields, driver=Brownian())
    t = torch.linspace(0, 1, 5, dtype=torch.float64)
    assert (process.clock(t) - t).abs().max() < 1e-15
    matrix, gain, _, root = process.steps(t)
    h, left = t.diff(), 1 - t
    assert (gain.flatten() - h / left[:-1]).abs().max() < 1e-15
    assert (matrix.flatten() - left[1:] / left[:-1]).abs().max() < 1e-15
    assert (root.flatten() - (2 * h * left[1:] / left[:-1]).sqrt()).abs().max() < 1e-15


def test_bridge_keeps_its_states_at_times():
    fields = Gaussians(_path(), _PREDICTS).fields()
    process = partial(FractionalBridge, driver=_bank(0.3))
    sampler = Sampler(fields=fields, process=process, solver=LinearGaussian(), num_steps=8)
    x = normal((6, 1), 0).float()
    drawn = sampler(x, generator=torch.Generator().manual_seed(0), times=[0.0, 0.5, 1.0])
    assert drawn.nfe == 9 and drawn.times.tolist() == [0.0, 0.5, 1.0]
    assert torch.equal(drawn.path[0], x) and torch.equal(drawn.path[-1], drawn.x)


@pytest.mark.parametrize(
    ("fields", "driver", "message"),
    [
        (
            lambda: Gaussians(INTERPOLANTS["one_sided_linear"], ("velocity",)).fields(),
            _bank(0.3),
            "got 'OneSidedLinearInterpolant with ZeroGamma'",
        ),
        (
            lambda: Gaussians(_path(), _PREDICTS).fields(),
            _bank(0.3, MandelbrotVanNess(normalize=False)),
            "FractionalBridge.driver: expected a driver with zero initial states",
        ),
        (
            lambda: Fields(
                net=ConditionedNetwork(torch.zeros(1)), interpolant=_path(), predicts=("velocity",)
            ),
            _bank(0.3),
            "Fields.target_mean: expected a target_mean that follows",
        ),
    ],
)
def test_bridge_refuses_by_name(fields, driver, message):
    with pytest.raises(ValueError, match=message):
        FractionalBridge(fields=fields(), driver=driver)
