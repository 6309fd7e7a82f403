"""Sampling of training times.

An objective is an integral over t in [0, 1]. A time sampler draws t with some density and returns
a weight: 1 to let the density itself weight the objective (which never moves the
minimiser), or 1 / density to estimate the uniform integral with less variance.
"""

from __future__ import annotations

import abc

import torch
from torch import Tensor

from interpolants.fields.jumps import Jumps
from interpolants.utils.checks import check_open_interval


class TimeSampler(abc.ABC):
    """Distribution of training times.

    Attributes:
        margin: times are in [margin, 1 - margin], away from singular ends.
    """

    margin: float

    @property
    def jumps(self) -> Jumps | None:
        """Jumps between the pairs of times; None of single times."""
        return None

    @abc.abstractmethod
    def draw(self, n: int, generator: torch.Generator) -> tuple[Tensor, Tensor | None]:
        """Times in (0, 1) of shape (n,) on the generator's device, and weights (n,) or None."""

    def sample(self, n: int, generator: torch.Generator) -> tuple[Tensor, Tensor | None]:
        """Times in [margin, 1 - margin] of shape (n,), and weights (n,), or None for ones."""
        t, weight = self.draw(n, generator)
        return t * (1 - 2 * self.margin) + self.margin, weight

    def sample_at(
        self, step: int, n: int, generator: torch.Generator
    ) -> tuple[Tensor, Tensor | None]:
        """Times of an optimiser step: as `sample`, unless they change during training."""
        return self.sample(n, generator)


def check_margin(where: str, margin: float) -> None:
    """Require a margin in (0, 1/2): floating-point uniforms can be 0, where gamma_dot is inf."""
    check_open_interval(where, margin, 0, 0.5)


def uniforms(n: int, generator: torch.Generator) -> Tensor:
    """Draw n uniform numbers in [0, 1) on the generator's device."""
    return torch.rand(n, generator=generator, device=generator.device)
