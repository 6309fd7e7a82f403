"""Block of a U-Net with optional attention."""

from __future__ import annotations

from typing import final

from torch import Tensor, nn

from interpolants.net.map_attention import MapAttention
from interpolants.net.residual_block import ResidualBlock


@final
class Stage(nn.Module):
    """Residual block, with attention after it if requested.

    Args:
        channels_in, channels_out, features, dropout: as of `ResidualBlock`.
        head_channels: as of `MapAttention`; None for no attention.
    """

    def __init__(
        self,
        channels_in: int,
        channels_out: int,
        features: int,
        dropout: float,
        head_channels: int | None,
    ) -> None:
        super().__init__()
        self.block = ResidualBlock(channels_in, channels_out, features, dropout)
        self.attention = (
            nn.Identity() if head_channels is None else MapAttention(channels_out, head_channels)
        )

    def forward(self, x: Tensor, condition: Tensor) -> Tensor:
        """(B, C, H, W) and features (B or 1, F) to (B, C', H, W)."""
        out: Tensor = self.attention(self.block(x, condition))
        return out
