"""The variance-exploding diffusion as a one-sided path."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar, final

import torch
from torch import Tensor

from interpolants.interpolant.base import OneSidedInterpolant
from interpolants.utils.checks import check, check_positive, is_number


@final
@dataclass(frozen=True, kw_only=True)
class VarianceExplodingInterpolant(OneSidedInterpolant):
    """alpha = sigma_max^(1-t) sigma_min^t, beta = 1: x_t = x1 + alpha(t) x0.

    The ends are approximate: the path at t=0 is sigma_max x0 + x1, while sampling starts from
    sigma_max x0; at t=1 noise of level sigma_min is left, which the final denoising step removes.

    Args:
        sigma_max: noise level at t=0, well above the spread of the (scaled) data.
        sigma_min: noise level at t=1, > 0 and below sigma_max.
    """

    sigma_max: float = 20.0
    sigma_min: float = 0.005
    exact_ends: ClassVar[bool] = False

    def __post_init__(self) -> None:
        check_positive("VarianceExplodingInterpolant.sigma_min", self.sigma_min)
        check(
            is_number(self.sigma_max) and self.sigma_max > self.sigma_min,
            "VarianceExplodingInterpolant.sigma_max",
            f"a number above sigma_min = {self.sigma_min}",
            self.sigma_max,
        )

    def alpha_beta(self, t: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        rate = math.log(self.sigma_min / self.sigma_max)
        alpha = self.sigma_max * torch.exp(rate * t)
        return alpha, torch.ones_like(t), rate * alpha, torch.zeros_like(t)
