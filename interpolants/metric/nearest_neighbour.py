"""Nearest-neighbour distances, which detect copies of training data."""

from __future__ import annotations

import math
from typing import final

import torch
from torch import Tensor

from interpolants.metric.base import Estimate, MetricResult, mean_estimate, result
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

    @property
    def names(self) -> tuple[str, ...]:
        return ("nearest_training", "copied")

    def results(self, rows: Compared) -> list[MetricResult]:
        fresh = rows.keep("nearest", lambda: _nearest(rows.fresh(), rows.training))
        own = _nearest(rows.samples, rows.training)
        near = torch.quantile(fresh, _QUANTILE)
        expected = math.sqrt(_QUANTILE * (1 - _QUANTILE) / len(fresh))
        return [
            result(self.names[0], mean_estimate(own), mean_estimate(fresh)),
            result(self.names[1], mean_estimate(own < near), Estimate(_QUANTILE, expected)),
        ]

    def distance(self, x: Tensor, y: Tensor) -> Tensor:
        return (_nearest(x, y).mean() + _nearest(y, x).mean()) / 2


def _nearest(x: Tensor, y: Tensor) -> Tensor:
    """Distance of each row of x to the nearest row of y, (n,), float64."""
    x, y, unit = in_own_units(x.double(), y.double())
    x, y = centred(x, y)
    parts = x.split(_CHUNK)  # type: ignore[no-untyped-call]
    return unit * torch.cat([distances(part, y).amin(dim=1) for part in parts])
