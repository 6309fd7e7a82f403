"""What the noise of an equation drives it with: dX = drift dt + diffusion dB, for a motion B.

A driver is Markov in its own states, S numbers for each coordinate of X, so that one exact step of
any length gives the increment of B. Like a solver it splits its work: `table` holds what depends
on the lengths of the steps alone, in float64 on the host, and `step` is a pure function of
tensors. The loop is the package's own.

A control u, constant over a step, changes dW into dW + u dt wherever W appears. That is a shift
of the step's normals z by u R_0, with R^T R the covariance of a step and R_0 its column of W.
"""

from __future__ import annotations

import abc
from typing import NamedTuple

import torch
from torch import Tensor, nn

from interpolants.utils.checks import check


class Increment(NamedTuple):
    """One step of a driver.

    Attributes:
        state: the states after it, (*shape, S).
        motion: B(t + h) - B(t), (*shape).
    """

    state: Tensor
    motion: Tensor


class Forecast(NamedTuple):
    """What is known at a time t of the motion, for m times t + tau_j ahead.

    It is of X(t + tau_j) from X(t) = 0 with dX = -decay X dt + dB: without a decay, of
    B(t + tau_j) - B(t). Shapes have (N,) in front if it is seen from N times t.

    Attributes:
        change: its mean is the inner product of this with the states at t, (m, S) or (D, m, S).
        response: what dW at t adds to it, (m,) or (D, m).
        covariance: of all m, given the states at t, (m, m) or (D, m, m).
    """

    change: Tensor
    response: Tensor
    covariance: Tensor


class Driver(nn.Module, abc.ABC):
    """A motion B with B(0) = 0, of one Wiener process W for each coordinate.

    A coordinate is one number of `shape`, (B, *event). Where there is one Hurst index for each,
    the last axis of the event has them.

    Attributes:
        states: S, how many numbers a coordinate carries beside X.
    """

    states: int

    @abc.abstractmethod
    def readout(self) -> Tensor:
        """What turns changes of the states into increments of B, float64, (S,) or (D, S).

        It depends on the Hurst index and is computed once for many steps, not in each.
        """

    @abc.abstractmethod
    def rates(self) -> Tensor:
        """The speeds at which the states are forgotten, float64, (K,)."""

    @abc.abstractmethod
    def omega_bar(self) -> Tensor:
        """The white part: d[B] = omega_bar^2 dt, float64, () or (D,)."""

    @abc.abstractmethod
    def covariance(self, s: Tensor, t: Tensor) -> Tensor:
        """Cov(B(s), B(t)) in closed form; s and t of one shape, float64: (*s) or (D, *s)."""

    @abc.abstractmethod
    def start_from(self, normals: Tensor) -> Tensor:
        """States at t=0 from standard normals, (*shape, S): they have their law if these have.

        Linear in the normals; some may have no effect.
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
        """What steps of given lengths need, float64.

        Args:
            h: lengths > 0, float64, (N,).

        Returns:
            Shape (N, 3 + M, 1 + S); a step takes M normals for each coordinate. Row 2 has its
            length; the last M rows are R, with the column of W first.
        """

    @abc.abstractmethod
    def single_noise_table(self, h: Tensor) -> Tensor:
        """As `table` with M = 1: the states follow from the increment of W alone.

        Of second order in law, and stable at any length. The normal is W's increment over
        sqrt(h), so that one Brownian path can be followed at several numbers of steps.
        """

    @abc.abstractmethod
    def step(self, table: Tensor, readout: Tensor, state: Tensor, z: Tensor) -> Increment:
        """One step.

        Args:
            table: one step of a table, (3 + M, 1 + S), where and as precise as the state.
            readout: of `readout`, likewise.
            state: (*shape, S).
            z: standard normals, (*shape, M).
        """

    @abc.abstractmethod
    def forecast(self, rates: Tensor, readout: Tensor, tau: Tensor, decay: Tensor) -> Forecast:
        """What the states tell of the motion to come.

        Args:
            rates: of `rates`, where and as precise as `tau`.
            readout: of `readout`, likewise.
            tau: how far ahead, ascending, (m,); or the same m times seen from N others, (N, m).
                What lies behind, < 0, is taken for 0.
            decay: rate at which the equation forgets, >= 0, () or (D,); 0 for the motion itself.
        """


def check_lengths(where: str, h: Tensor) -> None:
    """Require lengths of steps above zero."""
    check(bool((h > 0).all()), where, "steps of length > 0", float(h.min()))


def contract(values: Tensor, weights: Tensor) -> Tensor:
    """Sums of values (*shape, S) with weights (S,), or (D, S) of the last axis of the shape."""
    return values @ weights if weights.dim() == 1 else (values * weights).sum(dim=-1)
