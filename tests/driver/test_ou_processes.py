"""Exact steps of a driver in the integration loop: covariances, paths, limits."""

import ast
import math
from pathlib import Path

import pytest
import torch
from helpers.problems import times

import interpolants.driver as driver_package
from interpolants.driver.brownian import Brownian
from interpolants.driver.geometric_speeds import GeometricSpeeds
from interpolants.driver.hurst import Hurst
from interpolants.driver.mandelbrot_van_ness import MandelbrotVanNess
from interpolants.driver.markov_fractional_brownian import MarkovFractionalBrownian
from interpolants.driver.matched_speeds import MatchedSpeeds
from interpolants.driver.riemann_liouville import RiemannLiouville
from interpolants.sampler.grid.geometric import GeometricGrid
from interpolants.sampler.grid.uniform import UniformGrid
from interpolants.sampler.integrate import SaveTimes, integrate
from interpolants.sampler.noise.fixed import FixedNoise
from interpolants.sampler.noise.generator import GeneratorNoise
from interpolants.sampler.process.base import Process
from interpolants.sampler.solver.base import PlannedSolver, steps

_GAMMAS = GeometricSpeeds(count=5)(1.0, 1.0)
_TYPES = {"I": MandelbrotVanNess(normalize=False), "II": RiemannLiouville(normalize=False)}


class _DriverPath(Process):
    """Process whose state is B followed by the driver's states, (1 + S,) a coordinate."""

    noise_type = "driver"

    def __init__(self, driver, single_noise=False):
        self.driver, self.readout = driver, driver.readout().detach()
        self.table = driver.single_noise_table if single_noise else driver.table

    def drift(self, t, x):
        return torch.zeros_like(x)


class _Exact(PlannedSolver):
    """Solver that takes one step of the driver for each of the grid."""

    accepts, order, stages, channels = ("driver",), 1, 0, 1

    def __init__(self, control=None):
        self.control = control

    def nodes(self, times):
        return times[:-1, None]

    def numbers(self, process, times):
        return process.table(steps(times)).unsqueeze(1)

    def step(self, s, carry):
        (x,), (table,) = carry, s.numbers
        z = s.z[0][..., : len(table) - 3]
        if self.control is not None:
            z = z + self.control * table[3:, 0]
        readout = s.equation.readout.to(x)
        got = s.equation.driver.step(table, readout, x[..., 1:], z)
        return (torch.cat([(x[..., 0] + got.noise)[..., None], got.state], dim=-1),)


def _root(covariance):
    values, vectors = torch.linalg.eigh(covariance)
    return (vectors * values.clamp(min=0).sqrt()).mT


def _covariance(driver, nodes, single_noise=False):
    """Exact covariance of B at all pairs of nodes, from the response to each unit normal."""
    size, n = 1 + driver.states, len(nodes) - 1
    start = torch.eye(driver.states, dtype=torch.float64)
    if driver.states:
        k = len(driver.gammas)
        start[:k, :k] = _root(driver.representation.start_covariance(times(*driver.gammas)))
    x = torch.zeros(driver.states + n * size, size, dtype=torch.float64)
    x[: driver.states, 1:] = start
    normals = torch.zeros(n, 1, len(x), size, dtype=torch.float64)
    units = torch.eye(n * size, dtype=torch.float64).view(n * size, n, size)
    normals[:, 0, driver.states :] = units.movedim(1, 0)
    process, save_at = _DriverPath(driver, single_noise), SaveTimes(nodes, nodes)
    integrate(_Exact().plan(process, nodes), x, noise=FixedNoise(normals), save_at=save_at)
    path = save_at.path[..., 0]
    return path @ path.mT


def _pairs(nodes):
    return torch.meshgrid(nodes, nodes, indexing="ij")


@pytest.mark.parametrize("num_steps", [1, 5, 24])
@pytest.mark.parametrize("grid", [UniformGrid(), GeometricGrid(ratio=0.01)])
@pytest.mark.parametrize("kind", _TYPES)
@pytest.mark.parametrize("hurst", [0.1, 0.5, 0.9])
def test_ou_driver_has_its_covariance_on_any_grid(num_steps, grid, kind, hurst):
    driver = MarkovFractionalBrownian(
        hurst=hurst, representation=_TYPES[kind], gammas=_GAMMAS, random_slope=kind == "I"
    )
    nodes = grid.times(num_steps, (0.0, 0.8))
    exact = driver.covariance(*_pairs(nodes))
    got = _covariance(driver, nodes)
    # The modes that a step drops are 1e-15 of its largest, times the square of the weights.
    size = float(driver.omega().abs().max())
    torch.testing.assert_close(got, exact, rtol=0, atol=1e-13 * max(1.0, size) ** 2)


def test_brownian_motion_has_no_states_and_its_covariance():
    nodes = GeometricGrid(ratio=0.1).times(6, (0.0, 2.0))
    driver = Brownian()
    got = _covariance(driver, nodes)
    torch.testing.assert_close(got, driver.covariance(*_pairs(nodes)), rtol=0, atol=1e-14)
    assert driver.table(steps(nodes)).shape == (6, 4, 1)
    state = driver.start((3, 2), torch.Generator())
    assert state.shape == (3, 2, 0)
    table, z = driver.table(times(0.25)).float()[0], torch.ones(3, 2, 1)
    step = driver.step(table, driver.readout(), state, z)
    torch.testing.assert_close(step.noise, torch.full((3, 2), 0.5))


@pytest.mark.parametrize("length", [1e-3, 0.05, 2.0])
def test_covariances_of_steps_form_a_semigroup(length):
    """Q(2h) = exp(-g h) Q(h) exp(-g h) + Q(h), also for W and the OU processes together."""
    driver = MarkovFractionalBrownian(hurst=0.3, representation=_TYPES["I"], gammas=_GAMMAS)
    (decay, _, _, *root), (_, _, _, *twice) = driver.table(length * times(1, 2))
    q, both = (torch.stack(r).mT @ torch.stack(r) for r in (root, twice))
    expected = decay[:, None] * q * decay + q
    torch.testing.assert_close(expected, both, rtol=0, atol=1e-14 * length)
    speeds = times(*_GAMMAS)
    response = torch.cat([times(length), -torch.expm1(-speeds * length) / speeds])
    torch.testing.assert_close(q[0], response, rtol=0, atol=1e-15 * (1 + length))


def test_step_of_an_ou_driver_has_no_cholesky_factor_and_few_modes():
    driver = MarkovFractionalBrownian(
        hurst=0.3, representation=_TYPES["I"], gammas=MatchedSpeeds(count=7), step=1e-3
    )
    root = driver.table(times(1e-4))[0, 3:]
    assert root.shape == (3, 8)
    assert torch.linalg.cholesky_ex((root.mT @ root).float()).info > 0


# Errors of Var Bhat(1), stationary OU processes, speeds 1/20 to 20.
@pytest.mark.parametrize(
    ("hurst", "errors"), [(0.1, (-2.3e-2, -1.6e-3, -1.0e-4)), (0.3, (-3.4e-3, -2.4e-4, -1.5e-5))]
)
def test_single_noise_step_is_of_second_order_in_distribution(hurst, errors):
    driver = MarkovFractionalBrownian(hurst=hurst, representation=_TYPES["I"], gammas=_GAMMAS)
    exact = driver.covariance(*times(1, 1))
    for num_steps, error in zip((16, 64, 256), errors, strict=True):
        nodes = UniformGrid().times(num_steps, (0.0, 1.0))
        got = _covariance(driver, nodes, single_noise=True)[-1, -1]
        assert abs(float(got / exact - 1) / error - 1) < 0.05


@pytest.mark.parametrize("single_noise", [False, True])
@pytest.mark.parametrize("num_steps", [1, 7])
def test_constant_control_moves_every_process(single_noise, num_steps):
    """E Bhat = sum omega (1 - exp(-gamma T)) / gamma u over any steps, and u T for W."""
    driver = MarkovFractionalBrownian(hurst=0.3, representation=_TYPES["II"], gammas=_GAMMAS)
    process, nodes = _DriverPath(driver, single_noise), UniformGrid().times(num_steps, (0.0, 1.5))
    x = torch.zeros(2, 6, dtype=torch.float64)
    noise = FixedNoise(torch.zeros(num_steps, 1, 2, 6, dtype=torch.float64))
    end = integrate(_Exact(control=0.7).plan(process, nodes), x, noise=noise)
    speeds = times(*_GAMMAS)
    response = 0.7 * -torch.expm1(-1.5 * speeds) / speeds
    expected = torch.cat([(driver.omega() @ response)[None], response])
    torch.testing.assert_close(end, expected.expand(2, 6), rtol=0, atol=1e-13)


def test_random_slope_repairs_the_distribution_of_long_memory():
    nodes = torch.linspace(0, 1, 65, dtype=torch.float64)
    s, t = _pairs(nodes)
    for hurst, plain, repaired in ((0.7, 0.102, 6e-3), (0.9, 0.52, 6e-3), (0.95, 0.73, 6e-3)):
        representation, errors = _TYPES["I"], []
        for slope in (False, True):
            driver = MarkovFractionalBrownian(
                hurst=hurst, representation=representation, gammas=_GAMMAS, random_slope=slope
            )
            exact = representation.covariance(s, t, driver.hurst())
            errors.append(float((driver.covariance(s, t) - exact).norm() / exact.norm()))
        assert abs(errors[0] - plain) < 0.006
        assert errors[1] < repaired


def test_random_slope_makes_the_variance_right_at_the_horizon():
    driver = MarkovFractionalBrownian(
        hurst=0.8, representation=_TYPES["I"], gammas=_GAMMAS, horizon=0.7, random_slope=True
    )
    end = times(0.7, 0.7)
    exact = driver.representation.covariance(*end, driver.hurst())
    torch.testing.assert_close(driver.covariance(*end), exact, rtol=1e-12, atol=0)


@pytest.mark.parametrize("slope", [False, True])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_paths_of_an_ou_driver_have_its_covariance(slope, dtype):
    """Through the loop from drawn starts, two coordinates with an index each."""
    driver = MarkovFractionalBrownian(
        hurst=(0.3, 0.8), representation=_TYPES["I"], gammas=_GAMMAS, random_slope=slope
    )
    generator, n = torch.Generator().manual_seed(3), 20_000
    nodes = UniformGrid().times(4, (0.0, 1.0))
    start = driver.start((n, 2), generator, dtype=dtype)
    x = torch.cat([torch.zeros(n, 2, 1, dtype=dtype), start], dim=-1)
    save_at = SaveTimes(nodes, nodes[1:])
    plan = _Exact().plan(_DriverPath(driver), nodes)
    integrate(plan, x, noise=GeneratorNoise(generator), save_at=save_at)
    assert save_at.path.dtype == dtype
    path = save_at.path[..., 0].double().permute(2, 0, 1)
    exact = driver.covariance(*_pairs(nodes[1:]))
    variance = exact.diagonal(dim1=1, dim2=2)
    error = ((variance[:, None] * variance[:, :, None] + exact.square()) / n).sqrt()
    assert ((path @ path.mT / n - exact) / error).abs().max() < 4.5


def test_ou_driver_in_float32_follows_the_one_in_float64():
    """With slow processes that are much larger than their change in a step."""
    gammas = MatchedSpeeds(count=7, slowest=1e-3)(1e-3, 1.0)
    driver = MarkovFractionalBrownian(hurst=0.7, representation=_TYPES["I"], gammas=gammas)
    nodes = UniformGrid().times(1000, (0.0, 1.0))
    generator = torch.Generator().manual_seed(0)
    start = driver.start((16,), generator, dtype=torch.float64)
    x = torch.cat([torch.zeros(16, 1, dtype=torch.float64), start], dim=-1)
    z = torch.randn(1000, 1, 16, 8, generator=generator, dtype=torch.float64)
    plan = _Exact().plan(_DriverPath(driver), nodes)
    double = integrate(plan, x, noise=FixedNoise(z))[:, 0]
    single = integrate(plan, x.float(), noise=FixedNoise(z.float()))[:, 0]
    assert (single - double).abs().max() < 2e-5


def test_ou_driver_starts_from_the_distribution_of_its_past():
    """The start is stationary, however few modes its covariance has; zero for type II."""
    gammas, n = GeometricSpeeds(count=12)(1.0, 1.0), 50_000
    for representation in _TYPES.values():
        driver = MarkovFractionalBrownian(hurst=0.3, representation=representation, gammas=gammas)
        start = driver.start((n,), torch.Generator().manual_seed(0), dtype=torch.float64)
        right = representation.start_covariance(times(*gammas))
        variance = right.diagonal()
        error = ((variance * variance[:, None] + right.square()) / n).sqrt()
        assert ((start.mT @ start / n - right).abs() <= 4.5 * error).all()


def test_index_is_learned_through_the_process():
    """dE/dH of the variance that steps give is that of the closed form."""
    hurst = Hurst(value=0.3, learnable=True).double()
    driver = MarkovFractionalBrownian(
        hurst=hurst,
        representation=MandelbrotVanNess(normalize=True),
        gammas=_GAMMAS,
        random_slope=True,
    )
    table = driver.table(times(0.5))[0]
    start = torch.block_diag(
        _root(driver.representation.start_covariance(times(*_GAMMAS))), torch.ones(1, 1).double()
    )
    quiet, modes = torch.zeros(6, len(table) - 3).double(), torch.eye(len(table) - 3).double()
    state = torch.cat([start, torch.zeros(len(modes), 6).double()])
    got = driver.step(table, driver.readout(), state, torch.cat([quiet, modes]))
    (by_steps,) = torch.autograd.grad(got.noise.square().sum(), hurst.logit)
    (exact,) = torch.autograd.grad(driver.covariance(*times(0.5, 0.5)), hurst.logit)
    torch.testing.assert_close(by_steps, exact, rtol=1e-9, atol=1e-9)
    assert abs(float(exact)) > 0.01


@pytest.mark.parametrize("value", [0.0, 1.0, math.nan, (0.3, 1.2), ()])
def test_index_out_of_range_is_refused(value):
    with pytest.raises(ValueError, match=r"^Hurst.value: expected numbers in \(0, 1\), got "):
        Hurst(value=value)


def test_drivers_have_no_loop_over_time():
    """The only one is in `integrate`; Newton's method and a matrix product are not over time."""
    folder = Path(driver_package.__file__).parent
    for path in {*folder.glob("*.py")} - {folder / "fractional_noise.py"}:
        nodes = ast.walk(ast.parse(path.read_text()))
        assert not [n.lineno for n in nodes if isinstance(n, ast.For | ast.While)], path.name


def test_ou_driver_refuses_what_has_no_meaning():
    several = MarkovFractionalBrownian(hurst=(0.3, 0.4), representation=_TYPES["I"], gammas=(1.0,))
    match = r"start: expected \(B, ..., 2\), one coordinate for each index, got \(2,\)$"
    with pytest.raises(ValueError, match=match):
        several.start((2,), torch.Generator())
    with pytest.raises(ValueError, match=r"random_slope: expected false without a past"):
        parts = {"representation": _TYPES["II"], "gammas": (1.0,)}
        MarkovFractionalBrownian(hurst=0.3, random_slope=True, **parts)
    with pytest.raises(ValueError, match=r"gammas: expected ascending numbers > 0, got \(1, 0.5"):
        MarkovFractionalBrownian(hurst=0.3, representation=_TYPES["II"], gammas=(1, 0.5))
    with pytest.raises(ValueError, match=r"table: expected steps of length > 0, got -0.1$"):
        Brownian().table(times(0.1, -0.1))


def test_fixed_index_stays_exact_where_a_module_is_cast():
    driver = MarkovFractionalBrownian(hurst=0.3, representation=_TYPES["I"], gammas=_GAMMAS)
    assert torch.equal(driver.omega(), driver.half().omega())
    assert list(driver.parameters()) == []
