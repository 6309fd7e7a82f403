"""Downsampling of maps."""

from __future__ import annotations

from typing import final

from torch import Tensor, nn


@final
class Downsample(nn.Module):
    """Strided convolution that halves the rows and columns."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, channels, 3, stride=2, padding=1)

    def forward(self, x: Tensor, condition: Tensor) -> Tensor:
        """(B, C, H, W) to (B, C, H / 2, W / 2); the condition is not used."""
        out: Tensor = self.conv(x)
        return out
