"""An S-shaped curve in the plane."""

from __future__ import annotations

import math
from typing import final

import torch

from interpolants.data.base import Batch, Distribution
from interpolants.utils.checks import check_not_negative


@final
class SCurve(Distribution):
    """A noisy S: (sin a, sign(a) (cos a - 1)) for a uniform on [-3 pi / 2, 3 pi / 2].

    It is scikit-learn's S curve seen along its flat direction.

    Args:
        noise: standard deviation of the noise, >= 0; the curve is two units wide.
        standardize: whether networks see coordinates of mean 0 and standard deviation 1.

    Raises:
        ValueError: if the noise is negative.
    """

    event_shape = (2,)

    def __init__(self, *, noise: float = 0.1, standardize: bool = False) -> None:
        check_not_negative("SCurve.noise", noise)
        self.noise = noise
        self.shift, self.scale = self.units(standardize)

    def sample(self, n: int, generator: torch.Generator) -> Batch:
        device = generator.device
        angle = 3 * math.pi * (torch.rand(n, generator=generator, device=device) - 0.5)
        curve = torch.stack((angle.sin(), angle.sign() * (angle.cos() - 1)), dim=1)
        return Batch(curve + self.noise * torch.randn(n, 2, generator=generator, device=device))
