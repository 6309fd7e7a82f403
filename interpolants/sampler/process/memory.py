"""Processes with memory: each coordinate carries hidden states beside X."""

from __future__ import annotations

import abc
from typing import ClassVar

import torch
from torch import Tensor

from interpolants.fields.conversions import Combination
from interpolants.sampler.plan import TimeCoefficients
from interpolants.sampler.process.base import FieldProcess


class MemoryProcess(FieldProcess):
    """A process that is linear and Gaussian but for D = E[x1 | the networks' input for its state].

    The state has shape (B, *event, 1 + K), X first. With D held over a step its distribution is
    known in closed form: `LinearGaussian` draws from it. Its `drift` is D.
    """

    noise_type: ClassVar[str] = "memory"

    @property
    @abc.abstractmethod
    def states(self) -> int:
        """K."""

    @abc.abstractmethod
    def steps(self, times: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Coefficients of state' = M state + d D + c + R^T z between times (N + 1,), float64.

        Returns:
            M, (N, 1 + K, 1 + K); d and c, (N, 1 + K); R, (N, 1 + K, 1 + K).
        """

    def log_ratio(self, times: Tensor) -> Tensor | None:
        """The clock in which D is extrapolated over each step, of times' shape; None if it is not.

        As of `interpolants.sampler.process.target_mean`.
        """
        return None

    @abc.abstractmethod
    def seen(self, c: TimeCoefficients, state: Tensor) -> tuple[TimeCoefficients, Tensor]:
        """The coefficients of the fields, and the state that the networks see, (B, *event)."""

    def drift(self, t: Tensor, x: Tensor) -> Tensor:
        return self.drift_at(self.coefficients(t).unbind(-1), x)

    def drift_at(self, c: TimeCoefficients, x: Tensor) -> Tensor:
        """D, (B, *event), of a state."""
        return super().drift_at(*self.seen(c, x))

    def combination(self, t: Tensor) -> Combination:
        return self.fields.combination("target_mean", t)

    def encode(self, x: Tensor) -> Tensor:
        return torch.cat([x.unsqueeze(-1), x.new_zeros(*x.shape, self.states)], dim=-1)

    def decode(self, state: Tensor) -> Tensor:
        return state[..., 0]
