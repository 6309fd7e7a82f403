"""Every part in conf keeps its contract, and each contract finds planted faults."""

from dataclasses import dataclass
from typing import ClassVar

import pytest
import torch
from problems import load, stems

from interpolants.coupling.base import Coupling
from interpolants.epsilon.base import Epsilon
from interpolants.gamma.base import Gamma
from interpolants.gamma.brownian_bridge import BrownianBridgeGamma
from interpolants.grid.base import Grid
from interpolants.interpolant.base import AffineInterpolant, InterpolantSample
from interpolants.interpolant.custom import CustomInterpolant
from interpolants.interpolant.variance_exploding import VarianceExplodingInterpolant
from interpolants.objective.base import FieldObjective
from interpolants.solver.base import PlannedSolver, noise_at, steps
from interpolants.solver.euler_maruyama import EulerMaruyama
from interpolants.solver.heun import Heun
from interpolants.solver.stochastic_heun import StochasticHeun
from interpolants.testing import (
    check_coupling,
    check_epsilon,
    check_gamma,
    check_grid,
    check_interpolant,
    check_objective,
    check_solver,
    check_time_sampler,
)
from interpolants.time_sampler.base import TimeSampler

_CHECKS = {
    "interpolant/gamma": check_gamma,
    "interpolant": check_interpolant,
    "objective": check_objective,
    "sampler/solver": check_solver,
    "sampler/epsilon": check_epsilon,
    "sampler/grid": check_grid,
    "time_sampler": check_time_sampler,
    "coupling": check_coupling,
}
# Other packages' solvers: tested against the planned ones.
_ADAPTERS = ("torchdiffeq", "torchsde")


@pytest.mark.parametrize(
    ("group", "stem"),
    [(group, stem) for group in _CHECKS for stem in stems(group) if stem not in _ADAPTERS],
)
def test_contract_is_kept_by(group, stem):
    part = load(group, stem)
    _CHECKS[group](part)


def _curved(t, x0, x1):
    return (1 - t) * x0 + t**2 * x1 + 0.3 * t * (1 - t) * torch.sin(x0 * x1)


def test_interpolant_contract_fits_a_path_given_as_a_function():
    check_interpolant(CustomInterpolant(function=_curved))
    with pytest.raises(AssertionError, match="the path at t=0"):
        check_interpolant(CustomInterpolant(function=lambda t, *ends: 0.9 * _curved(t, *ends)))


@dataclass(frozen=True, kw_only=True)
class _Path(AffineInterpolant):
    fault: str = ""
    gamma: Gamma = BrownianBridgeGamma()

    def alpha_beta(self, t):
        one = torch.ones_like(t)
        beta_dot = 2 * t if self.fault == "beta_dot" else one
        beta = 0.99 * t if self.fault == "beta" else t
        return 1 - t, beta, -one, beta_dot

    def sample(self, t, x0, x1, z):
        if self.fault != "axis" or t.dim() == 0 or x0.shape[-1] != len(t):
            return super().sample(t, x0, x1, z)
        c = self.coefficients(t)
        xt = c.alpha * x0 + c.beta * x1 + c.gamma * z
        mean_dot = c.alpha_dot * x0 + c.beta_dot * x1
        return InterpolantSample(t, x0, x1, z, xt, mean_dot + c.gamma_dot * z, mean_dot)


@pytest.mark.parametrize(
    ("fault", "match"),
    [
        ("beta", "the path at t=1"),
        ("beta_dot", "beta_dot against autodiff"),
        ("axis", r"xt of sample 0 in shape \(4, 4\)"),
    ],
)
def test_interpolant_contract_finds(fault, match):
    check_interpolant(_Path())
    with pytest.raises(AssertionError, match=match):
        check_interpolant(_Path(fault=fault))


def test_interpolant_contract_needs_inexact_ends_declared(monkeypatch):
    monkeypatch.setattr(VarianceExplodingInterpolant, "exact_ends", True)
    with pytest.raises(AssertionError, match="the path at t=0"):
        check_interpolant(VarianceExplodingInterpolant())


@dataclass(frozen=True)
class _Gamma(Gamma):
    fault: str

    def value(self, t):
        return t * (1 - t) + (0.1 if self.fault == "ends" else 0)

    def dot(self, t):
        return 1 - t if self.fault == "dot" else 1 - 2 * t

    def value_dot(self, t):
        return self.dot(t) if self.fault == "product" else self.value(t) * self.dot(t)

    @property
    def is_zero(self):
        return self.fault == "is_zero"


@pytest.mark.parametrize(
    ("fault", "match"),
    [("ends", "at the ends"), ("dot", "autodiff"), ("product", "value_dot"), ("is_zero", "is_")],
)
def test_gamma_contract_finds(fault, match):
    check_gamma(_Gamma(""))
    with pytest.raises(AssertionError, match=match):
        check_gamma(_Gamma(fault))


@dataclass(frozen=True, kw_only=True)
class _Objective(FieldObjective):
    field: ClassVar[str] = "denoiser"
    needs_noise: ClassVar[bool] = True
    factor: float = 1.0

    def target(self, fields, sample):
        return self.factor * sample.z


@pytest.mark.parametrize("factor", [-1.0, 0.9])
def test_objective_contract_finds_a_wrong_target(factor):
    check_objective(_Objective())
    with pytest.raises(AssertionError, match="slope at the minimum"):
        check_objective(_Objective(factor=factor))


class _Scheme(PlannedSolver):
    """A scheme with a part of another."""

    def __init__(self, inner, coefficients=None, step=None):
        self.inner, self._coefficients, self._step = inner, coefficients, step
        for name in ("accepts", "order", "stages", "channels"):
            setattr(self, name, getattr(inner, name))

    def nodes(self, times):
        return self.inner.nodes(times)

    def coefficients(self, process, times):
        return (self._coefficients or self.inner.coefficients)(process, times)

    def step(self, *arguments):
        return (self._step or self.inner.step)(*arguments)


def _wrong_weight(process, times):
    h = steps(times)
    return torch.stack([h, 0.49 * h], dim=1)


def _left_noise(process, times):
    """Noise of the step's left end where the order needs its mean."""
    h = steps(times)
    return torch.stack([h, h / 2, noise_at(process, times[:-1]) * h.abs().sqrt()], dim=1)


def _twice_the_noise(process, times):
    h, g = EulerMaruyama().coefficients(process, times).unbind(1)
    return torch.stack([h, 2 * g], dim=1)


def _noise_first(drift, rows, coefficients, carry, z):
    (x,), (h, half, g) = carry, coefficients
    shaken = torch.addcmul(x, z[0], g)
    first = drift(rows[0], shaken)
    return (shaken + half * (first + drift(rows[1], shaken + h * first)),)


def _mixing(drift, rows, coefficients, carry, z):
    (x,), (h, half) = carry, coefficients
    first = drift(rows[0], x)
    return (x + half * (first + drift(rows[1], x + h * first)) + h**3 * x.mean(dim=0),)


@pytest.mark.parametrize(
    ("scheme", "match"),
    [
        (_Scheme(Heun(), coefficients=_wrong_weight), "order: declared 2"),
        (_Scheme(StochasticHeun(), coefficients=_left_noise), "variance of a linear SDE"),
        (_Scheme(StochasticHeun(), step=_noise_first), "variance of a linear SDE"),
        (_Scheme(EulerMaruyama(), coefficients=_twice_the_noise), "variance of a linear SDE"),
        (_Scheme(Heun(), step=_mixing), "rows: sample 0 depends on the batch"),
    ],
)
def test_solver_contract_finds(scheme, match):
    check_solver(_Scheme(scheme.inner))
    with pytest.raises(AssertionError, match=match):
        check_solver(scheme)


@dataclass(frozen=True)
class _Grid(Grid):
    fault: str

    def warp(self, u):
        return u

    def times(self, num_steps, span, *, backward=False, through=None):
        through = None if self.fault == "requested" else through
        if self.fault == "backward":
            backward = False
        t = super().times(num_steps, span, backward=backward, through=through)
        return t.float() if self.fault == "dtype" else t


@pytest.mark.parametrize(
    ("fault", "match"),
    [("requested", "is no node"), ("backward", "not strictly monotone"), ("dtype", "float64")],
)
def test_grid_contract_finds(fault, match):
    check_grid(_Grid(""))
    with pytest.raises(AssertionError, match=match):
        check_grid(_Grid(fault))


@dataclass(frozen=True)
class _Epsilon(Epsilon):
    sign: float = 1.0
    factor: float = 1.0

    def value(self, t, c):
        return self.sign * t

    def ratio(self, t, c, level):
        return self.factor * self.sign * t / level


@pytest.mark.parametrize(("fault", "match"), [("sign", "positive"), ("factor", "ratio")])
def test_epsilon_contract_finds(fault, match):
    check_epsilon(_Epsilon())
    with pytest.raises(AssertionError, match=match):
        check_epsilon(_Epsilon(**{fault: -2.0}))


@dataclass(frozen=True)
class _Times(TimeSampler):
    fault: str
    margin: float = 1e-3

    def draw(self, n, generator):
        u = torch.rand(n, generator=None if self.fault == "generator" else generator)
        density = 2 * u.sqrt()
        return u.sqrt(), density if self.fault == "weight" else 1 / density

    def sample(self, n, generator):
        t, weight = super().sample(n, generator)
        return (t - 0.1 if self.fault == "margin" else t), weight


@pytest.mark.parametrize(
    ("fault", "match"),
    [("generator", "generator"), ("weight", "std errors off"), ("margin", "outside")],
)
def test_time_sampler_contract_finds(fault, match):
    check_time_sampler(_Times(""))
    with pytest.raises(AssertionError, match=match):
        check_time_sampler(_Times(fault))


@dataclass(frozen=True)
class _Coupling(Coupling):
    fault: str
    independent: ClassVar[bool] = True

    def pair(self, x0, x1, label=None):
        x0 = x0.flip(0) if self.fault == "cost" else x0
        return x0[:1].expand_as(x0) if self.fault == "repeats" else x0


@pytest.mark.parametrize(("fault", "match"), [("repeats", "reordering"), ("cost", "farther")])
def test_coupling_contract_finds(fault, match):
    check_coupling(_Coupling(""))
    with pytest.raises(AssertionError, match=match):
        check_coupling(_Coupling(fault))
