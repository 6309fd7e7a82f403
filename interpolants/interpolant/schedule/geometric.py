"""The geometric schedule, which grows by a constant factor per unit of time."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import final

import torch
from torch import Tensor

from interpolants.interpolant.schedule.base import Schedule
from interpolants.utils.checks import check_positive


@final
@dataclass(frozen=True, kw_only=True)
class GeometricSchedule(Schedule):
    """f(s) = start^(1-s) end^s, the noise of variance-exploding diffusions.

    Args:
        start: the value at s=0, > 0.
        end: the value at s=1, > 0.
    """

    start: float
    end: float

    def __post_init__(self) -> None:
        check_positive("GeometricSchedule.start", self.start)
        check_positive("GeometricSchedule.end", self.end)

    def value(self, s: Tensor) -> Tensor:
        return self.start * torch.exp(self._rate * s)

    def integral(self, s: Tensor) -> Tensor:
        return self.start * _exponential_integral(self._rate, s)

    def square_integral(self, s: Tensor) -> Tensor:
        return self.start**2 * _exponential_integral(2 * self._rate, s)

    @property
    def _rate(self) -> float:
        return math.log(self.end / self.start)


def _exponential_integral(rate: float, s: Tensor) -> Tensor:
    """int_0^s exp(rate u) du."""
    return s if rate == 0 else torch.expm1(rate * s) / rate
