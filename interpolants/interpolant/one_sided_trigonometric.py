"""The one-sided path x_t = cos(pi t / 2) x0 + sin(pi t / 2) x1, also known as GVP."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

from torch import Tensor

from interpolants.interpolant.base import OneSidedInterpolant
from interpolants.interpolant.trigonometry import quarter_turn


@final
@dataclass(frozen=True, kw_only=True)
class OneSidedTrigonometricInterpolant(OneSidedInterpolant):
    """alpha = cos(pi t / 2), beta = sin(pi t / 2): unit variance between whitened ends."""

    def alpha_beta(self, t: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        return quarter_turn(t)
