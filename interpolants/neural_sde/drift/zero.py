"""Zero drift."""

from __future__ import annotations

from typing import final

import torch
from torch import Tensor

from interpolants.neural_sde.drift.base import Drift
from interpolants.utils.checks import check_count


@final
class ZeroDrift(Drift):
    """Drift b = 0; the prior is then the driver's process B.

    Args:
        latent: D.
    """

    zeros: Tensor

    def __init__(self, *, latent: int) -> None:
        super().__init__()
        check_count("ZeroDrift.latent", latent)
        self.register_buffer("zeros", torch.zeros(latent), persistent=False)

    def forward(self, t: Tensor, x: Tensor) -> Tensor:
        return torch.zeros_like(x)

    def linear(self) -> tuple[Tensor, Tensor]:
        return self.zeros, self.zeros
