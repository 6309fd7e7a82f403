"""Precomputed normals: for tests, for coupling two runs, or your own."""

from __future__ import annotations

from typing import final

from torch import Tensor

from interpolants.sampler.noise.base import Noise
from interpolants.utils.checks import check


@final
class FixedNoise(Noise):
    """Normals from a tensor.

    Args:
        normals: shape (num_steps, channels, B, *event), on the device of the state.
    """

    def __init__(self, normals: Tensor) -> None:
        self.normals = normals

    def rows(self, first: int, last: int) -> Noise:
        return FixedNoise(self.normals[:, :, first:last])

    def draw(self, step: int, count: int, channels: int, like: Tensor) -> Tensor:
        expected = (channels, *like.shape)
        got, end = tuple(self.normals.shape), step + count
        enough = end <= got[0] and got[1:] == expected
        check(enough, "FixedNoise.normals", f"shape (at least {end}, *{expected})", got)
        return self.normals[step:end]
