"""The constant schedule f(s) = c."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

import torch
from torch import Tensor

from interpolants.interpolant.schedule.base import Schedule
from interpolants.utils.checks import check_finite


@final
@dataclass(frozen=True, kw_only=True)
class ConstantSchedule(Schedule):
    """f(s) = c.

    Args:
        c: the value, any finite number.
    """

    c: float

    def __post_init__(self) -> None:
        check_finite("ConstantSchedule.c", self.c)

    def value(self, s: Tensor) -> Tensor:
        return torch.full_like(s, self.c)

    def integral(self, s: Tensor) -> Tensor:
        return self.c * s

    def square_integral(self, s: Tensor) -> Tensor:
        return self.c**2 * s
