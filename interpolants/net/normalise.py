"""The normalisation of image networks."""

from __future__ import annotations

import math

from torch import nn


def normalise(channels: int) -> nn.GroupNorm:
    """Normalisation over groups of at least 8 channels, at most 32 groups."""
    return nn.GroupNorm(channels // 8 if channels <= 256 else math.gcd(channels, 32), channels)
