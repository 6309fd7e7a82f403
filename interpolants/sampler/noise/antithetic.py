"""Normals in pairs of opposite sign."""

from __future__ import annotations

from collections.abc import Callable
from typing import final

import torch
from torch import Tensor

from interpolants.sampler.noise.base import Noise
from interpolants.sampler.noise.generator import GeneratorNoise
from interpolants.utils.checks import check


@final
class AntitheticNoise(Noise):
    """The second half of a batch gets minus the normals of the first.

    Averages over pairs that start alike lose the part of their variance that is odd in the noise.
    Raises a ValueError where a batch is odd, or is a later part of a larger one.

    Args:
        generator: of the source.
        source: makes the first half's source, as `source(generator)`.
    """

    def __init__(
        self,
        generator: torch.Generator | None = None,
        *,
        source: Callable[[torch.Generator | None], Noise] = GeneratorNoise,
    ) -> None:
        self._source = source(generator)
        self.ahead = self._source.ahead

    def draw(self, step: int, count: int, channels: int, like: Tensor) -> Tensor:
        batch = len(like)
        check(batch % 2 == 0, "AntitheticNoise.draw.like", "an even number of samples", batch)
        normals = self._source.draw(step, count, channels, like[: batch // 2])
        return torch.cat((normals, -normals), dim=2)

    def rows(self, first: int, last: int) -> Noise:
        fix = "integrate the whole batch at once (chunk_size)"
        rule = "0, as a pair lies half a batch apart"
        check(first == 0, "AntitheticNoise.rows.first", rule, first, fix)
        return self
