"""Features of the gap between two times, for networks of flow maps."""

from __future__ import annotations

import math
from typing import final

import torch
from torch import Tensor, nn

from interpolants.net.embedding import TimeEmbedding

# Derivatives by the second time are part of the losses of maps, and the longest jumps are rare
# among training pairs: high frequencies would magnify errors of the former and of the latter.
_FREQUENCIES, _LARGEST = 8, 2 * math.pi


@final
class GapEmbedding(nn.Module):
    """A learned combination of (h, sin w_1 h, ..., cos w_1 h - 1, ...), h the gap of two times.

    It is zero at h = 0, so that a map at two equal times is an ordinary network. It starts at zero
    everywhere: a map of trained weights begins as Euler steps with their velocity.

    Args:
        features: number of outputs, those of the time embedding that it is added to.
    """

    weight: nn.Parameter

    def __init__(self, features: int) -> None:
        super().__init__()
        self.gap = TimeEmbedding(features=_FREQUENCIES, max_frequency=_LARGEST)
        self.weight = nn.Parameter(torch.zeros(features, self.gap.out_features))

    def forward(self, h: Tensor) -> Tensor:
        """Embed gaps, 0-d or (B,), as (1, features) or (B, features)."""
        sines, cosines = self.gap(h).tensor_split([1 + _FREQUENCIES // 2], dim=1)
        at = torch.cat((sines, cosines - 1), dim=1)
        return at.to(self.weight.dtype) @ self.weight.T
