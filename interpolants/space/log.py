"""Logarithms of positive data."""

from __future__ import annotations

import math
from typing import ClassVar, final

import torch
from torch import Tensor

from interpolants.space.base import Space, check_inside
from interpolants.space.positive_map import PositiveMap
from interpolants.utils.shapes import sum_event


@final
class LogSpace(Space):
    """Positive data by their logarithms: y = log(offset + scale x).

    A step of the state multiplies the data by exp(dy), so that samples are positive for any step
    size (Lamperti's transform of geometric Brownian motion). The clamp of the map to
    [low, high] is a projection of samples: `log_slope` leaves it out.

    Args:
        map: to positive numbers; the identity if None.
    """

    multiplicative: ClassVar[bool] = True

    def __init__(self, *, map: PositiveMap | None = None) -> None:
        super().__init__()
        self.map = PositiveMap() if map is None else map

    @property
    def settings(self) -> tuple[object, ...]:
        return (self.map,)

    @property
    def bounds(self) -> tuple[float, float]:
        low = self.map.bound if self.map.low is None else self.map.low
        return low, math.inf if self.map.high is None else self.map.high

    def check(self, x: Tensor) -> None:
        positive = self.map.positive(x)
        inside = (positive > 0) & positive.isfinite()
        fix = "raise the map's offset (space.map.offset), or use space=euclidean"
        rule = f"finite values above {self.map.bound:g}"
        check_inside("LogSpace.map", rule, x, inside, fix)
        low, high = self.bounds
        fix = "change the map's low and high (space.map.low, space.map.high)"
        rule = f"values in [{low:g}, {high:g}]"
        check_inside("LogSpace.map", rule, x, (x >= low) & (x <= high), fix)

    def to_chart(self, x: Tensor) -> Tensor:
        return self.map.positive(x).log()

    def from_chart(self, y: Tensor) -> Tensor:
        return self.map.inverse(torch.exp(y.clamp(*self.map.log_range(y.dtype))))

    def log_slope(self, y: Tensor) -> Tensor:
        return sum_event(y - math.log(self.map.scale))
