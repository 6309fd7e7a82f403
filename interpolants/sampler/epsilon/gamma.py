"""epsilon(t) = c gamma(t)."""

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
class GammaEpsilon(Epsilon):
    """A multiple of the latent noise level: epsilon times the score is -c times the denoiser.

    Args:
        c: factor, > 0.
    """

    c: float = 1.0

    def __post_init__(self) -> None:
        check_positive("GammaEpsilon.c", self.c)

    def value(self, t: Tensor, c: Coefficients) -> Tensor:
        return self.c * c.gamma

    def ratio(self, t: Tensor, c: Coefficients, level: Tensor) -> Tensor:
        return torch.full_like(t, self.c)

    def check(self, path: Interpolant) -> None:
        check(
            not path.gamma.is_zero,
            "GammaEpsilon",
            "a path with latent noise gamma > 0",
            type(path).__name__,
            "use sampler/epsilon=alpha on a one-sided path",
        )
