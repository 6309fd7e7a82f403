"""Nearest-neighbour distances, which detect copies of training data."""

from __future__ import annotations

from typing import final

import torch
from torch import Tensor

from interpolants.metric.base import MetricResult
from interpolants.metric.feature_metric import Compared, FeatureMetric
from interpolants.metric.pairwise import centred, distances, in_own_units

_CHUNK = 256
_QUANTILE = 0.01


@final
class NearestNeighbour(FeatureMetric):
    """Distances of samples to the nearest training data, beside those of held-out data.

    `nearest_training` is their mean. If it is far below its floor, that of held-out data, samples
    are copies of training data. `copied` is the fraction of samples that are nearer to the
    training data than all but the nearest 1 percent of the held-out data, so that its floor is
    0.01. As a distance of two samples it is the mean, over both, of distances to the nearest point
    of the other.

    Args:
        features: as of `FeatureMetric`.
    """

    def results(self, rows: Compared) -> list[MetricResult]:
        own, fresh = (_nearest(part, rows.training) for part in (rows.samples, rows.fresh))
        near = torch.quantile(fresh, _QUANTILE)
        return [
            MetricResult("nearest_training", float(own.mean()), float(fresh.mean())),
            MetricResult("copied", float((own < near).double().mean()), _QUANTILE),
        ]

    def distance(self, x: Tensor, y: Tensor) -> Tensor:
        return (_nearest(x, y).mean() + _nearest(y, x).mean()) / 2


def _nearest(x: Tensor, y: Tensor) -> Tensor:
    """Distance of each row of x to the nearest row of y, (n,), float64."""
    x, y, unit = in_own_units(x.double(), y.double())
    x, y = centred(x, y)
    parts = x.split(_CHUNK)  # type: ignore[no-untyped-call]
    return unit * torch.cat([distances(part, y).amin(dim=1) for part in parts])
