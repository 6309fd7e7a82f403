"""Diffusion of each coordinate as a function of that coordinate."""

from __future__ import annotations

import math
from typing import final

import torch
from torch import Tensor, nn
from torch.nn.functional import softplus

from interpolants.neural_sde.diffusion.base import Diffusion
from interpolants.utils.checks import check_count, check_positive


@final
class CoordinateDiffusion(Diffusion):
    """Diffusion sigma_d = softplus(c + f_d(x_d)), with one hidden tanh layer per coordinate.

    The equation is understood in the sense of Stratonovich; solve it with Heun's method.

    Args:
        latent: D.
        value: initial value of sigma, > 0.
        hidden: width of each hidden layer.

    Raises:
        ValueError: if an argument is out of range.
    """

    def __init__(self, *, latent: int, value: float = 1.0, hidden: int = 32) -> None:
        super().__init__()
        check_count("CoordinateDiffusion.latent", latent)
        check_positive("CoordinateDiffusion.value", value)
        check_count("CoordinateDiffusion.hidden", hidden)
        self.slope = nn.Parameter(torch.randn(latent, hidden))
        self.shift = nn.Parameter(torch.randn(latent, hidden))
        self.weight = nn.Parameter(torch.zeros(latent, hidden))
        # softplus maps this to `value`.
        self.level = nn.Parameter(torch.full((latent,), value + math.log(-math.expm1(-value))))

    def forward(self, t: Tensor, x: Tensor) -> Tensor:
        inner = torch.tanh(torch.addcmul(self.shift, x.unsqueeze(-1), self.slope))
        return softplus(self.level + (inner * self.weight).sum(dim=-1))
