"""Affine maps of data to positive numbers."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import final

import torch
from torch import Tensor

from interpolants.utils.checks import check, check_finite, check_positive


@final
@dataclass(frozen=True, kw_only=True)
class PositiveMap:
    """p = offset + scale x, and back x = (p - offset) / scale, clamped to [low, high].

    Pixels in [0, 1] become numbers in [1, 2] by `offset=1, low=0, high=1`; the clamp turns samples
    of a model into valid images.

    Args:
        offset: any number; 0 for data that are positive as they are.
        scale: > 0.
        low, high: bounds that x is clamped to, or None; p is positive at both.

    Raises:
        ValueError: if a number is out of range.
    """

    offset: float = 0.0
    scale: float = 1.0
    low: float | None = None
    high: float | None = None

    def __post_init__(self) -> None:
        check_finite("PositiveMap.offset", self.offset)
        check_positive("PositiveMap.scale", self.scale)
        for name, bound in (("low", self.low), ("high", self.high)):
            if bound is not None:
                check_finite(f"PositiveMap.{name}", bound)
                fits = self.offset + self.scale * bound > 0
                rule = f"a number above -offset / scale = {self.bound:g}"
                check(fits, f"PositiveMap.{name}", rule, bound, "raise the offset")
        if self.low is not None and self.high is not None:
            above = self.low < self.high
            check(above, "PositiveMap.high", f"a number > low = {self.low}", self.high)

    @property
    def bound(self) -> float:
        """Lower bound of x, -offset / scale."""
        return (0.0 - self.offset) / self.scale

    def positive(self, x: Tensor) -> Tensor:
        """p of x: offset + scale x."""
        return self.offset + self.scale * x

    def inverse(self, p: Tensor) -> Tensor:
        """x of p: (p - offset) / scale, clamped to [low, high]."""
        x = (p - self.offset) / self.scale
        return x if self.low is None and self.high is None else x.clamp(self.low, self.high)

    def log_range(self, dtype: torch.dtype) -> tuple[float, float]:
        """Range of log p within which p survives `inverse` and `positive` in a precision.

        There p is not lost to rounding of the offset, and nothing under- or overflows.
        """
        limits = torch.finfo(dtype)
        least = max(limits.tiny * max(1.0, self.scale), limits.eps * abs(self.offset))
        most = limits.max * min(1.0, self.scale)
        return math.log(least) + math.log(4), math.log(most) - math.log(4)
