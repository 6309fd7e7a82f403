"""The mirror path x_t = x1 + gamma(t) z: data to data, through noise."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, final

import torch
from torch import Tensor

from interpolants.interpolant.base import AffineInterpolant
from interpolants.interpolant.gamma.base import Gamma
from interpolants.interpolant.gamma.brownian_bridge import BrownianBridgeGamma
from interpolants.utils.checks import check


@final
@dataclass(frozen=True, kw_only=True)
class MirrorInterpolant(AffineInterpolant):
    """alpha = 0, beta = 1: both ends are the data (arXiv 2303.08797, section 3).

    The velocity is gamma_dot times the denoiser, so the denoiser is the only field to learn. The
    probability flow returns its input; the SDE moves it, the further the larger epsilon.

    Args:
        gamma: level of the latent noise, positive inside (0, 1).
    """

    gamma: Gamma = BrownianBridgeGamma()
    is_mirror: ClassVar[bool] = True
    determinate: ClassVar[bool] = False

    def __post_init__(self) -> None:
        check(
            not self.gamma.is_zero,
            "MirrorInterpolant.gamma",
            "a gamma that is positive inside (0, 1)",
            self.gamma,
            "without noise the path never leaves the data",
        )

    def alpha_beta(self, t: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        zero = torch.zeros_like(t)
        return zero, torch.ones_like(t), zero, zero
