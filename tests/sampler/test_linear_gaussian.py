"""A bank of Ornstein-Uhlenbeck processes driven by one Brownian motion, as a solver of its own.

    dY_j = -rate_j Y_j dt + dW,    j = 0 .. K, with rate_0 = 0: Y_0 is W itself

The step is exact. Its coefficients are matrices where the package's own schemes have numbers, and
the loop is the package's, unchanged.
"""

import pytest
import torch
from helpers.problems import times

from interpolants.sampler.grid.geometric import GeometricGrid
from interpolants.sampler.grid.uniform import UniformGrid
from interpolants.sampler.integrate import SaveTimes, integrate
from interpolants.sampler.mode.compiled import Compiled
from interpolants.sampler.noise.fixed import FixedNoise
from interpolants.sampler.noise.generator import GeneratorNoise
from interpolants.sampler.process.base import Process
from interpolants.sampler.solver.base import PlannedSolver, steps
from interpolants.sampler.solver.euler_maruyama import EulerMaruyama

_RATES = (0.0, 0.3, 1.0, 3.0, 10.0, 30.0)
_RANK_TOLERANCE = 1e-15


class _Bank(Process):
    """The bank; the state is (B, 1 + K)."""

    noise_type = "bank"

    def __init__(self, rates=_RATES):
        self.rates = times(*rates)

    def drift(self, t, x):
        return -self.rates * x

    def decay(self, h):
        """Over a time h, (1 + K,)."""
        return torch.exp(-self.rates * h)

    def covariance(self, h):
        """Of what the noise adds over a time h, (1 + K, 1 + K)."""
        total = self.rates[:, None] + self.rates
        return torch.where(total > 0, -torch.expm1(-total * h) / total.clamp(min=1e-300), h)


class _ExactBank(PlannedSolver):
    """y exp(-rate h) + R z with R R^T the covariance over the step, by eigenvectors.

    The covariance is singular to rounding wherever h is small, and a Cholesky factor fails.
    """

    accepts, order, stages = ("bank",), 1, 0

    # One normal for each coordinate: the step reads the (B, 1 + K) normals of one channel.
    channels = 1

    def nodes(self, times):
        return times[:-1, None]

    def numbers(self, process, times):
        return torch.stack([self._table(process, h) for h in steps(times)]).unsqueeze(1)

    def _table(self, process, h):
        values, vectors = torch.linalg.eigh(process.covariance(h))
        values = torch.where(values > _RANK_TOLERANCE * values[-1], values, 0.0)
        return torch.cat([process.decay(h)[None], (vectors * values.sqrt()).mT])

    def step(self, s, carry):
        (x,), (table,) = carry, s.numbers
        return (torch.addmm(table[0] * x, s.z[0], table[1:]),)


def _covariance(solver, process, nodes, start):
    """Of the state at the last time, exactly: what each unit normal does, alone.

    `start` is a square root of the covariance at the first time, (M, 1 + K).
    """
    size, n = len(process.rates), len(nodes) - 1
    normals = torch.zeros(n, 1, len(start) + n * size, size, dtype=torch.float64)
    normals[:, 0, len(start) :] = (
        torch.eye(n * size, dtype=torch.float64).view(n * size, n, size).movedim(1, 0)
    )
    x = torch.cat([start, start.new_zeros(n * size, size)])
    end = integrate(solver.plan(process, nodes), x, noise=FixedNoise(normals))
    return end.mT @ end


_NOTHING = torch.zeros(1, len(_RATES), dtype=torch.float64)


@pytest.mark.parametrize("num_steps", [1, 5, 24])
@pytest.mark.parametrize("grid", [UniformGrid(), GeometricGrid(ratio=0.01)])
def test_bank_has_its_covariance_at_any_number_of_steps(num_steps, grid):
    """From zero to T: (1 - exp(-(a + b) T)) / (a + b), and T for the Brownian motion itself."""
    process, nodes = _Bank(), grid.times(num_steps, (0.0, 0.8))
    got = _covariance(_ExactBank(), process, nodes, _NOTHING)
    exact = process.covariance(times(0.8)[0])
    torch.testing.assert_close(got, exact, rtol=0, atol=1e-13)
    assert abs(float(got[0, 0]) - 0.8) < 1e-13


def test_bank_keeps_its_stationary_covariance():
    """1 / (a + b) stays what it is, over steps of any size, where every rate is positive."""
    process = _Bank(_RATES[1:])
    stationary = 1 / (process.rates[:, None] + process.rates)
    values, vectors = torch.linalg.eigh(stationary)
    root = (vectors * values.clamp(min=0).sqrt()).mT
    nodes = GeometricGrid(ratio=0.01).times(12, (0.0, 1.0))
    got = _covariance(_ExactBank(), process, nodes, root)
    torch.testing.assert_close(got, stationary, rtol=0, atol=1e-13)


def test_euler_inflates_the_stationary_variance_where_the_bank_does_not():
    """One process at rate h = 0.5: Euler has 1 / (1 - rate h / 2), a third too much."""
    process, nodes = _Bank((10.0,)), UniformGrid().times(200, (0.0, 10.0))
    start = torch.zeros(1, 1, dtype=torch.float64)
    exact = _covariance(_ExactBank(), process, nodes, start)
    assert abs(float(exact) * 20 - 1) < 1e-12

    class Plain(_Bank):
        noise_type = "additive"

        def diffusion(self, t):
            return torch.ones_like(t)

    crude = _covariance(EulerMaruyama(), Plain((10.0,)), nodes, start)
    assert abs(float(crude) * 20 - 1 / 0.75) < 1e-12


def test_bank_needs_few_normals_where_steps_are_small():
    """The joint covariance has a small numerical rank, and no Cholesky factor."""
    covariance = _Bank().covariance(times(1e-3)[0])
    assert torch.linalg.cholesky_ex(covariance).info > 0
    table = _ExactBank()._table(_Bank(), times(1e-3)[0])
    assert (table[1:].abs().amax(dim=1) > 0).sum() <= 5
    torch.testing.assert_close(table[1:].mT @ table[1:], covariance, rtol=0, atol=1e-17)


def test_every_process_of_the_bank_follows_the_same_brownian_motion():
    """Y_j = W - rate_j int Y_j dt on every path: the trapezoidal rule closes it to its order."""
    process, errors = _Bank((0.0, 0.5, 2.0)), []
    solver = _ExactBank()
    for n in (500, 2000):
        nodes = UniformGrid().times(n, (0.0, 1.0))
        save_at = SaveTimes(nodes, nodes)
        noise = GeneratorNoise(torch.Generator().manual_seed(0))
        x = torch.zeros(200, 3, dtype=torch.float64)
        solver.solve(process, nodes, x, noise=noise, save_at=save_at)
        path = save_at.path
        integral = torch.trapezoid(path, nodes, dim=0)
        gap = path[-1] - (path[-1, :, :1] - process.rates * integral)
        errors.append(float(gap[:, 1:].square().mean().sqrt()))
    assert errors[1] < 1e-3
    assert 2 < errors[0] / errors[1] < 8


def test_bank_is_refused_by_a_solver_for_other_noise():
    match = r"expected a solver for an SDE with bank noise \(_Bank\), got 'EulerMaruyama'$"
    with pytest.raises(ValueError, match=match):
        EulerMaruyama().check(_Bank())
    _ExactBank().check(_Bank())


@pytest.mark.slow
def test_bank_runs_compiled():
    process, nodes = _Bank(), UniformGrid().times(8, (0.0, 1.0))
    plan = _ExactBank().plan(process, nodes)
    x, z = torch.randn(4, 6).double(), torch.randn(8, 1, 4, 6).double()
    plain = integrate(plan, x, noise=FixedNoise(z))
    compiled = integrate(plan, x, noise=FixedNoise(z), mode=Compiled(block=4))
    torch.testing.assert_close(compiled, plain, rtol=0, atol=1e-13)
