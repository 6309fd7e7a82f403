"""Contracts of paths, objectives and schemes find planted faults."""

from dataclasses import dataclass
from functools import cache
from typing import ClassVar

import pytest
import torch

from interpolants.interpolant.base import AffineInterpolant, InterpolantSample
from interpolants.interpolant.custom import CustomInterpolant
from interpolants.interpolant.gamma.base import Gamma
from interpolants.interpolant.gamma.brownian_bridge import BrownianBridgeGamma
from interpolants.interpolant.mirror import MirrorInterpolant
from interpolants.interpolant.variance_exploding import VarianceExplodingInterpolant
from interpolants.objective.base import FieldObjective
from interpolants.objective.weight.base import Weight
from interpolants.sampler.integrate import SaveAt, SaveTimes
from interpolants.sampler.solver.base import PlannedSolver, noise_at, steps
from interpolants.sampler.solver.euler_maruyama import EulerMaruyama
from interpolants.sampler.solver.heun import Heun
from interpolants.sampler.solver.log_euler import LogEuler
from interpolants.sampler.solver.milstein import Milstein
from interpolants.sampler.solver.sra1 import SRA1
from interpolants.sampler.solver.stochastic_heun import StochasticHeun
from interpolants.testing import (
    check_gamma,
    check_interpolant,
    check_objective,
    check_solver,
)


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
            sample = super().sample(t, x0, x1, z)
            if self.fault in ("mean_dot", "z"):
                return sample._replace(**{self.fault: -getattr(sample, self.fault)})
            return sample
        c = self.coefficients(t)
        xt = c.alpha * x0 + c.beta * x1 + c.gamma * z
        mean_dot = c.alpha_dot * x0 + c.beta_dot * x1
        return InterpolantSample(t, x0, x1, z, xt, mean_dot + c.gamma_dot * z, mean_dot)


@pytest.mark.parametrize(
    ("fault", "match"),
    [
        ("beta", "the path at t=1"),
        ("beta_dot", "beta_dot against autodiff"),
        ("mean_dot", "mean_dot against autodiff"),
        ("z", "the latent noise"),
        ("axis", r"xt of sample 0 in shape \(4, 4\)"),
    ],
)
def test_interpolant_contract_finds(fault, match):
    with pytest.raises(AssertionError, match=match):
        check_interpolant(_Path(fault=fault))


def test_interpolant_contract_needs_inexact_ends_declared(monkeypatch):
    monkeypatch.setattr(VarianceExplodingInterpolant, "exact_ends", True)
    with pytest.raises(AssertionError, match="the path at t=0"):
        check_interpolant(VarianceExplodingInterpolant())


def test_interpolant_contract_needs_a_vanishing_determinant_declared(monkeypatch):
    monkeypatch.setattr(MirrorInterpolant, "determinate", True)
    with pytest.raises(AssertionError, match="determinate: alpha beta_dot = alpha_dot beta"):
        check_interpolant(MirrorInterpolant())


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
    with pytest.raises(AssertionError, match=match):
        check_gamma(_Gamma(fault))


@dataclass(frozen=True, kw_only=True)
class _Objective(FieldObjective):
    field: ClassVar[str] = "denoiser"
    needs_noise: ClassVar[bool] = True
    factor: float = 1.0

    def target(self, fields, sample):
        return self.factor * sample.z


@pytest.mark.parametrize("factor", [-1.0, 0.9, 1 + 1e-6])
def test_objective_contract_finds_a_wrong_target(factor):
    with pytest.raises(AssertionError, match="exact field must minimise the loss at all times"):
        check_objective(_Objective(factor=factor))


class _PseudoHuber(_Objective):
    """A robust loss, whose minimiser is no conditional expectation."""

    def __call__(self, *args, **options):
        losses = super().__call__(*args, **options)
        robust = (1 + (losses.weighted - losses.weighted.min()) / 0.1).sqrt()
        return losses._replace(weighted=robust)


def test_objective_contract_refuses_a_loss_that_is_not_quadratic():
    with pytest.raises(AssertionError, match=r"_PseudoHuber: .* must be quadratic in the field"):
        check_objective(_PseudoHuber())


@dataclass(frozen=True, kw_only=True)
class _NoWeight(Weight):
    def value(self, t):
        return torch.zeros_like(t)


def test_objective_contract_finds_a_loss_without_a_slope():
    with pytest.raises(AssertionError, match=r"must rise off the exact field; its slope is 0\.0"):
        check_objective(_Objective(weight=_NoWeight()))


class _Scheme(PlannedSolver):
    """A scheme with a part of another."""

    def __init__(self, inner, numbers=None, step=None):
        self.inner, self._numbers, self._step = inner, numbers, step
        for name in ("accepts", "order", "strong_order", "stages", "channels"):
            setattr(self, name, getattr(inner, name))

    def nodes(self, times):
        return self.inner.nodes(times)

    def numbers(self, process, times):
        return (self._numbers or self.inner.numbers)(process, times)

    def step(self, s, carry):
        return (self._step or self.inner.step)(s, carry)


class _NoStates(_Scheme):
    """Hands over no state."""

    def solve(self, process, times, x, *, noise, save_at, mode=None):
        nowhere = SaveTimes(times, times[:0])
        return super().solve(process, times, x, noise=noise, save_at=nowhere, mode=mode)


class _Late(SaveAt):
    """Passes on, at each node inside, the state of the node after."""

    def __init__(self, save_at, last):
        self.save_at, self.last = save_at, last

    def nodes(self, last):
        return range(last + 1)

    def __call__(self, node, x):
        if node != 1:
            self.save_at(node if node in (0, self.last) else node - 1, x)


class _LateStates(_Scheme):
    def solve(self, process, times, x, *, noise, save_at, mode=None):
        late = _Late(save_at, len(times) - 1)
        return super().solve(process, times, x, noise=noise, save_at=late, mode=mode)


def _wrong_weight(process, times):
    h = steps(times)
    return torch.stack([h, 0.49 * h], dim=1)


def _left_noise(process, times):
    """Noise of the step's left end where the order needs its mean."""
    h = steps(times)
    return torch.stack([h, h / 2, noise_at(process, times[:-1]) * h.abs().sqrt()], dim=1)


def _twice_the_noise(process, times):
    h, g = EulerMaruyama().numbers(process, times).unbind(1)
    return torch.stack([h, 2 * g], dim=1)


def _noise_first(s, carry):
    (x,), (h, half, g) = carry, s.numbers
    shaken = torch.addcmul(x, s.z[0], g)
    first = s.drift(0, shaken)
    return (shaken + half * (first + s.drift(1, shaken + h * first)),)


def _mixing(s, carry):
    (x,), (h, half) = carry, s.numbers
    first = s.drift(0, x)
    second = s.drift(1, x + h * first)
    return (x + half * (first + second) + h**3 * x.mean(dim=0),)


def _swapped(s, carry):
    """Independent normals are what the law needs, but the path is another."""
    return SRA1().step(s.with_normals(s.z[::-1]), carry)


def _without_correction(s, carry):
    """Euler-Maruyama for multiplicative noise: strong order 1/2."""
    (x,), (h, root, _) = carry, s.numbers
    g = s.diffusion(0, x)
    return (x + h * s.drift(0, x) + root * g * s.z[0],)


def _stratonovich(s, carry):
    """log-Euler without Ito's correction."""
    (x,), (h, _, std) = carry, s.numbers
    return (x * torch.exp(h * s.drift(0, x) / x + std * s.z[0]),)


@cache
def _check_sound(solver):
    check_solver(_Scheme(solver))


@pytest.mark.parametrize(
    ("scheme", "match"),
    [
        (_Scheme(Heun(), numbers=_wrong_weight), "order: declared 2"),
        (_Scheme(StochasticHeun(), numbers=_left_noise), "variance of a linear SDE"),
        (_Scheme(StochasticHeun(), step=_noise_first), "variance of a linear SDE"),
        (_Scheme(EulerMaruyama(), numbers=_twice_the_noise), "variance of a linear SDE"),
        (_Scheme(SRA1(), step=_swapped), "order: declared 1.5, measured .*Brownian path"),
        (_Scheme(Milstein(), step=_without_correction), "declared 1, measured .*Brownian path"),
        (_Scheme(LogEuler(), step=_stratonovich), "mean square"),
        (_NoStates(Heun()), "nodes: no state was handed to keep"),
        (_LateStates(Heun()), "nodes: the state at node 1"),
        (_Scheme(Heun(), step=_mixing), "rows: sample 0 depends on the batch"),
    ],
)
def test_solver_contract_finds(scheme, match):
    _check_sound(scheme.inner)
    with pytest.raises(AssertionError, match=match):
        check_solver(scheme)


@pytest.mark.parametrize(
    ("check", "part"),
    [
        (check_interpolant, _Path()),
        (check_gamma, _Gamma("")),
        (check_objective, _Objective()),
    ],
)
def test_contract_is_kept_by_what_has_none_of_these_faults(check, part):
    check(part)
