"""Ancestral steps on one-sided paths."""

import math
from dataclasses import dataclass
from functools import partial

import pytest
import torch
from helpers.problems import INTERPOLANTS, ONE_SIDED, ConditionedNetwork, Gaussians, times

from interpolants.fields.fields import Fields
from interpolants.interpolant.base import OneSidedInterpolant
from interpolants.sampler.epsilon.constant import ConstantEpsilon
from interpolants.sampler.epsilon.kl_optimal import KLOptimalEpsilon
from interpolants.sampler.integrate import integrate
from interpolants.sampler.noise.fixed import FixedNoise
from interpolants.sampler.process.backward_sde import BackwardSDE
from interpolants.sampler.process.forward_sde import ForwardSDE
from interpolants.sampler.sampler import Sampler
from interpolants.sampler.solver.ancestral import Ancestral
from interpolants.sampler.solver.euler_maruyama import EulerMaruyama
from interpolants.testing import linear_moments
from interpolants.testing.common import normal


@dataclass(frozen=True, kw_only=True)
class _Shifted(OneSidedInterpolant):
    """x_t = (1 - t)^2 / 3 + sqrt(1 - t) x0 + (1 + t) / 2 x1."""

    shifted = True

    def alpha_beta(self, t):
        root = torch.sqrt(1 - t)
        return root, 0.5 * (1 + t), -0.5 / root, torch.full_like(t, 0.5)

    def shift(self, t):
        return (1 - t).square() / 3, -2 * (1 - t) / 3


_PATHS = {stem: INTERPOLANTS[stem] for stem in ONE_SIDED} | {"shifted": _Shifted()}


def _reversal(net, path, epsilon=1.0, predicts=("target_mean",)):
    fields = Fields(net=net, interpolant=path, predicts=predicts)
    return ForwardSDE(fields=fields, epsilon=KLOptimalEpsilon(c=epsilon))


def _gaussian(path, variance=0.36):
    net = Gaussians(path, ("target_mean",), covariances=(1.0, variance))
    return net, _reversal(net, path)


def _uniform(num_steps, first=0.0, last=1.0):
    return torch.linspace(first, last, num_steps + 1, dtype=torch.float64)


@pytest.mark.parametrize("stem", _PATHS)
@pytest.mark.parametrize(("t", "s"), [(0.2, 0.35), (0.0, 0.4), (0.6, 1.0), (0.0, 1.0)])
def test_ancestral_step_is_the_law_of_x_s_given_x_t_and_x1(stem, t, s):
    """x_t = (beta_t / beta_s) x_s + noise: mean and variance by regression on x_t, given x1."""
    path, x1 = _PATHS[stem], 0.7
    process = _reversal(ConditionedNetwork(torch.full((2, 1, 1), x1, dtype=torch.float64)), path)
    x = torch.full((2, 1), -0.3, dtype=torch.float64)
    z = times(0.0, 1.0).view(1, 1, 2, 1)
    end = integrate(Ancestral().plan(process, times(t, s)), x, noise=FixedNoise(z)).flatten()
    c = path.coefficients(times(t, s))
    (a, a_s), (b, b_s) = c.alpha.tolist(), c.beta.tolist()
    shift, shift_s = c.shift.expand(2).tolist()
    covariance = b / b_s * a_s**2
    mean = shift_s + b_s * x1 + covariance / a**2 * (-0.3 - shift - b * x1)
    assert abs(float(end[0]) - mean) < 1e-12
    variance = a_s**2 - covariance**2 / a**2
    assert abs(float(end[1] - end[0]) ** 2 - variance) < 1e-12


@pytest.mark.parametrize("stem", _PATHS)
@pytest.mark.parametrize("num_steps", [1, 2, 7])
def test_ancestral_is_exact_for_data_of_a_single_point(stem, num_steps):
    """Mean and variance of x at every node, between the ends and at them."""
    path, x1 = _PATHS[stem], 0.7
    for first, last in ((0.1, 0.9), (0.0, 1.0)):
        count, nodes = num_steps, _uniform(num_steps, first, last)
        z = torch.cat([torch.zeros(count, 1), torch.eye(count)], dim=1).double()
        given = ConditionedNetwork(torch.full((count + 1, 1, 1), x1, dtype=torch.float64))
        process = _reversal(given, path)
        c = path.coefficients(nodes)
        alpha, mean = c.alpha, c.shift + c.beta * x1
        start = torch.full((count + 1, 1), float(mean[0]), dtype=torch.float64)
        plan = Ancestral().plan(process, nodes)
        end = integrate(plan, start, noise=FixedNoise(z[:, None, :, None])).flatten()
        assert abs(float(end[0] - mean[-1])) < 1e-12
        lifted = integrate(plan, start + 1, noise=FixedNoise(z[:, None, :, None])).flatten()
        of_start = float((lifted[0] - end[0]) * alpha[0]) ** 2
        variance = float((end[1:] - end[0]).square().sum()) + of_start
        assert abs(variance - float(alpha[-1]) ** 2) < 1e-12


@pytest.mark.parametrize("stem", ONE_SIDED)
def test_ancestral_has_weak_order_one_on_gaussian_data(stem):
    net, process = _gaussian(_PATHS[stem])
    first, last = (float(net.covariance(t)) for t in times(0.05, 0.95))
    errors = []
    for n in (100, 200):
        nodes = _uniform(n, 0.05, 0.95)
        errors.append(abs(linear_moments(Ancestral(), process, nodes, first)[1] - last))
    assert abs(math.log2(errors[0] / errors[1]) - 1) < 0.1


def test_ancestral_does_better_than_euler_maruyama_where_steps_are_long():
    """Data of little spread, in ten steps of a path that begins with it."""
    net, process = _gaussian(INTERPOLANTS["variance_exploding"], 1e-4)
    first, last = (float(net.covariance(t)) for t in times(0.0, 0.9))
    errors = []
    for solver in (Ancestral(), EulerMaruyama()):
        moments = linear_moments(solver, process, _uniform(10, 0.0, 0.9), first)
        errors.append(abs(moments[1] / last - 1))
    assert 20 * errors[0] < errors[1]


def test_sampler_does_not_warn_of_long_steps_of_ancestral(recwarn):
    net, _ = _gaussian(INTERPOLANTS["one_sided_linear"])
    options = {"process": ForwardSDE, "epsilon": KLOptimalEpsilon(), "num_steps": 5}
    x = normal((3, 1), 0)
    drawn = Sampler(fields=net.fields(), solver=Ancestral(), **options)(x)
    assert not [w for w in recwarn if "num_steps" in str(w.message)]
    assert drawn.x.isfinite().all()
    assert drawn.nfe == 6
    with pytest.warns(UserWarning, match="Sampler.num_steps: 5 steps are few"):
        Sampler(fields=net.fields(), solver=EulerMaruyama(), **options)(x)


_BRIDGE = partial(Gaussians, INTERPOLANTS["linear"], ("velocity", "denoiser"))


@pytest.mark.parametrize(
    ("build", "value"),
    [
        (
            lambda: ForwardSDE(fields=_BRIDGE().fields(), epsilon=0.5),
            "a ForwardSDE of LinearInterpolant with ConstantEpsilon(c=0.5)",
        ),
        (
            lambda: _reversal(ConditionedNetwork(torch.zeros(1, 1, 2)), _Shifted(), 2.0),
            "a ForwardSDE of _Shifted with KLOptimalEpsilon(c=2.0)",
        ),
        (
            lambda: BackwardSDE(
                fields=_gaussian(_Shifted())[0].fields(), epsilon=ConstantEpsilon(c=1.0)
            ),
            "a BackwardSDE of _Shifted with None",
        ),
    ],
)
def test_ancestral_refuses_in_one_sentence(build, value):
    with pytest.raises(ValueError) as refusal:
        Ancestral().check(build())
    assert str(refusal.value) == (
        "Sampler.solver: expected for Ancestral the ForwardSDE of a one-sided path with "
        f"KLOptimalEpsilon(c=1.0), got '{value}'; use for example sampler/solver=euler_maruyama"
    )
