"""The linear schedule, a straight line between two values."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

from torch import Tensor

from interpolants.interpolant.schedule.base import Schedule
from interpolants.utils.checks import check_finite


@final
@dataclass(frozen=True, kw_only=True)
class LinearSchedule(Schedule):
    """f(s) = (1 - s) start + s end.

    Args:
        start: the value at s=0, any finite number.
        end: the value at s=1, any finite number.
    """

    start: float
    end: float

    def __post_init__(self) -> None:
        check_finite("LinearSchedule.start", self.start)
        check_finite("LinearSchedule.end", self.end)

    def value(self, s: Tensor) -> Tensor:
        return (1 - s) * self.start + s * self.end

    def integral(self, s: Tensor) -> Tensor:
        return 0.5 * s * (self.start + self.value(s))

    def square_integral(self, s: Tensor) -> Tensor:
        # A form of (f(s)^3 - f(0)^3) / (3 f') without the difference.
        value = self.value(s)
        return s * (value.square() + self.start * value + self.start**2) / 3
