"""Kernel distance, the MMD of a cubic polynomial kernel."""

from __future__ import annotations

import math
from typing import final

import torch
from torch import Tensor

from interpolants.metric.base import Estimate, row_variance
from interpolants.metric.feature_metric import FeatureMetric, chosen

_MOST_REFERENCES = 5_000
_CHUNK = 1_024


@final
class KernelDistance(FeatureMetric):
    """Unbiased E k(x, x') + E k(y, y') - 2 E k(x, y) with k(x, y) = (x . y / F + 1)^3.

    This is the squared maximum mean discrepancy of M. Binkowski et al., arXiv 1801.01401, which is
    unbiased for any number of samples and may be negative. It uses a fixed random choice of at
    most 5,000 training data.

    Args:
        features: as of `FeatureMetric`.
    """

    def estimates(self, rows: Tensor, training: Tensor) -> dict[str, Estimate]:
        """Distance to the chosen training data, with the spread by each row's share."""
        x, y = rows.double(), chosen(training, _MOST_REFERENCES).double()
        within, between = _within(x), _sums(x, y) / len(y)
        value = within.mean() + _within(y).mean() - 2 * between.mean()
        sd = math.sqrt(row_variance(2 * (within - between)))
        return {self.name: Estimate(float(value), sd)}

    def distance(self, x: Tensor, y: Tensor) -> Tensor:
        x, y = x.double(), y.double()
        return _within(x).mean() + _within(y).mean() - 2 * _sums(x, y).mean() / len(y)


def _within(x: Tensor) -> Tensor:
    """Mean kernel of each sample with the others, (n,); of a single sample, with itself."""
    diagonal = (x.square().sum(dim=1) / x.shape[1] + 1).pow(3)
    return (_sums(x, x) - diagonal) / (len(x) - 1) if len(x) > 1 else diagonal


def _sums(x: Tensor, y: Tensor) -> Tensor:
    """Sum of the kernel of each row of x over those of y, (n,)."""
    parts = [(part @ y.mT / x.shape[1] + 1).pow_(3).sum(dim=1) for part in x.split(_CHUNK)]  # type: ignore[no-untyped-call]
    return torch.cat(parts)
