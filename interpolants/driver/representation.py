"""Laws of fractional Brownian motion, and what fitting a Markov process to one needs.

With a = H + 1/2 and one Wiener process W, both are integrals of (t - s)^(H - 1/2) / Gamma(a) dW,
and differ in whether the noise of s < 0 is remembered. A bank of Ornstein-Uhlenbeck processes

    dY_k = -gamma_k Y_k dt + dW,    Bhat(t) = sum_k omega_k (Y_k(t) - Y_k(0))

approximates B on [0, T] by the omega that minimise int_0^T E (B - Bhat)^2 dt. In units of T, with
x = gamma T, that is A(x, x) w = b(x), and c is the integral of E B^2: see `weights`.
"""

from __future__ import annotations

import abc
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor


@dataclass(frozen=True, kw_only=True)
class Representation(abc.ABC):
    """A type of fractional Brownian motion; the Hurst index is given to each method.

    A Hurst index has any shape (*H), and values in (0, 1).

    Args:
        normalize: scale the motion to Var B(1) = 1. Otherwise it has the variance of the
            integral, which depends on H, and so then does the size of any noise that it drives.

    Attributes:
        has_past: whether the noise of t < 0 is remembered.
    """

    normalize: bool
    has_past: ClassVar[bool]

    @abc.abstractmethod
    def integral_variance(self, hurst: Tensor) -> Tensor:
        """Var B(1) before any scaling, (*H)."""

    @abc.abstractmethod
    def integral_covariance(self, s: Tensor, t: Tensor, hurst: Tensor) -> Tensor:
        """Cov(B(s), B(t)) before any scaling, all broadcast; s, t >= 0."""

    @abc.abstractmethod
    def gram(self, x: Tensor) -> Tensor:
        """A: the integral over [0, 1] of E Y_i Y_j, less starts, at speeds x: (K,) to (K, K)."""

    @abc.abstractmethod
    def overlap(self, x: Tensor, hurst: Tensor) -> Tensor:
        """b: the integral over [0, 1] of E B Y_k before any scaling, (*H, K)."""

    @abc.abstractmethod
    def start_covariance(self, gammas: Tensor) -> Tensor:
        """Covariance of the bank at t=0, (K, K)."""

    @abc.abstractmethod
    def ou_covariance(self, omega: Tensor, gammas: Tensor, s: Tensor, t: Tensor) -> Tensor:
        """Cov(Bhat(s), Bhat(t)), in closed form.

        Args:
            omega: (*H, K).
            gammas: (K,), > 0.
            s, t: times >= 0 of one shape.

        Returns:
            Shape (*H, *s.shape).
        """

    def energy(self, hurst: Tensor) -> Tensor:
        """c: the integral over [0, 1] of E B^2 before any scaling, (*H)."""
        return self.integral_variance(hurst) / (2 * hurst + 1)

    def amplitude(self, hurst: Tensor) -> Tensor:
        """What the integral is multiplied by, (*H)."""
        if not self.normalize:
            return torch.ones_like(hurst)
        return self.integral_variance(hurst).rsqrt()

    def covariance(self, s: Tensor, t: Tensor, hurst: Tensor) -> Tensor:
        """Cov(B(s), B(t)), all broadcast; s, t >= 0."""
        return self.amplitude(hurst).square() * self.integral_covariance(s, t, hurst)
