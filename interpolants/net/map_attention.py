"""Self-attention over the pixels of maps."""

from __future__ import annotations

from typing import final

from torch import Tensor, nn

from interpolants.net.attention import attend
from interpolants.net.layers import scaled
from interpolants.net.normalise import normalise
from interpolants.utils.checks import check_count


@final
class MapAttention(nn.Module):
    """x + Linear(attention(GroupNorm(x))) over the pixels of maps (B, C, H, W).

    Args:
        channels: C.
        head_channels: channels of a head; all in one head if it does not divide C.
    """

    def __init__(self, channels: int, head_channels: int) -> None:
        super().__init__()
        check_count("MapAttention.head_channels", head_channels)
        self.heads = channels // head_channels if channels % head_channels == 0 else 1
        self.norm = normalise(channels)
        self.take = nn.Conv2d(channels, 3 * channels, 1)
        self.give = nn.Conv2d(channels, channels, 1)
        scaled(self.give, 0.0)

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, C, H, W) to the same shape."""
        batch, channels, height, width = x.shape
        parts = self.take(self.norm(x)).view(batch, 3, self.heads, -1, height * width)
        q, k, v = parts.transpose(3, 4).unbind(1)
        seen = attend(q, k, v).transpose(2, 3).reshape(batch, channels, height, width)
        out: Tensor = x + self.give(seen)
        return out
