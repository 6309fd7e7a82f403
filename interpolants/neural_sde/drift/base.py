"""Drifts b(t, x) of a prior."""

from __future__ import annotations

import abc

from torch import Tensor, nn


class Drift(nn.Module, abc.ABC):
    """Drift b(t, x) for x (B, D), built as `drift(latent=D)`."""

    @abc.abstractmethod
    def forward(self, t: Tensor, x: Tensor) -> Tensor:
        """Return b, (B, D); t is 0-d."""

    @abc.abstractmethod
    def linear(self) -> tuple[Tensor, Tensor]:
        """Linear part rate (level - x): rate >= 0 and level, (D,) each."""
