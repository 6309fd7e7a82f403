"""The diffusion of a prior, sigma(t, x)."""

from __future__ import annotations

import abc

from torch import Tensor, nn


class Diffusion(nn.Module, abc.ABC):
    """sigma > 0 of each coordinate alone, which multiplies the driver's motion of it.

    Built as `diffusion(latent=D)`. Prior and posterior share it.
    """

    @abc.abstractmethod
    def forward(self, t: Tensor, x: Tensor) -> Tensor:
        """sigma, broadcastable to x, (B, D); t is 0-d."""

    def constant(self) -> Tensor | None:
        """sigma, (D,), where it is the same at all times and states; None where it is not."""
        return None
