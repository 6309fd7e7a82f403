"""The drift of a prior, b(t, x)."""

from __future__ import annotations

import abc

from torch import Tensor, nn


class Drift(nn.Module, abc.ABC):
    """b, of (t, x) with x (B, D); built as `drift(latent=D)`."""

    @abc.abstractmethod
    def forward(self, t: Tensor, x: Tensor) -> Tensor:
        """The drift, (B, D); t is 0-d."""

    @abc.abstractmethod
    def linear(self) -> tuple[Tensor, Tensor]:
        """rate >= 0 and level, (D,) each, of its linear part rate (level - x)."""
