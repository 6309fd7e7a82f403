"""Drivers: noise processes B of equations dX = drift dt + diffusion dB.

A driver is a Markov process in S states for each coordinate of X, so that one exact step of any
length gives the increment of B. `table` holds what depends only on the lengths of the steps, in
float64 on the host, and `step` is a pure function of tensors, as in solvers.

A control u, constant over a step, changes dW into dW + u dt. That shifts the step's normals z by
u R_0, with R^T R the covariance of a step and R_0 its column of W.
"""

from __future__ import annotations

import abc
from typing import NamedTuple

import torch
from torch import Tensor, nn

from interpolants.utils.checks import check


class Increment(NamedTuple):
    """Result of one step of a driver.

    Attributes:
        state: the states after the step, (*shape, S).
        noise: B(t + h) - B(t), (*shape).
    """

    state: Tensor
    noise: Tensor


class Forecast(NamedTuple):
    """Conditional moments of a mean-reverting process at m later times, given the driver's states.

    The process is dX = -decay X dt + dB with X(t) = 0, at times t + tau_j; for decay = 0 it is
    B(t + tau_j) - B(t). Shapes have a leading (N,) for N times t.

    Attributes:
        change: its inner product with the states at t is the mean, (m, S) or (D, m, S).
        response: derivative of X(t + tau_j) in dW at t, (m,) or (D, m).
        covariance: covariance of the m values given the states at t, (m, m) or (D, m, m).
    """

    change: Tensor
    response: Tensor
    covariance: Tensor


class Driver(nn.Module, abc.ABC):
    """Noise process B with B(0) = 0, driven by one Wiener process W for each coordinate.

    A coordinate is one number of `shape`, (B, *event). If each has its own Hurst index, they are
    on the last axis of the event.

    Attributes:
        states: S, the number of states of a coordinate beside X.
    """

    states: int

    @abc.abstractmethod
    def readout(self) -> Tensor:
        """Weights that turn changes of the states into increments of B, float64, (S,) or (D, S).

        They depend on the Hurst index and are computed once for many steps.
        """

    @abc.abstractmethod
    def rates(self) -> Tensor:
        """Decay rates of the states, float64, (K,)."""

    @abc.abstractmethod
    def omega_bar(self) -> Tensor:
        """Amplitude of the white part of dB, float64, () or (D,): d[B] = omega_bar^2 dt."""

    @abc.abstractmethod
    def covariance(self, s: Tensor, t: Tensor) -> Tensor:
        """Covariance of B(s) and B(t) in closed form, for s and t of one shape, float64.

        It has shape (*s) or (D, *s).
        """

    @abc.abstractmethod
    def start_from(self, normals: Tensor) -> Tensor:
        """States at t=0 as a linear function of standard normals, (*shape, S).

        Some of the normals may have no effect.
        """

    def start(
        self,
        shape: tuple[int, ...],
        generator: torch.Generator,
        *,
        dtype: torch.dtype = torch.float32,
    ) -> Tensor:
        """States at t=0, (*shape, S), on the generator's device."""
        normals = torch.randn(
            *shape, self.states, generator=generator, dtype=torch.float64, device=generator.device
        )
        return self.start_from(normals).to(dtype)

    @abc.abstractmethod
    def table(self, h: Tensor) -> Tensor:
        """Coefficients of steps of the lengths h, float64.

        Args:
            h: lengths > 0, float64, (N,).

        Returns:
            Shape (N, 3 + M, 1 + S); a step takes M normals for each coordinate. Row 2 has its
            length; the last M rows are R, with the column of W first.
        """

    @abc.abstractmethod
    def single_noise_table(self, h: Tensor) -> Tensor:
        """Coefficients of steps with one normal each: `table` with M = 1.

        The states follow from the increment of W only, with weak order 2 and stably at any length.
        The normal is W's increment over sqrt(h), so that one Brownian path can be followed at
        several numbers of steps.
        """

    @abc.abstractmethod
    def step(self, table: Tensor, readout: Tensor, state: Tensor, z: Tensor) -> Increment:
        """Advance the states by one step.

        Args:
            table: one step of a table, (3 + M, 1 + S), of the state's device and dtype.
            readout: result of `readout`, likewise.
            state: (*shape, S).
            z: standard normals, (*shape, M).
        """

    @abc.abstractmethod
    def forecast(self, rates: Tensor, readout: Tensor, tau: Tensor, decay: Tensor) -> Forecast:
        """Conditional moments of later values, given the states.

        Args:
            rates: result of `rates`, of `tau`'s device and dtype.
            readout: result of `readout`, likewise.
            tau: time differences, ascending, (m,), or those of m times from N others, (N, m).
                Negative ones count as 0.
            decay: rate of mean reversion of the equation, >= 0, () or (D,); 0 for B itself.
        """


def check_lengths(where: str, h: Tensor) -> None:
    """Require step lengths above zero."""
    check(bool((h > 0).all()), where, "steps of length > 0", float(h.min()))


def contract(values: Tensor, weights: Tensor) -> Tensor:
    """Weighted sums of values (*shape, S), by weights (S,), or (D, S) with D the last of shape."""
    return values @ weights if weights.dim() == 1 else (values * weights).sum(dim=-1)
