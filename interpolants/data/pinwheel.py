"""Pinwheel of Gaussian arms."""

from __future__ import annotations

import math
from typing import final

import torch

from interpolants.data.base import Batch, Distribution
from interpolants.utils.checks import check_count, check_finite, check_positive


@final
class Pinwheel(Distribution):
    """Stretched Gaussians, rotated by an angle that grows with the radius; the label is the arm.

    A point (r, s) of arm k, with r ~ N(1, radial_std^2) and s ~ N(0, tangential_std^2), is rotated
    by 2 pi k / arms + twist exp(r) and multiplied by 2 (Johnson et al., 2016,
    https://arxiv.org/abs/1603.06277).

    Args:
        arms: number of arms, a whole number > 0.
        radial_std: standard deviation along an arm, > 0.
        tangential_std: standard deviation across an arm, > 0.
        twist: rate of rotation, any sign.
        standardize: whether networks see coordinates of mean 0 and standard deviation 1.

    Raises:
        ValueError: if an argument is out of range.
    """

    event_shape = (2,)

    def __init__(
        self,
        *,
        arms: int = 5,
        radial_std: float = 0.3,
        tangential_std: float = 0.1,
        twist: float = 0.25,
        standardize: bool = False,
    ) -> None:
        check_count("Pinwheel.arms", arms)
        check_positive("Pinwheel.radial_std", radial_std)
        check_positive("Pinwheel.tangential_std", tangential_std)
        check_finite("Pinwheel.twist", twist)
        self.arms, self.twist = arms, twist
        self.radial_std, self.tangential_std = radial_std, tangential_std
        self.shift, self.scale = self.units(standardize)

    def sample(self, n: int, generator: torch.Generator) -> Batch:
        device = generator.device
        label = torch.randint(self.arms, (n,), generator=generator, device=device)
        r, s = torch.randn(2, n, generator=generator, device=device)
        r, s = 1 + self.radial_std * r, self.tangential_std * s
        angle = 2 * math.pi / self.arms * label + self.twist * r.exp()
        cos, sin = angle.cos(), angle.sin()
        return Batch(2 * torch.stack((r * cos - s * sin, r * sin + s * cos), dim=1), label)
