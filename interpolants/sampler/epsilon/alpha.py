"""epsilon(t) = c alpha(t)."""

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
class AlphaEpsilon(Epsilon):
    """A multiple of a one-sided path's noise level: epsilon times the score is -c denoiser.

    Args:
        c: factor, > 0.
    """

    c: float = 1.0

    def __post_init__(self) -> None:
        check_positive("AlphaEpsilon.c", self.c)

    def value(self, t: Tensor, c: Coefficients) -> Tensor:
        return self.c * c.alpha

    def ratio(self, t: Tensor, c: Coefficients, level: Tensor) -> Tensor:
        return torch.full_like(t, self.c)

    def check(self, path: Interpolant) -> None:
        check(
            path.one_sided,
            "AlphaEpsilon",
            "a one-sided path, whose noise level is alpha",
            type(path).__name__,
            "use sampler/epsilon=gamma on a two-sided path",
        )
