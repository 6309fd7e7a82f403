"""Fourier features of the time, which networks resolve better than a scalar in [0, 1]."""

from __future__ import annotations

import math
from typing import final

import torch
from torch import Tensor, nn

from interpolants.utils.checks import check, is_number, is_whole


@final
class TimeEmbedding(nn.Module):
    """The features (t, sin w_1 t, ..., sin w_m t, cos w_1 t, ..., cos w_m t), m = features / 2.

    The frequencies w_i are geometric from pi (half a period over [0, 1], so that no two times
    share their features) to `max_frequency`. Times are not rescaled. With
    `features=0` the output is t alone.

    Args:
        features: number of sines and cosines, even, >= 0.
        max_frequency: largest angular frequency, > pi. The default gives 32 periods over [0, 1],
            which separates times that are 1/1000 apart.

    Raises:
        ValueError: if an argument is out of range.
    """

    frequencies: Tensor

    def __init__(self, *, features: int, max_frequency: float = 64 * math.pi) -> None:
        super().__init__()
        check(
            is_whole(features) and features >= 0 and features % 2 == 0,
            "TimeEmbedding.features",
            "an even whole number >= 0",
            features,
        )
        check(
            is_number(max_frequency) and max_frequency > math.pi,
            "TimeEmbedding.max_frequency",
            "a number > pi",
            max_frequency,
        )
        self.out_features = features + 1
        self._largest = max_frequency
        self.register_buffer("frequencies", self._exact().float(), persistent=False)

    def _exact(self) -> Tensor:
        exponents = torch.linspace(0, 1, self.out_features // 2, dtype=torch.float64)
        return math.pi * (self._largest / math.pi) ** exponents

    def forward(self, t: Tensor) -> Tensor:
        """Embed times.

        Args:
            t: 0-d, or shape (B,).

        Returns:
            Shape (1, features + 1) for a 0-d time, else (B, features + 1).
        """
        t = t.reshape(-1, 1)
        if self.out_features == 1:
            return t
        # In half precision an angle would be wrong by up to a radian.
        half = self.frequencies.dtype.itemsize < 4
        frequencies = self._exact().to(t.device, torch.float32) if half else self.frequencies
        angles = t * frequencies
        return torch.cat((t, angles.sin(), angles.cos()), dim=1)
