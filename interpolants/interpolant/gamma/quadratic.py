"""gamma(t) = a t (1 - t)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

from torch import Tensor

from interpolants.interpolant.gamma.base import Gamma
from interpolants.utils.checks import check_positive


@final
@dataclass(frozen=True, kw_only=True)
class QuadraticGamma(Gamma):
    """gamma(t) = a t (1 - t), smooth: the velocity carries no score at the ends.

    Args:
        a: scale, > 0; the largest value of gamma is a / 4.
    """

    a: float = 1.0

    def __post_init__(self) -> None:
        check_positive("QuadraticGamma.a", self.a)

    def value(self, t: Tensor) -> Tensor:
        return self.a * t * (1 - t)

    def dot(self, t: Tensor) -> Tensor:
        return self.a * (1 - 2 * t)

    def value_dot(self, t: Tensor) -> Tensor:
        return self.value(t) * self.dot(t)
