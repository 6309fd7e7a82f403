"""Energy distance."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

from torch import Tensor

from interpolants.metric.base import Metric, mean_over_pairs, paired_rows
from interpolants.metric.pairwise import centred, in_own_units
from interpolants.utils.checks import check_count


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

    chunk_size: int = 1024

    def __post_init__(self) -> None:
        check_count("EnergyDistance.chunk_size", self.chunk_size)

    def __call__(self, x: Tensor, y: Tensor) -> Tensor:
        x, y, unit = in_own_units(*paired_rows(x, y))
        x, y = centred(x, y)
        between = self._mean_distance(x, y)
        return unit * (2 * between - self._mean_distance(x, x) - self._mean_distance(y, y))

    def _mean_distance(self, x: Tensor, y: Tensor) -> Tensor:
        return mean_over_pairs(lambda distance: distance, x, y, self.chunk_size)
