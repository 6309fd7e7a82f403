"""The two-sided path x_t = cos(pi t / 2) x0 + sin(pi t / 2) x1 + gamma(t) z."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

from torch import Tensor

from interpolants.interpolant.base import AffineInterpolant
from interpolants.interpolant.gamma.base import Gamma
from interpolants.interpolant.gamma.brownian_bridge import BrownianBridgeGamma
from interpolants.interpolant.trigonometry import quarter_turn


@final
@dataclass(frozen=True, kw_only=True)
class TrigonometricInterpolant(AffineInterpolant):
    """alpha = cos(pi t / 2), beta = sin(pi t / 2) (arXiv 2303.08797, table of section 4).

    Args:
        gamma: level of the latent noise.
    """

    gamma: Gamma = BrownianBridgeGamma()

    def alpha_beta(self, t: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        return quarter_turn(t)
