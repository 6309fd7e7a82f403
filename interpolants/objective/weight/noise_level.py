"""Weight by a power of the noise level, w(t) = level(t)^power."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

from torch import Tensor

from interpolants.interpolant.base import AffineInterpolant, Interpolant
from interpolants.objective.weight.base import Weight
from interpolants.utils.checks import check, check_finite


@final
@dataclass(frozen=True, kw_only=True)
class NoiseLevelWeight(Weight):
    """Power of the path's noise level, which is alpha on a one-sided path, else gamma.

    On `score` and `multiplicative_score`, whose targets grow as 1 / level, power 2 gives the
    denoiser's loss, and power 4 the weighting (sigma^2 s)^2 of arXiv 2510.02730, which power 2
    gives on `denoiser`.

    Args:
        interpolant: the path.
        power: power of the noise level, any finite number.

    Raises:
        ValueError: if the path has no noise.
    """

    interpolant: Interpolant
    power: float = 2.0

    def __post_init__(self) -> None:
        check_finite("NoiseLevelWeight.power", self.power)
        path = self.interpolant
        check(
            path.one_sided or not path.gamma.is_zero,
            "NoiseLevelWeight.interpolant",
            "a path with noise: latent noise gamma > 0, or a one-sided path",
            type(path.gamma).__name__,
            "use another weight, or another interpolant/gamma",
        )

    def value(self, t: Tensor) -> Tensor:
        path = self.interpolant
        if isinstance(path, AffineInterpolant):
            return path.noise_level(path.coefficients(t)).pow(self.power)
        return path.gamma.value(t).pow(self.power)
