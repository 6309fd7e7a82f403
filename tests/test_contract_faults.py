"""Contracts of paths, objectives and schemes find planted faults."""

from dataclasses import dataclass
from typing import ClassVar

import pytest
import torch

from interpolants.gamma.base import Gamma
from interpolants.gamma.brownian_bridge import BrownianBridgeGamma
from interpolants.integrate import Keep
from interpolants.interpolant.base import AffineInterpolant, InterpolantSample
from interpolants.interpolant.custom import CustomInterpolant
from interpolants.interpolant.mirror import MirrorInterpolant
from interpolants.interpolant.variance_exploding import VarianceExplodingInterpolant
from interpolants.objective.base import FieldObjective
from interpolants.solver.base import PlannedSolver, noise_at, steps
from interpolants.solver.euler_maruyama import EulerMaruyama
from interpolants.solver.heun import Heun
from interpolants.solver.stochastic_heun import StochasticHeun
from interpolants.testing import (
    check_gamma,
    check_interpolant,
    check_objective,
    check_solver,
)
from interpolants.weight.base import Weight


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
    check_interpolant(_Path())
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


@dataclass(frozen=True, kw_only=True)
class _NoWeight(Weight):
    def value(self, t):
        return torch.zeros_like(t)


def test_objective_contract_finds_a_loss_without_a_slope():
    with pytest.raises(AssertionError, match=r"slope off the minimum is 0\.0"):
        check_objective(_Objective(weight=_NoWeight()))


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


class _NoStates(_Scheme):
    """Hands over no state."""

    def solve(self, process, times, x, *, noise, keep):
        return super().solve(process, times, x, noise=noise, keep=Keep(times, times[:0]))


class _LateStates(_Scheme):
    """Hands over, at each node inside, the state of the node after."""

    def solve(self, process, times, x, *, noise, keep):
        def late(node, state):
            if node != 1:
                keep(node if node in (0, len(times) - 1) else node - 1, state)

        return super().solve(process, times, x, noise=noise, keep=late)


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
        (_NoStates(Heun()), "nodes: no state was handed to keep"),
        (_LateStates(Heun()), "nodes: the state at node 1"),
        (_Scheme(Heun(), step=_mixing), "rows: sample 0 depends on the batch"),
    ],
)
def test_solver_contract_finds(scheme, match):
    check_solver(_Scheme(scheme.inner))
    with pytest.raises(AssertionError, match=match):
        check_solver(scheme)
