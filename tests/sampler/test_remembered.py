"""Multistep schemes on grids with clustered, coinciding and end-hugging times."""

import random

import pytest
import torch
from helpers.problems import INTERPOLANTS, exact_fields, load

from interpolants.data.gaussian_mixture import GaussianMixture
from interpolants.fields.fields import Fields
from interpolants.interpolant.one_sided_linear import OneSidedLinearInterpolant
from interpolants.sampler.grid.base import apart
from interpolants.sampler.grid.explicit import ExplicitGrid
from interpolants.sampler.grid.log_snr import LogSNRGrid
from interpolants.sampler.grid.power import PowerGrid
from interpolants.sampler.grid.uniform import UniformGrid
from interpolants.sampler.process.forward_sde import ForwardSDE
from interpolants.sampler.remembered import Reach, remembered
from interpolants.sampler.sampler import Sampler
from interpolants.sampler.solver.dpm_solver import DPMSolver
from interpolants.sampler.solver.rk4 import RK4
from interpolants.testing.exact import ExactFields

_N = 32
_MULTISTEP = ["ab2", "ab3", "dpm_solver"]
_ONE_STEP = ["euler", "heun", "midpoint", "rk4"]


def _fields():
    base, target = GaussianMixture(means=[[0.0]], std=1.0), GaussianMixture(means=[[2.0]], std=0.4)
    path, predicts = OneSidedLinearInterpolant(), ("velocity", "denoiser")
    net = ExactFields(base=base, target=target, interpolant=path, predicts=predicts)
    return Fields(net=net, interpolant=path, predicts=predicts)


def _grids(count):
    """Times to keep beside a uniform grid: near its nodes, each other, the ends, or anywhere."""
    chosen = random.Random(0)
    for _ in range(count):
        kept = [chosen.random()]
        for _ in range(3):
            width, near = 10 ** chosen.uniform(-17, -2), chosen.choice([0.0, 1.0, 0.5, 0.3])
            near = chosen.randint(0, _N) / _N if chosen.random() < 0.3 else near
            kept += [near + width * chosen.uniform(-1, 1) for _ in range(chosen.randint(1, 4))]
        yield sorted({min(max(t, 0.0), 1.0) for t in kept})


_START = torch.tensor([[-1.5], [0.3], [2.0]], dtype=torch.float64)


def _solved(solver, times, dtype):
    options = {"fields": _fields(), "solver": load("sampler/solver", solver), "num_steps": _N}
    return Sampler(**options, grid=UniformGrid())(_START.to(dtype), times=times)


def _errors_of_steps(solver):
    """Sum of the errors of single steps of the plain grid, each carried on to the end.

    The error of a solve is their sum with signs, so that more steps may leave a larger one where
    they cancel (those of RK4 do here, but for a hundredth), but not one larger than this sum.
    """
    t = torch.arange(_N + 1, dtype=torch.float64) / _N
    std = ((1 - t) ** 2 + (0.4 * t) ** 2).sqrt()[:, None, None]
    # The exact flow, x_t = 2 t + std_t x0, multiplies differences by a ratio of std.
    path = _solved(solver, t.tolist(), torch.float64).path
    carried = (path - 2 * t[:, None, None] - std * _START) / std * std[-1]
    return float(carried.diff(dim=0).abs().sum(dim=0).max())


def _check_errors(solver, dtype, count):
    whole, rounding = _errors_of_steps(solver), 300 * torch.finfo(dtype).eps
    # Where DPM-Solver's last step is cut in two, the first half extrapolates the mean of the data
    # beyond where it comes to rest.
    most = 1.25 if solver == "dpm_solver" else 1.01
    for kept in _grids(count):
        x = _solved(solver, kept, dtype).x.double()
        error = float((x - 2 - 0.4 * _START).abs().max())
        assert error <= most * whole + rounding, kept


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("solver", _MULTISTEP)
def test_times_to_keep_leave_the_error_as_it_is(solver, dtype):
    _check_errors(solver, dtype, 12)


@pytest.mark.slow
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("solver", [*_MULTISTEP, *_ONE_STEP])
def test_times_to_keep_leave_the_error_as_it_is_on_many_grids(solver, dtype):
    _check_errors(solver, dtype, 200)


@pytest.mark.filterwarnings("ignore:Sampler.num_steps")
@pytest.mark.parametrize("solver", ["ab2_maruyama", "sde_dpm_solver", "stochastic_heun", "sra1"])
def test_times_to_keep_leave_the_distribution_of_an_sde_as_it_is(solver):
    fields, start = _fields(), torch.randn(2000, 1, dtype=torch.float64)
    epsilon = load("sampler/epsilon", "kl_optimal")
    options = {"fields": fields, "process": ForwardSDE, "epsilon": epsilon, "grid": PowerGrid()}
    sampler = Sampler(**options, solver=load("sampler/solver", solver), num_steps=_N)
    plain = sampler(start).x
    for kept in _grids(2):
        x = sampler(start, times=kept).x
        assert abs(float(x.mean() - plain.mean())) < 0.04
        assert abs(float(x.std() - plain.std())) < 0.04


@pytest.mark.parametrize("solver", _MULTISTEP)
def test_nodes_of_a_grid_may_differ_by_rounding_alone(solver):
    values = [k / _N for k in range(_N + 1)]
    close = sorted([*values, 0.25 + 6e-17, 0.5 + 1.2e-16, 1 - 1.2e-16, 1e-17, 0.7, 0.1 * 7])
    start = torch.tensor([[-1.5], [0.3]])
    found = [
        Sampler(
            fields=_fields(),
            solver=load("sampler/solver", solver),
            grid=ExplicitGrid(values=sorted({*nodes})),
            num_steps=len({*nodes}) - 1,
        )(start).x
        for nodes in ([*values, 0.7], close)
    ]
    torch.testing.assert_close(found[1], found[0], rtol=0, atol=1e-5)


def test_times_that_hardly_differ_are_kept_once():
    samples = Sampler(fields=_fields(), num_steps=4)(
        torch.zeros(2, 1), times=[1e-18, 0.3, 0.1 * 3, 0.5 + 1e-9, 1 - 1e-16]
    )
    assert samples.times.tolist() == [0.0, 0.3, 0.5 + 1e-9, 1.0]
    assert samples.path.shape == (4, 2, 1)
    close = torch.tensor([0.2, 0.2 + 1e-8, 1 - 1e-8, 0.4], dtype=torch.float64)
    assert apart(close, (0.0, 1.0)).tolist() == [0.2, 0.4, 1.0]


@pytest.mark.parametrize("backward", [False, True])
def test_remembered_nodes_are_apart(backward):
    """A cluster and a time beside the first node are passed; the next step looks past them."""
    nodes = [0.0, 1e-9, 0.1, 0.2, 0.2 + 1e-8, 0.2 + 2e-8, 0.3, 0.4]
    clock = torch.tensor([1 - t for t in nodes] if backward else nodes, dtype=torch.float64)
    found = remembered(clock, Reach(8.0))
    assert found.kept == [False, True, True, False, False, True, True]
    inf, sign = torch.inf, -1 if backward else 1
    last = torch.tensor([inf, inf, 0.1, 0.1, 0.1, 0.1, 0.1]).abs() * sign
    got = torch.where(found.last.isinf(), sign * inf, found.last)
    torch.testing.assert_close(got, last.double(), rtol=1e-6, atol=0)


def test_remembered_nodes_of_a_smooth_grid_are_all():
    for p in (0.5, 1.0, 2.0, 3.0):
        times = PowerGrid(p=p).times(50, (0.0, 1.0), backward=True)
        found = remembered(times, Reach(8.0))
        assert all(found.kept)
        assert torch.equal(found.last[1:], times.diff()[:-1])
        assert torch.equal(found.before[2:], times.diff()[:-2])


def test_dpm_solver_on_the_log_snr_grid_does_not_stall():
    fields = exact_fields(INTERPOLANTS["one_sided_linear"], ("velocity",))
    start = torch.tensor([[-1.5, 0.2], [0.3, 1.1]], dtype=torch.float64)
    exact = Sampler(fields=fields, solver=RK4(), num_steps=100)(start).x
    errors = [
        float(
            (
                Sampler(fields=fields, solver=DPMSolver(), grid=LogSNRGrid(), num_steps=n)(start).x
                - exact
            )
            .abs()
            .max()
        )
        for n in (160, 640)
    ]
    assert errors[1] < errors[0] / 4


@pytest.mark.parametrize("stem", ["variance_preserving", "geometric_brownian"])
def test_exact_velocity_is_finite_at_the_data(stem):
    path = INTERPOLANTS[stem]
    base, target = GaussianMixture(means=[[0.0]], std=1.0), GaussianMixture(means=[[0.7]], std=0.4)
    net = ExactFields(base=base, target=target, interpolant=path, predicts=("velocity",))
    x, ends = (
        torch.tensor([[-1.5], [0.3]], dtype=torch.float64),
        torch.tensor([1 - 1e-9, 1.0], dtype=torch.float64),
    )
    before, at = (net(t, x) for t in ends)
    torch.testing.assert_close(at, before, rtol=0, atol=1e-5)
    fields = Fields(net=net, interpolant=path, predicts="velocity")
    assert Sampler(fields=fields)(x).x.isfinite().all()
