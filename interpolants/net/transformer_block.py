"""Block of a diffusion transformer."""

from __future__ import annotations

from typing import final

import torch
from torch import Tensor, nn

from interpolants.net.attention import attend
from interpolants.net.layers import layers, scaled


def modulated(x: Tensor, scale: Tensor, shift: Tensor) -> Tensor:
    """Modulate tokens (B, N, C) as (1 + scale) x + shift, with vectors (B or 1, C)."""
    return torch.addcmul(shift[:, None], x, 1 + scale[:, None])


@final
class TransformerBlock(nn.Module):
    """Attention and a perceptron, each scaled, shifted and gated by a condition.

    x + gate f((1 + scale) LayerNorm(x) + shift), twice, with gates that are initially
    zero, so that the block is the identity (adaLN-zero: Peebles and Xie, arXiv 2212.09748).

    Args:
        channels: channels of a token.
        head_channels: channels of an attention head; divides the channels.
        features: length of the conditioning vector.
    """

    def __init__(self, channels: int, head_channels: int, features: int) -> None:
        super().__init__()
        self.head_channels = head_channels
        self.condition = nn.Linear(features, 6 * channels)
        scaled(self.condition, 0.0)
        self.norm_attention = nn.LayerNorm(channels, elementwise_affine=False)
        self.take = nn.Linear(channels, 3 * channels)
        self.give = nn.Linear(channels, channels)
        self.norm_mlp = nn.LayerNorm(channels, elementwise_affine=False)
        self.mlp = layers([channels, 4 * channels, channels], "gelu")

    def forward(self, x: Tensor, condition: Tensor, positions: nn.Module) -> Tensor:
        """Map tokens (B, N, C) and features (B or 1, F) to tokens; `positions` rotates q and k."""
        parts = self.condition(condition).chunk(6, dim=1)
        seen = self._attend(modulated(self.norm_attention(x), *parts[:2]), positions)
        x = torch.addcmul(x, parts[2][:, None], seen)
        made = self.mlp(modulated(self.norm_mlp(x), *parts[3:5]))
        return torch.addcmul(x, parts[5][:, None], made)

    def _attend(self, x: Tensor, positions: nn.Module) -> Tensor:
        batch, tokens, channels = x.shape
        parts = self.take(x).view(batch, tokens, 3, -1, self.head_channels)
        q, k, v = parts.permute(2, 0, 3, 1, 4).unbind()
        seen = attend(positions(q), positions(k), v).transpose(1, 2)
        out: Tensor = self.give(seen.reshape(batch, tokens, channels))
        return out
