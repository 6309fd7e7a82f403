"""Self-attention that has all derivatives."""

from __future__ import annotations

from typing import final

import torch
from torch import Tensor, nn
from torch.autograd import forward_ad
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.nn.functional import scaled_dot_product_attention

from interpolants.net.layers import scaled
from interpolants.net.normalise import normalise


def attend(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    """softmax(q k^T / sqrt(d)) v, each (B, heads, tokens, d).

    The fused kernels have no forward-mode derivative, so the kernel of plain products is used
    under one. Second derivatives by reverse mode need `sdpa_kernel(SDPBackend.MATH)` around the
    network, as the divergences of this package put there.
    """
    if forward_ad._current_level < 0:
        return scaled_dot_product_attention(q, k, v)
    with sdpa_kernel(SDPBackend.MATH):
        return scaled_dot_product_attention(q, k, v)


@final
class MapAttention(nn.Module):
    """x + Linear(attention(GroupNorm(x))) over the pixels of maps (B, C, H, W).

    Args:
        channels: C.
        head_channels: channels of a head; all in one head if it does not divide C.
    """

    def __init__(self, channels: int, head_channels: int) -> None:
        super().__init__()
        self.heads = channels // head_channels if channels % head_channels == 0 else 1
        self.norm = normalise(channels)
        self.take = nn.Conv2d(channels, 3 * channels, 1)
        self.give = nn.Conv2d(channels, channels, 1)
        scaled(self.give, 0.0)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) to the same."""
        batch, channels, height, width = x.shape
        parts = self.take(self.norm(x)).view(batch, 3, self.heads, -1, height * width)
        q, k, v = parts.transpose(3, 4).unbind(1)
        seen = attend(q, k, v).transpose(2, 3).reshape(batch, channels, height, width)
        return torch.add(x, self.give(seen))
