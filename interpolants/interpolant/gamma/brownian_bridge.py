"""gamma(t) = sqrt(a t (1 - t)), the standard deviation of a Brownian bridge."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

from torch import Tensor

from interpolants.interpolant.gamma.base import Gamma
from interpolants.utils.checks import check_positive


@final
@dataclass(frozen=True, kw_only=True)
class BrownianBridgeGamma(Gamma):
    """gamma(t) = sqrt(a t (1 - t)); gamma * gamma_dot = a (1 - 2t) / 2.

    With a = 1 it is the noise of the Brownian bridge; with a = 2 the linear path keeps unit
    variance between two whitened ends (arXiv 2303.08797, section 4). The derivative is infinite
    at both ends.

    Args:
        a: variance scale, > 0; the largest value of gamma is sqrt(a) / 2.
    """

    a: float = 1.0

    def __post_init__(self) -> None:
        check_positive("BrownianBridgeGamma.a", self.a)

    def value(self, t: Tensor) -> Tensor:
        return (self.a * t * (1 - t)).sqrt()

    def dot(self, t: Tensor) -> Tensor:
        return self.value_and_dot(t)[1]

    def value_dot(self, t: Tensor) -> Tensor:
        return 0.5 * self.a - self.a * t

    def value_and_dot(self, t: Tensor) -> tuple[Tensor, Tensor]:
        value = self.value(t)
        return value, self.value_dot(t) / value
