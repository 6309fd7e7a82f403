"""Two interleaved half circles."""

from __future__ import annotations

import math
from typing import final

import torch

from interpolants.data.base import Batch, Distribution
from interpolants.utils.checks import check_not_negative, check_positive


@final
class Moons(Distribution):
    """Two noisy interlocking half circles; the label is the half circle.

    With an angle a uniform on [0, pi] they are (cos a, sin a) and (1 - cos a, 1/2 - sin a) plus
    noise, multiplied by `size`, minus 1.

    Args:
        size: radius of the half circles, > 0.
        noise: standard deviation of the noise relative to `size`, >= 0.
        standardize: whether networks see coordinates of mean 0 and standard deviation 1.

    Raises:
        ValueError: if an argument is out of range.
    """

    event_shape = (2,)

    def __init__(
        self, *, size: float = 3.0, noise: float = 0.2, standardize: bool = False
    ) -> None:
        check_positive("Moons.size", size)
        check_not_negative("Moons.noise", noise)
        self.size, self.noise = size, noise
        self.shift, self.scale = self.units(standardize)

    def sample(self, n: int, generator: torch.Generator) -> Batch:
        device = generator.device
        label = torch.randint(2, (n,), generator=generator, device=device)
        angle = math.pi * torch.rand(n, generator=generator, device=device)
        sign = 1 - 2 * label
        x = label + sign * angle.cos()
        y = 0.5 * label + sign * angle.sin()
        noise = self.noise * torch.randn(n, 2, generator=generator, device=device)
        return Batch(self.size * (torch.stack((x, y), dim=1) + noise) - 1, label)
