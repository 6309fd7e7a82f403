"""Constant diffusion."""

from __future__ import annotations

import math
from typing import final

import torch
from torch import Tensor, nn

from interpolants.neural_sde.diffusion.base import Diffusion
from interpolants.utils.checks import check_count, check_positive


@final
class ConstantDiffusion(Diffusion):
    """Diffusion with one constant sigma for each coordinate.

    Args:
        latent: D.
        value: sigma > 0; its initial value if learned.
        learnable: whether it is learned.

    Raises:
        ValueError: if an argument is out of range.
    """

    def __init__(self, *, latent: int, value: float = 1.0, learnable: bool = True) -> None:
        super().__init__()
        check_count("ConstantDiffusion.latent", latent)
        check_positive("ConstantDiffusion.value", value)
        self.log_value = nn.Parameter(torch.full((latent,), math.log(value)), learnable)

    def forward(self, t: Tensor, x: Tensor) -> Tensor:
        return self.log_value.exp()

    def constant(self) -> Tensor | None:
        return self.log_value.exp()
