"""Normals from one torch generator, in the order of the steps."""

from __future__ import annotations

from typing import final

import torch
from torch import Tensor

from interpolants.sampler.noise.base import Noise


@final
class GeneratorNoise(Noise):
    """Draws each step anew, a few steps at once: what a step gets does not depend on how many.

    Args:
        generator: on the device of the state; None draws from torch's global state.
    """

    ahead = 16

    def __init__(self, generator: torch.Generator | None = None) -> None:
        self.generator = generator

    def draw(self, step: int, count: int, channels: int, like: Tensor) -> Tensor:
        normals = like.new_empty(count, channels, *like.shape)
        # One step after the other: what a step gets must not depend on how many are drawn.
        for each in normals:
            each.normal_(generator=self.generator)
        return normals
