"""Logits of data between two bounds."""

from __future__ import annotations

import math
from typing import final

import torch
from torch import Tensor
from torch.nn import functional

from interpolants.space.base import Space, check_inside
from interpolants.utils.checks import check, check_finite
from interpolants.utils.shapes import sum_event


@final
class LogitSpace(Space):
    """Data in (low, high) by y = log((x - low) / (high - x)).

    Args:
        low, high: the bounds, which no value of the data reaches; low < high.

    Raises:
        ValueError: if the bounds are not finite or not in order.
    """

    def __init__(self, *, low: float = 0.0, high: float = 1.0) -> None:
        super().__init__()
        check_finite("LogitSpace.low", low)
        check_finite("LogitSpace.high", high)
        check(low < high, "LogitSpace.high", f"a number > low = {low}", high)
        self.low, self.high = low, high

    @property
    def settings(self) -> tuple[object, ...]:
        return self.low, self.high

    @property
    def bounds(self) -> tuple[float, float]:
        return self.low, self.high

    def check(self, x: Tensor) -> None:
        fix = "move low and high apart (space.low, space.high), or use space=euclidean"
        inside = (x > self.low) & (x < self.high)
        check_inside("LogitSpace", f"values inside ({self.low}, {self.high})", x, inside, fix)

    def to_chart(self, x: Tensor) -> Tensor:
        return (x - self.low).log() - (self.high - x).log()

    def from_chart(self, y: Tensor) -> Tensor:
        limits, width = torch.finfo(y.dtype), self.high - self.low
        # A lower bound of 0 is approached down to the smallest normal numbers of the precision.
        least = math.log(4 * limits.tiny) - min(0.0, math.log(width))
        x = self.low + width * torch.sigmoid(y.clamp(least, -math.log(limits.eps)))
        low, high = y.new_tensor(self.low), y.new_tensor(self.high)
        return x.clamp(torch.nextafter(low, high), torch.nextafter(high, low))

    def log_slope(self, y: Tensor) -> Tensor:
        width = math.log(self.high - self.low)
        return sum_event(functional.logsigmoid(y) + functional.logsigmoid(-y) + width)
