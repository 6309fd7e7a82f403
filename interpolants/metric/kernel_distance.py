"""Kernel distance, the MMD of a cubic polynomial kernel."""

from __future__ import annotations

from typing import final

import torch
from torch import Tensor

from interpolants.metric.base import MetricResult
from interpolants.metric.feature_metric import Compared, FeatureMetric, chosen

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

    def results(self, rows: Compared) -> list[MetricResult]:
        return super().results(rows._replace(training=chosen(rows.training, _MOST_REFERENCES)))

    def distance(self, x: Tensor, y: Tensor) -> Tensor:
        x, y = x.double(), y.double()
        return _within(x) + _within(y) - 2 * _sum(x, y) / (len(x) * len(y))


def _within(x: Tensor) -> Tensor:
    """Mean kernel over pairs of different samples; of a single sample, with itself."""
    diagonal = (x.square().sum(dim=1) / x.shape[1] + 1).pow(3).sum()
    n = len(x)
    return (_sum(x, x) - diagonal) / (n * (n - 1)) if n > 1 else diagonal


def _sum(x: Tensor, y: Tensor) -> Tensor:
    parts = [(part @ y.mT / x.shape[1] + 1).pow_(3).sum() for part in x.split(_CHUNK)]  # type: ignore[no-untyped-call]
    return torch.stack(parts).sum()
