"""The closed-form control of a linear equation: its optimum, its gaps, its coordinates."""

import pytest
import torch
from helpers.driven import additive, linear_path, linear_system, observed, ou_driver, start_of
from helpers.problems import times

from benchmarks.linear_control import LinearControl
from interpolants.driver.brownian import Brownian
from interpolants.driver.hurst import Hurst
from interpolants.neural_sde.solver.driven_heun import DrivenHeun
from interpolants.sampler.grid.power import PowerGrid
from interpolants.sampler.grid.uniform import UniformGrid
from interpolants.sampler.integrate import integrate
from interpolants.sampler.mode.checkpointed import Checkpointed
from interpolants.sampler.noise.fixed import FixedNoise

_DRIVERS = {
    "K=0": Brownian(),
    "II": ou_driver(0.3, "II"),
    "slope": ou_driver(0.8, random_slope=True),
}
_AT, _DEVIATION, _SCALE = (0.4, 1.0, 1.1), 0.1, 0.7


def _u(control, t, state):
    """Control u at one time."""
    aim, pull = control.gains(times(t))
    return control.control(aim[0], pull[0], state)


def _states(driver, *shape):
    return torch.randn(
        *shape, 1 + driver.states, generator=torch.Generator().manual_seed(0), dtype=torch.float64
    )


def _seen(*shape):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(1), dtype=torch.float64)


def _loss(driver, theta, num_steps, decay):
    """E sum X(t_j)^2 / (2 std^2) + KL, exactly: both are quadratic in the normals."""
    ends = (0.0, *_AT)
    parts = [PowerGrid(p=3).times(num_steps, span) for span in zip(ends, _AT, strict=False)]
    nodes = torch.cat([parts[0][:1], *[part[1:] for part in parts]])
    zeros = torch.zeros(3, dtype=torch.float64)
    options = {"observations": zeros, "times": _AT, "std": _DEVIATION, "scale": _SCALE}
    process = additive(
        driver,
        drift=lambda t, x: -theta * x,
        diffusion=lambda t, x: _SCALE * torch.ones_like(x),
        guide=LinearControl(driver=driver, decay=decay, **options),
        path_kl=True,
    )
    path = linear_path(DrivenHeun(), process, nodes)
    seen = process.event(path)[num_steps::num_steps]
    return seen.square().sum() / (2 * _DEVIATION**2) + process.kl(path[-1]).sum()


def _optimum(driver, theta):
    """The least loss of a control: 1/2 log det(1 + C / std^2), and what the start costs."""
    f, g = linear_system(driver, times(theta))
    start = start_of(driver)
    own, total = (_SCALE**2 * observed(f, g, s, times(*_AT)) for s in (0 * start, start))
    seen = own + _DEVIATION**2 * torch.eye(3, dtype=torch.float64)
    tilt = torch.linalg.solve(seen, total - own).trace()
    return 0.5 * float(torch.logdet(seen / _DEVIATION**2) + tilt)


@pytest.mark.parametrize("theta", [1.0, 2.0])
@pytest.mark.parametrize("name", _DRIVERS)
def test_linear_control_tends_to_the_optimum_of_the_ornstein_uhlenbeck_bridge(name, theta):
    driver = _DRIVERS[name]
    limits = []
    for decay in (theta, 0.0):
        gaps = [float(_loss(driver, theta, n, decay)) - _optimum(driver, theta) for n in (40, 80)]
        assert 0 < gaps[1] < gaps[0] < 0.35
        # Of first order in the length of the steps.
        limits.append(2 * gaps[1] - gaps[0])
    assert abs(limits[0]) < 0.008
    # A control that does not know of the decay stays away from it.
    assert limits[1] > 0.015


@pytest.mark.parametrize("theta", [0.0, 1.0, 1.7])
@pytest.mark.parametrize("name", _DRIVERS)
def test_linear_control_is_the_gradient_of_what_regression_predicts(name, theta):
    """By matrix exponentials, from any state, on the way to the observations."""
    driver, level, now = _DRIVERS[name], 0.3, 0.2
    state, seen = _states(driver, 4), _seen(4, 3)
    f, g = linear_system(driver, times(theta))
    f[0, 1:], g[0] = _SCALE * f[0, 1:], _SCALE * g[0]
    tau = times(*_AT) - now
    covariance = observed(f, g, torch.zeros_like(f), tau)
    covariance = covariance + _DEVIATION**2 * torch.eye(3, dtype=torch.float64)
    moves = torch.linalg.matrix_exp(f * tau[:, None, None])[:, 0]
    centred = torch.cat([state[:, :1] - level, state[:, 1:]], dim=1)

    def log_likelihood(kick):
        mean = level + (centred + kick[:, None] * g) @ moves.mT
        return torch.distributions.MultivariateNormal(mean, covariance).log_prob(seen).sum()

    expected = torch.func.grad(log_likelihood)(torch.zeros(4, dtype=torch.float64))
    control = LinearControl(
        driver=driver,
        observations=seen,
        times=_AT,
        std=_DEVIATION,
        scale=_SCALE,
        decay=theta,
        level=level,
    )
    torch.testing.assert_close(_u(control, now, state), expected, rtol=1e-8, atol=1e-9)


_OPTIONS = {
    "plain": {},
    "decay": {"decay": 1.3, "level": 0.4},
    "each": {"decay": times(0.0, 1.3), "level": times(1.0, -0.4), "scale": times(0.5, 2.0)},
    "scale": {"scale": times(0.5, 2.0)},
    "level": {"decay": 0.6, "level": times(1.0, -0.4)},
}


def _of(options, d):
    """One coordinate of a value."""
    return {k: v[d] if isinstance(v, torch.Tensor) else v for k, v in options.items()}


@pytest.mark.parametrize("name", _OPTIONS)
@pytest.mark.parametrize("hurst", [0.3, (0.3, 0.8), None])
def test_linear_control_serves_coordinates_with_numbers_each(name, hurst):
    driver = Brownian() if hurst is None else ou_driver(hurst, random_slope=True)
    state, seen = _states(driver, 5, 3, 2), _seen(5, 3, 2, 3)
    parts = {"times": _AT, "std": torch.tensor(0.2, dtype=torch.float64)}
    control = LinearControl(driver=driver, observations=seen, **parts, **_OPTIONS[name])
    got = _u(control, 0.5, state)
    assert got.shape == (5, 3, 2)
    for d in range(2):
        index = hurst[d] if isinstance(hurst, tuple) else hurst
        alone = LinearControl(
            driver=driver if index is None else ou_driver(index, random_slope=True),
            observations=seen[..., d, :],
            **parts,
            **_of(_OPTIONS[name], d),
        )
        expected = _u(alone, 0.5, state[..., d, :])
        torch.testing.assert_close(got[..., d], expected, rtol=1e-10, atol=1e-10)


_MASKS = torch.tensor(
    [[True, True, True], [False, True, True], [True, False, True], [False] * 3, [True, True, True]]
)


@pytest.mark.parametrize("name", _OPTIONS)
@pytest.mark.parametrize("hurst", [0.3, (0.3, 0.8), None])
def test_linear_control_of_what_exists_is_that_of_it_alone(name, hurst):
    """Of each sample, with what is missing set to anything."""
    driver = Brownian() if hurst is None else ou_driver(hurst)
    state, seen = _states(driver, 5, 4, 2), _seen(5, 4, 2, 3)
    parts = {"driver": driver, "std": 0.1, **_OPTIONS[name]}
    control = LinearControl(observations=seen, times=_AT, mask=_MASKS, **parts)
    for t in (0.0, 0.4, 1.05):
        got = _u(control, t, state)
        for b, row in enumerate(_MASKS):
            expected = torch.zeros_like(got[b])
            if row.any():
                at = tuple(time for time, there in zip(_AT, row, strict=True) if there)
                alone = LinearControl(observations=seen[b, ..., row], times=at, **parts)
                expected = _u(alone, t, state[b])
            torch.testing.assert_close(got[b], expected, rtol=1e-10, atol=1e-10)
            shared = LinearControl(observations=seen, times=_AT, mask=row, **parts)
            torch.testing.assert_close(_u(shared, t, state)[b], got[b], rtol=1e-12, atol=1e-12)


def test_linear_control_without_gaps_costs_what_it_costs_without_a_mask():
    driver = ou_driver(0.3)
    parts = {"driver": driver, "observations": _seen(5, 2, 3), "times": _AT, "std": 0.1}
    plain = LinearControl(**parts).gains(times(0.0, 0.5))
    full = LinearControl(**parts, mask=torch.ones(5, 3, dtype=torch.bool)).gains(times(0.0, 0.5))
    for part, other in zip(plain, full, strict=True):
        assert part.shape == other.shape
        torch.testing.assert_close(part, other, rtol=0, atol=0)
    assert plain.pull.shape == (2, 6)


def _learned(parameters, mode=None):
    """A loss through all numbers of a control with gaps, on the loop."""
    logit, std, scale, decay, level, seen = parameters
    hurst = Hurst(value=0.3, learnable=True).double()
    del hurst.logit
    hurst.logit = logit
    driver = ou_driver(hurst, random_slope=True)
    guide = LinearControl(
        driver=driver,
        observations=seen,
        times=_AT,
        std=std,
        scale=scale,
        decay=decay,
        level=level,
        mask=_MASKS,
    )
    process = additive(
        driver, drift=lambda t, x: decay * (level - x), guide=guide, path_kl=True, pathwise=True
    )
    state = process.start(_seen(5, 2), torch.Generator().manual_seed(0))
    nodes = UniformGrid().times(7, (0.0, 1.2), through=times(*_AT))
    z = _seen(len(nodes) - 1, 1, *state.shape)
    end = integrate(DrivenHeun().plan(process, nodes), state, noise=FixedNoise(z), mode=mode)
    return process.event(end).sin().sum() + process.kl(end).mean()


def test_linear_control_is_differentiable_in_all_that_it_takes():
    values = (-0.8, 0.5, (0.5, 2.0), (1.0, 0.3), (0.2, -0.7))
    parameters = [torch.tensor(v, dtype=torch.float64) for v in values] + [_seen(5, 2, 3)]
    assert torch.autograd.gradcheck(
        lambda *p: _learned(p), [p.requires_grad_() for p in parameters], rtol=1e-5, atol=1e-6
    )
    plain = torch.autograd.grad(_learned(parameters), parameters)
    again = torch.autograd.grad(_learned(parameters, Checkpointed(block=3)), parameters)
    for one, other in zip(plain, again, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-11, atol=1e-13)
        assert one.abs().max() > 1e-3


def test_linear_control_refuses_masks_that_do_not_fit():
    parts = {"driver": Brownian(), "observations": _seen(5, 2, 3), "times": _AT, "std": 0.1}
    match = r"LinearControl.mask: expected bool, \(3,\) or, with observations of each sample, \(5,"
    for mask in (torch.ones(5, 3), torch.ones(4, 3).bool(), torch.ones(5, 2, 3).bool()):
        with pytest.raises(ValueError, match=match):
            LinearControl(**parts, mask=mask)
    with pytest.raises(ValueError, match=r"LinearControl.decay: expected a number >= 0, got -1$"):
        LinearControl(**parts, decay=-1)
