"""A Swiss roll in the plane."""

from __future__ import annotations

import math
from typing import final

import torch

from interpolants.data.base import Batch, Distribution
from interpolants.utils.checks import check_not_negative


@final
class SwissRoll(Distribution):
    """A noisy spiral: a (cos a, sin a) for a uniform on [3 pi / 2, 9 pi / 2].

    It is scikit-learn's Swiss roll seen along its flat direction.

    Args:
        noise: standard deviation of the noise, >= 0; the turns are 2 pi apart.
        standardize: whether networks see coordinates of mean 0 and standard deviation 1.

    Raises:
        ValueError: if the noise is negative.
    """

    event_shape = (2,)

    def __init__(self, *, noise: float = 0.5, standardize: bool = False) -> None:
        check_not_negative("SwissRoll.noise", noise)
        self.noise = noise
        self.shift, self.scale = self.units(standardize)

    def sample(self, n: int, generator: torch.Generator) -> Batch:
        device = generator.device
        angle = 1.5 * math.pi * (1 + 2 * torch.rand(n, generator=generator, device=device))
        curve = torch.stack((angle * angle.cos(), angle * angle.sin()), dim=1)
        return Batch(curve + self.noise * torch.randn(n, 2, generator=generator, device=device))
