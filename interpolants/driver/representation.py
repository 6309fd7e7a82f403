"""Representations of fractional Brownian motion, and integrals for Markov approximations.

With a = H + 1/2 and one Wiener process W, both types are integrals of
(t - s)^(H - 1/2) / Gamma(a) dW; type I (Mandelbrot-Van Ness) includes the noise of s < 0, type II
(Riemann-Liouville) does not. A sum of Ornstein-Uhlenbeck (OU) processes

    dY_k = -gamma_k Y_k dt + dW,    Bhat(t) = sum_k omega_k (Y_k(t) - Y_k(0))

approximates B on [0, T] with the omega that minimise int_0^T E (B - Bhat)^2 dt. In units of T,
with x = gamma T, these solve A(x, x) w = b(x), and c is the integral of E B^2: see `weights`.
"""

from __future__ import annotations

import abc
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor


@dataclass(frozen=True, kw_only=True)
class Representation(abc.ABC):
    """Type of fractional Brownian motion, with the Hurst index an argument of each method.

    A Hurst index may have any shape (*H), and has values in (0, 1).

    Args:
        normalize: scale the process to Var B(1) = 1. Otherwise it has the variance of the
            integral, which depends on H.

    Attributes:
        has_past: whether B depends on the noise of t < 0.
    """

    normalize: bool
    has_past: ClassVar[bool]

    @abc.abstractmethod
    def integral_variance(self, hurst: Tensor) -> Tensor:
        """Variance of B(1) without scaling, (*H)."""

    @abc.abstractmethod
    def integral_covariance(self, s: Tensor, t: Tensor, hurst: Tensor) -> Tensor:
        """Covariance of B(s) and B(t) without scaling, all broadcast; s, t >= 0."""

    @abc.abstractmethod
    def gram(self, x: Tensor) -> Tensor:
        """Matrix A of integrals of E dY_i dY_j over [0, 1], dY = Y - Y(0), speeds x: (K, K)."""

    @abc.abstractmethod
    def overlap(self, x: Tensor, hurst: Tensor) -> Tensor:
        """Vector b of integrals of E B Y_k over [0, 1] without scaling, (*H, K)."""

    @abc.abstractmethod
    def start_covariance(self, gammas: Tensor) -> Tensor:
        """Covariance of the OU processes at t=0, (K, K)."""

    @abc.abstractmethod
    def ou_covariance(self, omega: Tensor, gammas: Tensor, s: Tensor, t: Tensor) -> Tensor:
        """Covariance of Bhat(s) and Bhat(t) in closed form.

        Args:
            omega: (*H, K).
            gammas: (K,), > 0.
            s, t: times >= 0 of one shape.

        Returns:
            Shape (*H, *s.shape).
        """

    def energy(self, hurst: Tensor) -> Tensor:
        """Integral c of E B^2 over [0, 1] without scaling, (*H)."""
        return self.integral_variance(hurst) / (2 * hurst + 1)

    def amplitude(self, hurst: Tensor) -> Tensor:
        """Factor that scales the integral, (*H)."""
        if not self.normalize:
            return torch.ones_like(hurst)
        return self.integral_variance(hurst).rsqrt()

    def covariance(self, s: Tensor, t: Tensor, hurst: Tensor) -> Tensor:
        """Covariance of B(s) and B(t), all broadcast; s, t >= 0."""
        return self.amplitude(hurst).square() * self.integral_covariance(s, t, hurst)
