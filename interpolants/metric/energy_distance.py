"""Energy distance."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

import torch
from torch import Tensor

from interpolants.metric.base import Estimate, Metric, paired_rows
from interpolants.metric.discrepancy import RowMeans, discrepancy, row_means
from interpolants.metric.pairwise import centred, in_own_units
from interpolants.utils.checks import check_count
from interpolants.utils.shapes import flatten_event


@final
@dataclass(frozen=True, kw_only=True)
class EnergyDistance(Metric):
    """Squared energy distance, 2 E|X - Y| - E|X - X'| - E|Y - Y'| (Szekely and Rizzo, 2013).

    This is the V-statistic: pairs of a point with itself count, so the value is never negative
    (up to rounding), and zero only for two equal samples. If both have n points from the same
    distribution its expectation is not 0 but 2 E|X - X'| / n; compare it with its floor. Without
    a square root, the value is in units of distance, and quadratic in a small difference of the
    distributions.

    Args:
        chunk_size: a whole number > 0; at most chunk_size^2 distances are in memory.
    """

    chunk_size: int = 512

    def __post_init__(self) -> None:
        check_count("EnergyDistance.chunk_size", self.chunk_size)

    def __call__(self, x: Tensor, y: Tensor) -> Tensor:
        value = self.estimate(x, y, self.prepare(x), self.prepare(y)).value
        return torch.tensor(value, dtype=torch.float64)

    def prepare(self, x: Tensor) -> Tensor:
        """Mean distance of each row to all, (n,)."""
        return self._means(x, x).x

    def estimate(self, x: Tensor, y: Tensor, own: Tensor, other: Tensor) -> Estimate:
        wide = flatten_event(y).double()
        # Of k(x, y) = -|x - y|, whose mean square within y is twice the variance of y.
        square = 2 * float(wide.var(dim=0, correction=0).sum())
        between = self._means(x, y)
        return discrepancy(RowMeans(-between.x, -between.y), -own, -other, square)

    def _means(self, x: Tensor, y: Tensor) -> RowMeans:
        """Mean distance of each row of either sample to the other."""
        same = x is y
        x, y, unit = in_own_units(*paired_rows(x, y))
        x, y = centred(x, y)
        means = row_means(lambda distance: distance, x, x if same else y, self.chunk_size)
        return RowMeans(unit * means.x, unit * means.y)
