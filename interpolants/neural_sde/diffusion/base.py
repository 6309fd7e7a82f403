"""Diffusion coefficients sigma(t, x) of a prior."""

from __future__ import annotations

import abc

from torch import Tensor, nn


class Diffusion(nn.Module, abc.ABC):
    """Diffusion coefficient sigma > 0 of each coordinate, which multiplies its noise dB.

    Built as `diffusion(latent=D)`. Prior and posterior share it.
    """

    @abc.abstractmethod
    def forward(self, t: Tensor, x: Tensor) -> Tensor:
        """Return sigma, broadcastable to x, (B, D); t is 0-d."""

    def constant(self) -> Tensor | None:
        """Value of sigma, (D,), if it depends on neither time nor state, else None."""
        return None
