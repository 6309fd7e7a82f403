"""Features of a guidance scale and its interval, for networks of guided flow maps."""

from __future__ import annotations

import math
from typing import final

import torch
from torch import Tensor, nn

from interpolants.net.embedding import TimeEmbedding

_FREQUENCIES, _LARGEST = 8, 4 * math.pi


@final
class GuidanceEmbedding(nn.Module):
    """A learned combination of log(scale) times features of the scale and of both times.

    It is zero at a scale of 1, which is no guidance, and starts at zero everywhere.

    Args:
        features: number of outputs, those of the time embedding that it is added to.
    """

    weight: nn.Parameter

    def __init__(self, features: int) -> None:
        super().__init__()
        self.each = TimeEmbedding(features=_FREQUENCIES, max_frequency=_LARGEST)
        self.weight = nn.Parameter(torch.zeros(features, 1 + 3 * self.each.out_features))

    def forward(self, guidance: Tensor) -> Tensor:
        """Embed scales and intervals, (B, 3) as of `Condition.guidance`, as (B, features)."""
        scale, first, last = guidance.unbind(dim=1)
        level = scale.log()[:, None]
        parts = [torch.ones_like(level), self.each(level), self.each(first), self.each(last)]
        return (level * torch.cat(parts, dim=1)).to(self.weight.dtype) @ self.weight.T
