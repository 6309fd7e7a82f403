"""gamma(t) as a difference of two sigmoids, flat in the middle."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import final

import torch
from torch import Tensor

from interpolants.interpolant.gamma.base import Gamma
from interpolants.utils.checks import check_positive


@final
@dataclass(frozen=True, kw_only=True)
class SigmoidDifferenceGamma(Gamma):
    """gamma(t) = a [ S(u + 1) - S(u - 1) - c ], u = f (t - 1/2), S the logistic sigmoid.

    The constant c = S(1 - f/2) - S(-1 - f/2) makes both ends zero. The slope there is small, so
    the velocity hardly carries the score at the ends (arXiv 2303.08797, section 7).

    Args:
        a: scale, > 0.
        f: steepness, > 0.
    """

    a: float = 1.0
    f: float = 10.0

    def __post_init__(self) -> None:
        check_positive("SigmoidDifferenceGamma.a", self.a)
        check_positive("SigmoidDifferenceGamma.f", self.f)

    def value(self, t: Tensor) -> Tensor:
        offset = _sigmoid(1 - self.f / 2) - _sigmoid(-1 - self.f / 2)
        # The level is even about t = 1/2; folding t makes both ends the same number, zero.
        u = self.f * (torch.minimum(t, 1 - t) - 0.5)
        return self.a * (torch.sigmoid(u + 1) - torch.sigmoid(u - 1) - offset).clamp(min=0)

    def dot(self, t: Tensor) -> Tensor:
        u = self.f * (t - 0.5)
        upper, lower = torch.sigmoid(u + 1), torch.sigmoid(u - 1)
        return self.a * self.f * (upper * (1 - upper) - lower * (1 - lower))

    def value_dot(self, t: Tensor) -> Tensor:
        return self.value(t) * self.dot(t)


def _sigmoid(u: float) -> float:
    return 1 / (1 + math.exp(-u))
