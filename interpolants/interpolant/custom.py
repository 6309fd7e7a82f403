"""Paths defined by a user's function."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import final

import torch
from torch import Tensor

from interpolants.interpolant.base import Interpolant
from interpolants.interpolant.gamma.base import Gamma
from interpolants.interpolant.gamma.brownian_bridge import BrownianBridgeGamma
from interpolants.utils.shapes import expand_time


@final
@dataclass(frozen=True, kw_only=True)
class CustomInterpolant(Interpolant):
    """x_t = I(t, x0, x1) + gamma(t) z for any differentiable I; dI/dt by forward-mode autodiff.

    Args:
        function: I(t, x0, x1), with times that broadcast against data of shape (B, *event). It
            must return that shape, treat the samples of a batch separately, and satisfy
            I(0, x0, x1) = x0 and I(1, x0, x1) = x1.
        gamma: level of the latent noise.
    """

    function: Callable[[Tensor, Tensor, Tensor], Tensor]
    gamma: Gamma = BrownianBridgeGamma()

    def interpolate(self, t: Tensor, x0: Tensor, x1: Tensor) -> tuple[Tensor, Tensor]:
        time = expand_time(t, x1)
        # Samples are separate, so one tangent of ones gives each sample's derivative.
        derivative = torch.func.jvp(
            lambda s: self.function(s, x0, x1), (time,), (torch.ones_like(time),)
        )
        return derivative[0], derivative[1]
