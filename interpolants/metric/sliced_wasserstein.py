"""Sliced Wasserstein distance, a mean of one-dimensional distances over directions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

import torch
from torch import Tensor

from interpolants.metric.base import Metric, paired_rows
from interpolants.metric.pairwise import in_own_units
from interpolants.utils.checks import check_count, check_seed
from interpolants.utils.seeds import keyed_generator


@final
@dataclass(frozen=True, kw_only=True)
class SlicedWasserstein(Metric):
    """Sliced 2-Wasserstein distance (Bonneel et al., 2015), in units of the data.

    SW2^2 = mean over unit directions u of int_0^1 (F_u^-1(q) - G_u^-1(q))^2 dq, where F_u and G_u
    are the distributions of u.x and u.y. The integral is exact for any two sample sizes: both
    quantile functions are constant between the levels i/n and j/m. In one dimension this is W2. In
    D dimensions it is about s / sqrt(D) for a shift of length s.

    Args:
        projections: number of directions, a whole number > 0.
        seed: seed of the directions, fixed so that values can be compared.
    """

    projections: int = 128
    seed: int = 0

    def __post_init__(self) -> None:
        check_count("SlicedWasserstein.projections", self.projections)
        check_seed("SlicedWasserstein.seed", self.seed)

    def __call__(self, x: Tensor, y: Tensor) -> Tensor:
        x, y, unit = in_own_units(*paired_rows(x, y))
        directions = self.directions(x.shape[1]).to(x)
        x_sorted = (x @ directions).sort(dim=0).values
        y_sorted = (y @ directions).sort(dim=0).values
        x_index, y_index, mass = _quantile_coupling(len(x), len(y), x.device)
        cost = (x_sorted[x_index] - y_sorted[y_index]).square().mean(dim=1, dtype=torch.float64)
        return unit * (mass * cost).sum().sqrt()

    def directions(self, dimension: int) -> Tensor:
        """Unit vectors of the projections, shape (dimension, projections), float64."""
        generator = keyed_generator(self.seed, dimension)
        normal = torch.randn(dimension, self.projections, generator=generator, dtype=torch.float64)
        return torch.nn.functional.normalize(normal, dim=0)


def _quantile_coupling(n: int, m: int, device: torch.device) -> tuple[Tensor, Tensor, Tensor]:
    """Pairs (i, j) of order statistics, and the mass that is transported between them.

    Levels are counted in units of 1 / (n m), where they are integers and their merge is exact.
    """
    x_levels = torch.arange(1, n + 1, device=device) * m
    y_levels = torch.arange(1, m + 1, device=device) * n
    levels = torch.cat([x_levels, y_levels]).sort().values  # equal levels have no mass between
    mass = torch.diff(levels, prepend=levels.new_zeros(1)).double() / (n * m)
    return (levels - 1) // m, (levels - 1) // n, mass
