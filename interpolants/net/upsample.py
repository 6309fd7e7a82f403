"""Upsampling of maps."""

from __future__ import annotations

from typing import final

from torch import Tensor, nn
from torch.nn.functional import interpolate


@final
class Upsample(nn.Module):
    """Nearest-neighbour upsampling by two, then a convolution."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, channels, 3, padding=1)

    def forward(self, x: Tensor, condition: Tensor) -> Tensor:
        """(B, C, H, W) to (B, C, 2 H, 2 W); the condition is not used."""
        out: Tensor = self.conv(interpolate(x, scale_factor=2.0, mode="nearest"))
        return out
