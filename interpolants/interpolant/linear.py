"""The two-sided linear path x_t = (1 - t) x0 + t x1 + gamma(t) z."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

import torch
from torch import Tensor

from interpolants.interpolant.base import AffineInterpolant
from interpolants.interpolant.gamma.base import Gamma
from interpolants.interpolant.gamma.brownian_bridge import BrownianBridgeGamma
from interpolants.utils.shapes import expand_time


@final
@dataclass(frozen=True, kw_only=True)
class LinearInterpolant(AffineInterpolant):
    """alpha = 1 - t, beta = t (arXiv 2303.08797, section 4).

    Args:
        gamma: level of the latent noise.
    """

    gamma: Gamma = BrownianBridgeGamma()

    def alpha_beta(self, t: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        one = torch.ones_like(t)
        return 1 - t, t, -one, one

    def interpolate(self, t: Tensor, x0: Tensor, x1: Tensor) -> tuple[Tensor, Tensor]:
        t = expand_time(t, x1)
        mean = torch.addcmul((1 - t) * x0, t, x1)
        # The same numbers as by products with -1 and 1, by one operation for four.
        return mean, x1.to(mean.dtype) - x0.to(mean.dtype)
