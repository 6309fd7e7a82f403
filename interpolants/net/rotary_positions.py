"""Rotary position embedding on a grid."""

from __future__ import annotations

from typing import final

import torch
from torch import Tensor, nn


@final
class RotaryPositions(nn.Module):
    """Rotation of queries and keys by their positions, so that products depend on distances.

    Half of the pairs of channels are rotated by row * w_i, half by column * w_i, with w_i
    geometric from 1 to about 1/100 (axial; Heo et al., arXiv 2403.13298).

    Args:
        rows, columns: size of the grid.
        head_channels: channels of an attention head, a multiple of 4.
    """

    cosines: Tensor
    sines: Tensor

    def __init__(self, rows: int, columns: int, head_channels: int) -> None:
        super().__init__()
        count = head_channels // 4
        frequencies = 100.0 ** (-torch.arange(count, dtype=torch.float64) / count)
        places = torch.cartesian_prod(torch.arange(rows), torch.arange(columns))
        angles = (places[:, :, None] * frequencies).flatten(1)
        self.register_buffer("cosines", angles.cos().float(), persistent=False)
        self.register_buffer("sines", angles.sin().float(), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """Rotate (B, heads, rows * columns, head_channels), whose tokens are ordered by rows."""
        first, second = x.chunk(2, dim=-1)
        turned = (
            first * self.cosines - second * self.sines,
            first * self.sines + second * self.cosines,
        )
        return torch.cat(turned, dim=-1).to(x.dtype)
