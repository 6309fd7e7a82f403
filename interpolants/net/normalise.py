"""Normalisation of image networks."""

from __future__ import annotations

import math

from torch import nn


def normalise(channels: int) -> nn.GroupNorm:
    """Group normalisation with at least 8 channels in a group and at most 32 groups."""
    return nn.GroupNorm(channels // 8 if channels <= 256 else math.gcd(channels, 32), channels)
