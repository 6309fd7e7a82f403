"""Eight Gaussians on a circle."""

from __future__ import annotations

import math
from typing import final

import torch

from interpolants.data.base import Batch, Distribution
from interpolants.utils.checks import check_positive


@final
class EightGaussians(Distribution):
    """Equal isotropic Gaussians at the angles 0, pi/4, ..., 7 pi/4; the label is the mode.

    Each coordinate has mean 0 and variance radius^2 / 2 + std^2.

    Args:
        radius: distance of the modes from the origin, > 0.
        std: standard deviation of each mode in each coordinate, > 0. The default is the fourth
            root of 0.1, a common choice in papers on flow matching.
        standardize: whether networks see coordinates of mean 0 and standard deviation 1.

    Raises:
        ValueError: if the radius or the standard deviation is not positive.
    """

    event_shape = (2,)

    def __init__(
        self, *, radius: float = 5.0, std: float = 0.1**0.25, standardize: bool = False
    ) -> None:
        check_positive("EightGaussians.radius", radius)
        check_positive("EightGaussians.std", std)
        self.radius, self.std = radius, std
        self.shift, self.scale = self.units(standardize)

    def sample(self, n: int, generator: torch.Generator) -> Batch:
        device = generator.device
        label = torch.randint(8, (n,), generator=generator, device=device)
        angle = math.pi / 4 * label
        centre = self.radius * torch.stack((angle.cos(), angle.sin()), dim=1)
        noise = torch.randn(n, 2, generator=generator, device=device)
        return Batch(centre + self.std * noise, label)
