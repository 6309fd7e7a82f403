"""The variance-preserving diffusion as a one-sided path."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

import torch
from torch import Tensor

from interpolants.interpolant.base import OneSidedInterpolant


@final
@dataclass(frozen=True, kw_only=True)
class VariancePreservingInterpolant(OneSidedInterpolant):
    """alpha = sqrt(1 - t^2), beta = t: the Ornstein-Uhlenbeck process at time -log t.

    The path at t=0 is exactly x0, since the process has no finite horizon (arXiv 2303.08797,
    section 5). alpha_dot is infinite at t=1, where the velocity stays finite: learn the denoiser
    or the target mean near that end, or the velocity with antithetic pairs.
    """

    def alpha_beta(self, t: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        alpha = ((1 - t) * (1 + t)).sqrt()
        return alpha, t, -t / alpha, torch.ones_like(t)

    def alpha_alpha_dot(self, t: Tensor) -> Tensor:
        return -t
