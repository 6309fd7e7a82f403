"""The encoder-decoder path: x0 becomes noise by t=1/2, and x1 is decoded from it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar, final

import torch
from torch import Tensor

from interpolants.interpolant.base import AffineInterpolant
from interpolants.interpolant.gamma.base import Gamma
from interpolants.interpolant.gamma.sine_squared import SineSquaredGamma
from interpolants.utils.checks import check


@final
@dataclass(frozen=True, kw_only=True)
class EncoderDecoderInterpolant(AffineInterpolant):
    """alpha = cos^2(pi t) on t < 1/2, beta = cos^2(pi t) on t > 1/2, each zero elsewhere.

    With gamma = sin^2(pi t) the distribution at t = 1/2 is exactly N(0, Id), for any base and data
    (arXiv 2303.08797, section 4). alpha and beta are never both positive, so the mean of x1 given
    x_t does not follow from velocity and denoiser.

    Args:
        gamma: level of the latent noise, positive at t = 1/2.
    """

    gamma: Gamma = SineSquaredGamma()
    determinate: ClassVar[bool] = False

    def __post_init__(self) -> None:
        check(
            not self.gamma.is_zero,
            "EncoderDecoderInterpolant.gamma",
            "a gamma that is positive inside (0, 1)",
            self.gamma,
            "without noise every path passes through the origin at t=1/2",
        )

    def alpha_beta(self, t: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        level = torch.cos(math.pi * t).square()
        slope = -math.pi * torch.sin(2 * math.pi * t)
        first, zero = t < 0.5, torch.zeros_like(t)
        alpha, alpha_dot = torch.where(first, level, zero), torch.where(first, slope, zero)
        beta, beta_dot = torch.where(first, zero, level), torch.where(first, zero, slope)
        return alpha, beta, alpha_dot, beta_dot
