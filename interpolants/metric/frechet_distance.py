"""Frechet distance between Gaussian fits to two samples."""

from __future__ import annotations

import math
from typing import final

import torch
from torch import Tensor

from interpolants.metric.base import Estimate, jackknife
from interpolants.metric.feature_metric import FeatureMetric

_Moments = tuple[Tensor, Tensor]


@final
class FrechetDistance(FeatureMetric):
    """Frechet distance |m - m'|^2 + tr(C + C' - 2 (C C')^{1/2}) of feature moments.

    It is the squared 2-Wasserstein distance of two normal distributions (D. C. Dowson and B. V.
    Landau, J. Multivar. Anal. 12, 1982). FID is this distance in the features of one particular
    network: values in other features cannot be compared with it.
    Covariances of few samples bias it upwards: compare it with its floor only.

    Args:
        features: as of `FeatureMetric`.
    """

    def estimates(self, rows: Tensor, training: Tensor) -> dict[str, Estimate]:
        real = _moments(training)

        def distance(part: Tensor) -> Tensor:
            return _between(_moments(part), real)

        sd = math.sqrt(jackknife(distance, rows))
        return {self.name: Estimate(float(distance(rows)), sd)}

    def distance(self, x: Tensor, y: Tensor) -> Tensor:
        return _between(_moments(x), _moments(y))


def _between(one: _Moments, other: _Moments) -> Tensor:
    (m, c), (m_other, c_other) = one, other
    # The eigenvalues of (C C')^{1/2} are the singular values of C^{1/2} C'^{1/2}.
    both = torch.linalg.svdvals(_root(c) @ _root(c_other)).sum()
    distance: Tensor = (m - m_other).square().sum() + c.trace() + c_other.trace() - 2 * both
    return distance.clamp(min=0)


def _moments(x: Tensor) -> _Moments:
    """Mean and covariance, float64; of a single sample the covariance is zero."""
    x = x.double()
    centred = x - x.mean(dim=0)
    return x.mean(dim=0), centred.mT @ centred / max(1, len(x) - 1)


def _root(c: Tensor) -> Tensor:
    """Square root of a covariance, which may be singular."""
    values, vectors = torch.linalg.eigh(c)
    root: Tensor = (vectors * values.clamp(min=0).sqrt()) @ vectors.mT
    return root
