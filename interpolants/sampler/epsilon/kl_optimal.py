"""The diffusivity that minimises the bound on the Kullback-Leibler divergence."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

from torch import Tensor

from interpolants.interpolant.base import Coefficients, Interpolant
from interpolants.sampler.epsilon.base import Epsilon
from interpolants.utils.checks import check, check_positive


@final
@dataclass(frozen=True, kw_only=True)
class KLOptimalEpsilon(Epsilon):
    """epsilon(t) = c alpha (alpha beta_dot / beta - alpha_dot) on a one-sided path.

    With c = 1 this minimises the bound on KL(data | samples) when only the denoiser carries
    error; it is the diffusion of the time-reversed forward SDE and grows without bound at t=0
    (arXiv 2509.01629).

    Args:
        c: factor over the optimum, > 0.
    """

    c: float = 1.0

    def __post_init__(self) -> None:
        check_positive("KLOptimalEpsilon.c", self.c)

    def value(self, t: Tensor, c: Coefficients, level: Tensor) -> Tensor:
        return c.alpha * self.ratio(t, c, c.alpha)

    def ratio(self, t: Tensor, c: Coefficients, level: Tensor) -> Tensor:
        return self.c * (c.alpha * c.beta_dot / c.beta - c.alpha_dot)

    def check(self, path: Interpolant) -> None:
        check(
            path.one_sided,
            "KLOptimalEpsilon",
            "a one-sided path",
            type(path).__name__,
            "use interpolant=geometric_brownian, say, or sampler/epsilon=noise_level on this path",
        )
