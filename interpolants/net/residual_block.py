"""Residual block of a U-Net."""

from __future__ import annotations

from typing import final

import torch
from torch import Tensor, nn
from torch.nn.functional import silu

from interpolants.net.layers import scaled
from interpolants.net.normalise import normalise


@final
class ResidualBlock(nn.Module):
    """x + Conv(act((1 + scale) Norm(Conv(act(Norm(x)))) + shift)), modulated by a condition.

    The last convolution is initially zero, so that the block equals its shortcut (Dhariwal and
    Nichol, arXiv 2105.05233, appendix A).

    Args:
        channels_in, channels_out: multiples of 8; a shortcut of 1 x 1 joins two that differ.
        features: of the condition.
        dropout: share of the last convolution's inputs left out in training.
    """

    def __init__(self, channels_in: int, channels_out: int, features: int, dropout: float) -> None:
        super().__init__()
        self.norm_in = normalise(channels_in)
        self.conv_in = nn.Conv2d(channels_in, channels_out, 3, padding=1)
        self.condition = nn.Linear(features, 2 * channels_out)
        self.norm_out = normalise(channels_out)
        self.dropout = nn.Dropout(dropout)
        self.conv_out = nn.Conv2d(channels_out, channels_out, 3, padding=1)
        same = channels_in == channels_out
        self.shortcut = nn.Identity() if same else nn.Conv2d(channels_in, channels_out, 1)
        scaled(self.conv_out, 0.0)

    def forward(self, x: Tensor, condition: Tensor) -> Tensor:
        """(B, C, H, W) and features (B or 1, F) to (B, C', H, W)."""
        h = self.conv_in(silu(self.norm_in(x)))
        scale, shift = self.condition(condition)[..., None, None].chunk(2, dim=1)
        h = torch.addcmul(shift, self.norm_out(h), 1 + scale)
        out: Tensor = self.shortcut(x) + self.conv_out(self.dropout(silu(h)))
        return out
