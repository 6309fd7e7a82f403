"""A diffusivity proportional to the noise level of the path."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

import torch
from torch import Tensor

from interpolants.interpolant.base import Coefficients, Interpolant
from interpolants.sampler.epsilon.base import Epsilon
from interpolants.utils.checks import check, check_positive


@final
@dataclass(frozen=True, kw_only=True)
class NoiseLevelEpsilon(Epsilon):
    """epsilon = c gamma, or c alpha on a one-sided path: epsilon times the score is -c denoiser.

    Args:
        c: factor, > 0.
    """

    c: float = 1.0

    def __post_init__(self) -> None:
        check_positive("NoiseLevelEpsilon.c", self.c)

    def value(self, t: Tensor, c: Coefficients, level: Tensor) -> Tensor:
        return self.c * level

    def ratio(self, t: Tensor, c: Coefficients, level: Tensor) -> Tensor:
        return torch.full_like(t, self.c)

    def check(self, path: Interpolant) -> None:
        check(
            path.one_sided or not path.gamma.is_zero,
            "NoiseLevelEpsilon",
            "a one-sided path or one with latent noise gamma > 0",
            type(path).__name__,
            "use sampler/epsilon=sine_squared",
        )
