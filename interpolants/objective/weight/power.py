"""Weight by powers of t and 1 - t, w(t) = c t^a (1 - t)^b."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

from torch import Tensor

from interpolants.objective.weight.base import Weight
from interpolants.utils.checks import check_finite, check_positive


@final
@dataclass(frozen=True, kw_only=True)
class PowerWeight(Weight):
    """w(t) = c t^a (1 - t)^b: a = b = 1 bounds singular targets, negative powers favour an end.

    Args:
        a: power at the base end, any finite number.
        b: power at the data end, any finite number.
        c: scale, > 0.
    """

    a: float = 1.0
    b: float = 1.0
    c: float = 1.0

    def __post_init__(self) -> None:
        check_finite("PowerWeight.a", self.a)
        check_finite("PowerWeight.b", self.b)
        check_positive("PowerWeight.c", self.c)

    def value(self, t: Tensor) -> Tensor:
        return self.c * t.pow(self.a) * (1 - t).pow(self.b)
