"""The closed-form control of a driver observed with noise, without any training."""

import pytest
import torch
from helpers.driven import REPRESENTATIONS, additive, linear_path, ou_driver
from helpers.problems import times

from benchmarks.linear_control import LinearControl
from interpolants.driver.brownian import Brownian
from interpolants.driver.hurst import Hurst
from interpolants.neural_sde.solver.driven_euler import DrivenEuler
from interpolants.sampler.grid.power import PowerGrid
from interpolants.sampler.grid.uniform import UniformGrid
from interpolants.sampler.integrate import integrate
from interpolants.sampler.noise.fixed import FixedNoise

_END, _DEVIATION = 2.0, 0.1
_INDICES = (0.1, 0.3, 0.5, 0.7, 0.9)
_OPTIMA = (2.880, 2.666, 2.614, 2.642, 2.695)
_SLACKS = (0.044, 0.005, 0.0004, 0.006, 0.097)


def _control(driver, at=(_END,), **options):
    """Control for observations that are all zero."""
    zeros = torch.zeros(len(at), dtype=torch.float64)
    options = {"std": _DEVIATION, "observations": zeros, "times": at} | options
    return LinearControl(driver=driver, **options)


def _at(control, t, x, y):
    """Control u at one time."""
    aim, pull = control.gains(times(t))
    return control.control(aim[0], pull[0], torch.cat([x.unsqueeze(-1), y], dim=-1))


def _nodes(num_steps, p, at=(_END,)):
    """Steps that shrink towards each observation."""
    ends = (0.0, *at)
    parts = [PowerGrid(p=p).times(num_steps, span) for span in zip(ends, at, strict=False)]
    return torch.cat([parts[0][:1], *[part[1:] for part in parts]])


def _loss(driver, num_steps, p=3.0, at=(_END,), scale=1.0):
    """E sum x(t_j)^2 / (2 std^2) + KL, exactly: both are quadratic in the normals."""
    nodes, control = _nodes(num_steps, p, at), _control(driver, at, scale=scale)
    process = additive(
        driver, diffusion=lambda t, x: scale * torch.ones_like(x), guide=control, path_kl=True
    )
    path = linear_path(DrivenEuler(), process, nodes)
    seen = process.event(path)[num_steps::num_steps]
    return seen.square().sum() / (2 * _DEVIATION**2) + process.kl(path[-1]).sum()


def _optimum(driver, at=(_END,), scale=1.0):
    """The least loss: 1/2 log det(1 + covariance / std^2)."""
    covariance = driver.covariance(*torch.meshgrid(times(*at), times(*at), indexing="ij"))
    ratio = scale**2 * covariance / _DEVIATION**2
    return 0.5 * float(torch.logdet(torch.eye(len(at), dtype=torch.float64) + ratio))


def _reachable(driver, at=(_END,), scale=1.0):
    """The least loss of a control, which takes the driver's start as it comes."""
    s, t = torch.meshgrid(times(*at), times(*at), indexing="ij")
    own = total = driver.covariance(s, t)
    if driver.states:
        own = REPRESENTATIONS["II"].ou_covariance(driver.omega(), times(*driver.gammas), s, t)
    noise = _DEVIATION**2 * torch.eye(len(at), dtype=torch.float64)
    seen = scale**2 * own + noise
    tilt = torch.linalg.solve(seen, scale**2 * (total - own))
    return 0.5 * float(torch.logdet(seen / _DEVIATION**2) + tilt.trace())


@pytest.mark.parametrize(
    ("hurst", "optimum", "slack"),
    [*zip(_INDICES, _OPTIMA, _SLACKS, strict=True)],
)
def test_driven_bridge_has_the_optimum_of_its_distribution(hurst, optimum, slack):
    """A control that cannot choose the start loses a known amount to it."""
    driver = ou_driver(hurst, horizon=6.0)
    assert abs(_optimum(driver) - optimum) < 5e-4
    assert abs(_reachable(driver) - _optimum(driver) - slack) < 6e-4


# Of single runs of another program with some thousand paths, to about 0.03; of uniform steps,
# whose losses spread more, to about 0.3.
@pytest.mark.parametrize(
    ("num_steps", "p", "losses", "error"),
    [
        (64, 3, (3.33, 2.87, 2.75, 2.79, 2.95), 0.03),
        (128, 3, (3.15, 2.81, 2.71, 2.73, 2.88), 0.05),
        (64, 1, (34, 8.4, None, 2.92, None), 0.3),
    ],
)
def test_driven_bridge_has_its_known_losses(num_steps, p, losses, error):
    for hurst, expected, optimum in zip(_INDICES, losses, _OPTIMA, strict=True):
        loss = _loss(ou_driver(hurst, horizon=6.0), num_steps, p)
        assert loss > optimum
        assert expected is None or (loss - expected).abs() < error


# To all digits; independent simulations of 100,000 paths gave 3.309, 2.862, 2.975 with a
# standard error of 0.008, and 3.108, 2.762, 2.882 with 0.007.
@pytest.mark.parametrize(
    ("num_steps", "losses"), [(64, (3.309, 2.858, 2.966)), (128, (3.105, 2.762, 2.876))]
)
def test_driven_bridge_has_its_losses_in_expectation(num_steps, losses):
    for hurst, expected in zip((0.1, 0.3, 0.9), losses, strict=True):
        assert (_loss(ou_driver(hurst, horizon=6.0), num_steps) - expected).abs() < 6e-4


@pytest.mark.parametrize(
    "driver",
    [Brownian(), ou_driver(0.3, "II"), ou_driver(0.8, random_slope=True)],
    ids=["K=0", "II", "slope"],
)
@pytest.mark.parametrize("at", [(1.0,), (0.4, 1.0, 1.1)])
def test_driven_bridge_tends_to_its_optimum(driver, at):
    gaps = [_loss(driver, n, 3.0, at, 0.7) - _reachable(driver, at, 0.7) for n in (50, 100)]
    assert 0 < gaps[1] < 0.6 * gaps[0] < 0.2


def test_driven_bridge_is_differentiable_in_the_index():
    """Through the readout, the control and the slope."""
    hurst = Hurst(value=0.7, learnable=True).double()
    driver, at = ou_driver(hurst, random_slope=True), (0.4, 1.0)
    (gradient,) = torch.autograd.grad(_loss(driver, 20, 3.0, at), hurst.logit)
    with torch.no_grad():
        hurst.logit += 1e-5
        above = _loss(driver, 20, 3.0, at)
        hurst.logit -= 2e-5
        slope = (above - _loss(driver, 20, 3.0, at)) / 2e-5
    torch.testing.assert_close(gradient, slope, rtol=1e-6, atol=0)
    assert gradient.abs() > 0.01


@pytest.mark.parametrize("hurst", [0.3, 0.8])
def test_driven_bridge_has_the_distribution_of_gaussian_regression(hurst):
    driver, nodes = ou_driver(hurst, "II"), _nodes(256, 3)
    process = additive(driver, guide=_control(driver))
    x = process.event(linear_path(DrivenEuler(), process, nodes))
    s, t = torch.meshgrid(nodes, nodes, indexing="ij")
    prior = driver.covariance(s, t)
    last = prior[:, -1]
    exact = prior - last[:, None] * last / (last[-1] + _DEVIATION**2)
    assert (x @ x.mT - exact).norm() / exact.norm() < 0.02


@pytest.mark.parametrize("at", [(0.7,), (0.2, 0.7, 1.9)])
def test_linear_control_is_the_gradient_of_what_regression_predicts(at):
    """At t=0 of type II, from the closed covariance: by a kick of W at the start."""
    driver, seen = ou_driver(0.3, "II"), torch.linspace(-1, 2, len(at), dtype=torch.float64)
    control = _control(driver, at, observations=seen, scale=1.3)
    x, y = times(0.4), torch.zeros(1, 5, dtype=torch.float64)
    ts = times(*at)
    response = 1.3 * (torch.exp(-ts[:, None] * times(*driver.gammas)) @ driver.omega())
    covariance = 1.69 * driver.covariance(*torch.meshgrid(ts, ts, indexing="ij"))

    def log_likelihood(kick):
        representation = torch.distributions.MultivariateNormal(
            x + kick * response, covariance + _DEVIATION**2 * torch.eye(len(at)).double()
        )
        return representation.log_prob(seen)

    expected = torch.func.grad(log_likelihood)(torch.zeros((), dtype=torch.float64))
    got = _at(control, 0.0, x, y)
    torch.testing.assert_close(got, expected[None], rtol=1e-11, atol=0)


def test_linear_control_of_brownian_motion_looks_to_what_lies_ahead():
    seen = times(1.0, 3.0).expand(4, 2, 2)
    control = _control(Brownian(), (0.5, 1.0), observations=seen)
    x, y = torch.randn(4, 2, dtype=torch.float64), torch.zeros(4, 2, 0, dtype=torch.float64)
    got = _at(control, 0.5, x, y)
    torch.testing.assert_close(got, (3 - x) / (0.5 + 0.01), rtol=1e-13, atol=0)
    assert torch.equal(_at(control, 1.5, x, y), torch.zeros_like(x))


def test_linear_control_serves_coordinates_with_an_index_each():
    driver, generator = ou_driver((0.3, 0.8), random_slope=True), torch.Generator().manual_seed(0)
    x, seen = torch.randn(3, 2, 3, generator=generator, dtype=torch.float64).split([1, 2], dim=-1)
    y = torch.randn(3, 2, 6, generator=generator, dtype=torch.float64)
    both = _at(_control(driver, (0.4, 1.0), observations=seen), 0.1, x[..., 0], y)
    for k, hurst in enumerate((0.3, 0.8)):
        one = _control(ou_driver(hurst, random_slope=True), (0.4, 1.0), observations=seen[:, k])
        torch.testing.assert_close(
            both[:, k], _at(one, 0.1, x[:, k, 0], y[:, k]), rtol=1e-12, atol=0
        )


def test_driven_bridge_in_float32_follows_the_one_in_float64():
    driver, nodes = ou_driver(0.3, horizon=6.0), _nodes(128, 3)
    generator, ends = torch.Generator().manual_seed(0), []
    x = torch.zeros(20, dtype=torch.float64)
    control = _control(driver, observations=x[:, None] + 0.5)
    process = additive(driver, guide=control, path_kl=True)
    state = process.start(x, generator)
    z = torch.randn(128, 1, *state.shape, generator=generator, dtype=torch.float64)
    for dtype in (torch.float64, torch.float32):
        control.observations = control.observations.to(dtype)
        plan = DrivenEuler().plan(process, nodes)
        ends.append(integrate(plan, state.to(dtype), noise=FixedNoise(z.to(dtype))))
    assert ends[1].dtype == torch.float32
    torch.testing.assert_close(ends[1].double(), ends[0], rtol=1e-4, atol=1e-4)


def test_linear_control_refuses_what_has_no_meaning():
    with pytest.raises(ValueError, match=r"LinearControl.times: expected ascending numbers, got "):
        _control(Brownian(), (1.0, 0.5))
    with pytest.raises(ValueError, match=r"observations: expected shape \(B, \*event, 1\), one "):
        _control(Brownian(), observations=torch.zeros(3, 2))
    with pytest.raises(ValueError, match=r"LinearControl.std: expected a number > 0, got 0"):
        _control(Brownian(), std=0.0)
    process = additive(Brownian(), guide=_control(Brownian(), (0.35, 1.0, 4.0)))
    with pytest.raises(
        ValueError, match=r"LinearControl.times: expected nodes of .*\[0.35\]; let"
    ):
        DrivenEuler().plan(process, UniformGrid().times(10, (0.0, 2.0)))
    DrivenEuler().plan(process, UniformGrid().times(10, (0.0, 2.0), through=times(0.35, 1.0)))
