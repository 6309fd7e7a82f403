"""Coupled noise: the normals of one Brownian path on any grid."""

import itertools
import math

import pytest
import torch
from helpers.problems import exact_fields, times

from interpolants.interpolant.one_sided_linear import OneSidedLinearInterpolant
from interpolants.sampler.epsilon.sine_squared import SineSquaredEpsilon
from interpolants.sampler.grid.sine_squared import SineSquaredGrid
from interpolants.sampler.integrate import integrate
from interpolants.sampler.noise.coupled import CoupledNoise
from interpolants.sampler.noise.fixed import FixedNoise
from interpolants.sampler.noise.generator import GeneratorNoise
from interpolants.sampler.noise.per_sample import PerSampleNoise
from interpolants.sampler.process.base import Process
from interpolants.sampler.process.forward_sde import ForwardSDE
from interpolants.sampler.sampler import Sampler
from interpolants.sampler.solver.euler_maruyama import EulerMaruyama
from interpolants.sampler.solver.sra1 import SRA1
from interpolants.sampler.solver.stochastic_heun import StochasticHeun


def _generator(seed=0):
    return torch.Generator().manual_seed(seed)


class _Turning(Process):
    """A nonlinear drift with noise of a size that varies in time."""

    noise_type = "additive"

    def drift(self, t, x):
        return torch.cos(3 * x) - x

    def diffusion(self, t):
        return 0.5 + 0.5 * t


_FINE = torch.linspace(0, 1, 25, dtype=torch.float64) ** 1.5
_COARSE = _FINE[[0, 3, 9, 20, 24]]


def _on_grids(*grids, normals=None, source=None):
    """Normals of a fine grid handed down from each grid to the next."""
    source = FixedNoise(normals) if source is None else source
    for fine, coarse in itertools.pairwise(grids):
        source = CoupledNoise(fine=fine, coarse=coarse, source=source)
    return source


@pytest.mark.parametrize("backward", [False, True])
def test_coupled_noise_is_standard_and_independent_between_steps(backward):
    """Exactly: its response to each normal of the source alone."""
    grids = [grid.flip(0) if backward else grid for grid in (_FINE, _COARSE)]
    normals = torch.eye(48, dtype=torch.float64).view(24, 2, 48, 1)
    z = _on_grids(*grids, normals=normals).draw(0, 4, 2, torch.empty(48, 1).double())
    responses = z.view(8, 48)
    torch.testing.assert_close(
        responses @ responses.T, torch.eye(8, dtype=torch.float64), rtol=0, atol=1e-14
    )


def _path(grid, z):
    """The path and its integral from the first node, at each node, from the normals of steps."""
    h = grid.diff().abs()
    w, integral = [torch.zeros_like(z[0, 0])], [torch.zeros_like(z[0, 0])]
    for k in range(len(h)):
        own = h[k] * h[k].sqrt() / 2 * (z[k, 0] + z[k, 1] / math.sqrt(3))
        integral.append(integral[-1] + h[k] * w[-1] + own)
        w.append(w[-1] + h[k].sqrt() * z[k, 0])
    return torch.stack(w), torch.stack(integral)


@pytest.mark.parametrize("backward", [False, True])
def test_coupled_noise_draws_the_same_path_and_its_integral(backward):
    fine, coarse = (grid.flip(0) if backward else grid for grid in (_FINE, _COARSE))
    normals = torch.randn(24, 2, 5, 3, dtype=torch.float64, generator=_generator())
    z = _on_grids(fine, coarse, normals=normals).draw(0, 4, 2, normals[0, 0])
    nodes = [fine.tolist().index(t) for t in coarse.tolist()]
    for got, expected in zip(_path(coarse, z), _path(fine, normals), strict=True):
        torch.testing.assert_close(got, expected[nodes], rtol=0, atol=1e-13)


def test_coupled_noise_over_two_levels_is_that_over_one():
    middle = _FINE[[0, 2, 3, 8, 9, 16, 20, 24]]
    normals = torch.randn(24, 2, 5, 3, dtype=torch.float64, generator=_generator())
    drawn = [
        _on_grids(*grids, normals=normals).draw(1, 3, channels, normals[0, 0])
        for grids in ((_FINE, _COARSE), (_FINE, middle, _COARSE))
        for channels in (1, 2)
    ]
    torch.testing.assert_close(drawn[1], drawn[3], rtol=0, atol=1e-14)
    for lone, both in ((drawn[0], drawn[1]), (drawn[2], drawn[3])):
        torch.testing.assert_close(lone, both[:, :1], rtol=0, atol=1e-14)


def test_coupled_noise_is_the_same_whether_the_source_draws_ahead_or_not():
    source, like = PerSampleNoise(_generator()), torch.empty(4, 3, dtype=torch.float64)
    given = FixedNoise(source.draw(0, 24, 2, like))
    ahead = _on_grids(_FINE, _COARSE, source=source).draw(0, 4, 2, like)
    torch.testing.assert_close(_on_grids(_FINE, _COARSE, source=given).draw(0, 4, 2, like), ahead)
    part = _on_grids(_FINE, _COARSE, source=source).rows(1, 3).draw(0, 4, 2, like[1:3])
    torch.testing.assert_close(part, ahead[:, :, 1:3])


def test_coupled_noise_converges_along_the_same_path():
    fine = torch.linspace(0, 1, 513, dtype=torch.float64)
    source = PerSampleNoise(_generator())
    start = torch.linspace(-1, 1, 300, dtype=torch.float64)[:, None]

    def end(solver, num_steps):
        coarse = fine[:: 512 // num_steps]
        noise = CoupledNoise(fine=fine, coarse=coarse, source=source)
        return integrate(solver.plan(_Turning(), coarse), start, noise=noise)

    exact = end(SRA1(), 512)
    for solver, order in ((EulerMaruyama(), 1.0), (SRA1(), 1.5)):
        errors = [(end(solver, n) - exact).square().mean().sqrt().item() for n in (16, 32, 64)]
        for coarse, finer in itertools.pairwise(errors):
            assert math.log2(coarse / finer) > order - 0.1
    independent = integrate(
        EulerMaruyama().plan(_Turning(), fine), start, noise=PerSampleNoise(_generator(1))
    )
    assert (independent - exact).square().mean().sqrt() > 100 * errors[0]


def test_coupled_noise_serves_a_sampler_at_any_number_of_steps():
    fields = exact_fields(OneSidedLinearInterpolant(), ("velocity",))
    source, grid = PerSampleNoise(_generator()), SineSquaredGrid()
    start = torch.randn(200, 2, dtype=torch.float64, generator=_generator())
    options = {"process": ForwardSDE, "epsilon": SineSquaredEpsilon(), "grid": grid}

    def run(num_steps, source):
        sampler = Sampler(fields=fields, solver=StochasticHeun(), num_steps=num_steps, **options)
        fine, coarse = (grid.times(n, sampler.process.span) for n in (128, num_steps))
        return sampler(start, noise=CoupledNoise(fine=fine, coarse=coarse, source=source)).x

    def distance(a, b):
        # A few paths end in another mode, at any number of steps.
        return (a - b).norm(dim=1).median()

    ends = [run(num_steps, source) for num_steps in (16, 32, 64)]
    changes = [distance(*pair) for pair in itertools.pairwise(ends)]
    other = run(64, PerSampleNoise(_generator(1)))
    assert changes[1] < 0.7 * changes[0] < 0.1 * distance(ends[2], other)


@pytest.mark.parametrize(
    ("fine", "coarse", "rule"),
    [
        (_FINE, times(0.0, 0.51, 1.0), r"coarse: expected times of the fine grid, got 0\.51$"),
        (_FINE, _FINE.flip(0), r"coarse: expected times in the order of fine, got \["),
        (_FINE, times(0.0), r"coarse: expected at least two times that go one way, got \(0\.0,"),
        (times(0.0, 0.5, 0.2), _COARSE, r"fine: expected at least two times that go one way, "),
        (
            _FINE.float(),
            _COARSE,
            r"fine: expected float64 on the host, got 'torch\.float32 ",
        ),
    ],
)
def test_coupled_noise_refuses_grids_that_are_not_nested(fine, coarse, rule):
    with pytest.raises(ValueError, match=rf"^CoupledNoise\.{rule}"):
        CoupledNoise(fine=fine, coarse=coarse, source=GeneratorNoise())


def test_coupled_noise_refuses_steps_and_channels_that_it_has_not():
    noise = CoupledNoise(fine=_FINE, coarse=_COARSE, source=GeneratorNoise())
    with pytest.raises(ValueError, match=r"^CoupledNoise\.coarse: expected at least 5 steps, "):
        noise.draw(4, 1, 1, torch.empty(2, 2))
    with pytest.raises(ValueError, match=r"^CoupledNoise\.draw\.channels: expected 1 or 2, got 3"):
        noise.draw(0, 1, 3, torch.empty(2, 2))
