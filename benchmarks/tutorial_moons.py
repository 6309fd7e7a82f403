"""The moons of the field's two-dimensional tutorials."""

from __future__ import annotations

import math
from typing import final

import torch

from interpolants.data.base import Batch, Distribution


@final
class TutorialMoons(Distribution):
    """Half circles of radius 3 with one uniform shift of [0, 0.6) in both coordinates.

    This is the distribution of torchdyn's `generate_moons(noise=0.2)` times 3 minus 1, which
    torchcfm's tutorials train on, with the angles drawn at random. Its noise lies on a diagonal;
    that of `interpolants.data.moons.Moons` is round.
    """

    event_shape = (2,)

    def __init__(self, *, standardize: bool = True) -> None:
        self.shift, self.scale = self.units(standardize)

    def sample(self, n: int, generator: torch.Generator) -> Batch:
        label = torch.randint(2, (n,), generator=generator)
        angle = math.pi * torch.rand(n, generator=generator)
        sign = 1 - 2 * label
        x = torch.stack((label + sign * angle.cos(), 0.5 * label + sign * angle.sin()), dim=1)
        shift = 0.2 * torch.rand(n, 1, generator=generator)
        return Batch(3 * (x + shift) - 1, label)
