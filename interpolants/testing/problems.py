"""Equations with known solutions, on which orders of convergence are measured."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar, final

import torch
from torch import Tensor

from interpolants.data.gaussian_mixture import GaussianMixture
from interpolants.fields.fields import Fields
from interpolants.interpolant.one_sided_linear import OneSidedLinearInterpolant
from interpolants.sampler.epsilon.kl_optimal import KLOptimalEpsilon
from interpolants.sampler.plan import TimeCoefficients
from interpolants.sampler.process.base import Process
from interpolants.sampler.process.forward_sde import ForwardSDE
from interpolants.sampler.process.probability_flow import ProbabilityFlow
from interpolants.testing.exact import ExactFields


@dataclass(frozen=True, kw_only=True)
class ExactFlow:
    """An equation without noise, where it starts, and where it must arrive.

    Attributes:
        process: the equation.
        span: first and last time.
        start, end: states at those times, (1, D).
    """

    process: Process
    span: tuple[float, float]
    start: Tensor
    end: Tensor


def logistic_flow(noise_type: str) -> ExactFlow:
    """x' = (1 + t) x (1 - x), with noise of size zero where the scheme wants an SDE."""
    start = torch.tensor([[0.1]], dtype=torch.float64)
    end = torch.sigmoid(torch.logit(start) + 1.5)
    return ExactFlow(process=_Logistic(noise_type), span=(0.0, 1.0), start=start, end=end)


def gaussian_flow() -> ExactFlow:
    """The probability flow of x_t = (1 - t) x0 + t x1 with normal x1, away from both ends.

    For schemes that need a path: standardised states do not move.
    """
    mean, std = (1.0, -0.5), 0.6
    base = GaussianMixture(means=[[0.0, 0.0]], std=1.0)
    target = GaussianMixture(means=[mean], std=std)
    path, predicts = OneSidedLinearInterpolant(), ("target_mean",)
    net = ExactFields(base=base, target=target, interpolant=path, predicts=predicts)
    fields = Fields(net=net, interpolant=path, predicts=predicts)
    span, m, u = (0.1, 0.9), *torch.tensor([[mean], [(1.3, 0.4)]], dtype=torch.float64)
    start, end = (t * m + math.hypot(1 - t, t * std) * u for t in span)
    return ExactFlow(process=ProbabilityFlow(fields=fields), span=span, start=start, end=end)


@dataclass(frozen=True, kw_only=True)
class GaussianSDE:
    """A linear SDE, where it runs, and the variance of every coordinate at both ends.

    Attributes:
        process: the equation, of mean zero.
        span: first and last time.
        variances: at those times.
    """

    process: Process
    span: tuple[float, float]
    variances: tuple[float, float]


def reversed_gaussian(dim: int) -> GaussianSDE:
    """The reversal of x_t = (1 - t) x0 + t x1 with normal x1, away from both ends.

    For schemes that need a path.
    """
    base, target = (GaussianMixture(means=[[0.0] * dim], std=std) for std in (1.0, 0.6))
    path, predicts = OneSidedLinearInterpolant(), ("target_mean",)
    net = ExactFields(base=base, target=target, interpolant=path, predicts=predicts)
    fields = Fields(net=net, interpolant=path, predicts=predicts)
    first, last = (((1 - t) ** 2 + (0.6 * t) ** 2) for t in (0.1, 0.9))
    process = ForwardSDE(fields=fields, epsilon=KLOptimalEpsilon())
    return GaussianSDE(process=process, span=(0.1, 0.9), variances=(first, last))


@final
class _Logistic(Process):
    def __init__(self, noise_type: str) -> None:
        self.noise_type = noise_type  # type: ignore[misc]

    def drift(self, t: Tensor, x: Tensor) -> Tensor:
        return (1 + t) * x * (1 - x)

    def diffusion(self, t: Tensor) -> Tensor:
        return torch.zeros_like(t)


@final
class Breathing(Process):
    """dX = a(t) X dt + g(t) dW with a and g such that Var X(t) = 1 + sin(3t) / 2."""

    noise_type: ClassVar[str] = "additive"

    def drift(self, t: Tensor, x: Tensor) -> Tensor:
        rate = 1.5 * torch.cos(3 * t) - (1 + t)
        return rate / (2 + torch.sin(3 * t)) * x

    def diffusion(self, t: Tensor) -> Tensor:
        return (1 + t).sqrt()


@final
class Turning(Process):
    """dX = rate (1 + t) sin(X) dt + noise (1 + t^2) / 2 dW.

    Args:
        rate: size of the drift; 0 leaves a Gaussian process.
        noise: size of the diffusion; where it is large, the terms that a nonlinear drift makes
            of the noise show alone.
    """

    noise_type: ClassVar[str] = "additive"

    def __init__(self, *, rate: float = 1.0, noise: float = 1.0) -> None:
        self.rate, self.noise = rate, noise

    def drift(self, t: Tensor, x: Tensor) -> Tensor:
        return self.rate * (1 + t) * torch.sin(x)

    def diffusion(self, t: Tensor) -> Tensor:
        return 0.5 * self.noise * (1 + t.square())

    @property
    def variance(self) -> float:
        """The integral of the squared diffusion over [0, 1]."""
        return self.noise**2 * 7 / 15


@dataclass(frozen=True, kw_only=True)
class _Chart:
    """x = F(y), with F' and F'' as functions of x."""

    forward: Callable[[Tensor], Tensor]
    inverse: Callable[[Tensor], Tensor]
    slope: Callable[[Tensor], Tensor]
    curvature: Callable[[Tensor], Tensor]


_CHARTS = {
    "additive": _Chart(
        forward=lambda y: y,
        inverse=lambda x: x,
        slope=torch.ones_like,
        curvature=torch.zeros_like,
    ),
    "geometric": _Chart(
        forward=torch.exp, inverse=torch.log, slope=lambda x: x, curvature=lambda x: x
    ),
    "diagonal": _Chart(
        forward=torch.sinh,
        inverse=torch.asinh,
        slope=lambda x: torch.asinh(x).cosh(),
        curvature=lambda x: x,
    ),
}


@final
class Charted(Process):
    """X = F(Y) of an additive dY = b dt + g dW, by Ito's formula

        dX = (b F'(Y) + g^2 F''(Y) / 2) dt + g F'(Y) dW

    Args:
        noise_type: of X; F is the identity where it is "additive", exp where it is "geometric",
            sinh where it is "diagonal".
        inner: the equation of Y.
    """

    def __init__(self, noise_type: str, inner: Turning) -> None:
        self.noise_type = noise_type  # type: ignore[misc]
        self.inner = inner
        self._chart = _CHARTS[noise_type]

    def forward(self, y: Tensor) -> Tensor:
        """X of Y."""
        return self._chart.forward(y)

    def inverse(self, x: Tensor) -> Tensor:
        """Y of X."""
        return self._chart.inverse(x)

    def drift(self, t: Tensor, x: Tensor) -> Tensor:
        drift = self._chart.slope(x) * self.inner.drift(t, self.inverse(x))
        half_square = 0.5 * self.inner.diffusion(t).square()
        return drift + half_square * self._chart.curvature(x)

    def diffusion(self, t: Tensor) -> Tensor:
        return self.inner.diffusion(t)

    def diffusion_at(self, c: TimeCoefficients, x: Tensor) -> Tensor:
        return self.diffusion(c[0]) * self._chart.slope(x)
