"""Concentric circles."""

from __future__ import annotations

import math
from typing import final

import torch

from interpolants.data.base import Batch, Distribution
from interpolants.utils.checks import check_count, check_not_negative, check_positive


@final
class Rings(Distribution):
    """Noisy circles of radii radius/rings, 2 radius/rings, ..., radius, with equal weights.

    The label is the ring, counted from the innermost.

    Args:
        rings: number of circles, a whole number > 0.
        radius: radius of the outermost circle, > 0.
        noise: standard deviation of the noise in each coordinate, >= 0.
        standardize: whether networks see coordinates of mean 0 and standard deviation 1.

    Raises:
        ValueError: if an argument is out of range.
    """

    event_shape = (2,)

    def __init__(
        self,
        *,
        rings: int = 4,
        radius: float = 3.0,
        noise: float = 0.08,
        standardize: bool = False,
    ) -> None:
        check_count("Rings.rings", rings)
        check_positive("Rings.radius", radius)
        check_not_negative("Rings.noise", noise)
        self.rings, self.radius, self.noise = rings, radius, noise
        self.shift, self.scale = self.units(standardize)

    def sample(self, n: int, generator: torch.Generator) -> Batch:
        device = generator.device
        label = torch.randint(self.rings, (n,), generator=generator, device=device)
        angle = 2 * math.pi * torch.rand(n, generator=generator, device=device)
        circle = torch.stack((angle.cos(), angle.sin()), dim=1)
        noise = self.noise * torch.randn(n, 2, generator=generator, device=device)
        return Batch((self.radius / self.rings * (label + 1))[:, None] * circle + noise, label)
