"""Precision, recall, density and coverage of generated samples."""

from __future__ import annotations

from typing import final

import torch
from torch import Tensor

from interpolants.metric.base import Estimate, mean_estimate
from interpolants.metric.feature_metric import FeatureMetric, chosen
from interpolants.metric.features.base import Features
from interpolants.metric.pairwise import centred, distances, in_own_units
from interpolants.utils.checks import check_count

_CHUNK = 1_024


@final
class PrecisionRecall(FeatureMetric):
    """Precision, recall, density and coverage by k-nearest-neighbour balls.

    A ball around each real sample has the radius of its k-th nearest other real sample. Precision
    is the fraction of generated samples in some ball, density the mean number of balls that one is
    in, over k, and coverage the fraction of balls with a generated sample; recall is precision
    with the roles exchanged (T. Kynkaanniemi et al., arXiv 1904.06991; M. F. Naeem et al., arXiv
    2002.09797). A fixed random choice of as many training data as samples is used. Larger is
    better, and the floor is the value for real samples. As a distance of two samples it is 1 minus
    the mean of precision and recall.

    Args:
        features: as of `FeatureMetric`.
        neighbours: k, > 0.
    """

    def __init__(self, *, features: Features | None = None, neighbours: int = 5) -> None:
        super().__init__(features=features)
        check_count("PrecisionRecall.neighbours", neighbours)
        self.neighbours = neighbours

    @property
    def settings(self) -> str:
        return f"{super().settings}, {self.neighbours} neighbours"

    @property
    def names(self) -> tuple[str, ...]:
        return ("precision", "recall", "density", "coverage")

    def estimates(self, rows: Tensor, training: Tensor) -> dict[str, Estimate]:
        return self.numbers(chosen(training, len(rows)), rows)

    def distance(self, x: Tensor, y: Tensor) -> Tensor:
        found = self.numbers(y, x)
        mean = (found["precision"].value + found["recall"].value) / 2
        return torch.tensor(1 - mean, dtype=torch.float64)

    def numbers(self, real: Tensor, generated: Tensor) -> dict[str, Estimate]:
        """All four numbers by name, from features (n, F) and (m, F).

        They are means over rows, generated or real, whose standard errors are the spreads.
        """
        real, generated, _ = in_own_units(real.double(), generated.double())
        real, generated = centred(real, generated)
        radii, generated_radii = self._radii(real), self._radii(generated)
        balls = torch.zeros(len(generated), dtype=torch.float64)
        covered = torch.zeros(len(real), dtype=torch.bool)
        recalled = torch.zeros(len(real), dtype=torch.bool)
        for first in range(0, len(generated), _CHUNK):
            rows = slice(first, first + _CHUNK)
            found = distances(generated[rows], real)
            inside = found <= radii
            balls[rows] = inside.sum(dim=1).double()
            covered |= inside.any(dim=0)
            recalled |= (found <= generated_radii[rows, None]).any(dim=0)
        return {
            "precision": mean_estimate(balls > 0),
            "recall": mean_estimate(recalled),
            "density": mean_estimate(balls / self.neighbours),
            "coverage": mean_estimate(covered),
        }

    def _radii(self, x: Tensor) -> Tensor:
        """Distance of each sample to its k-th nearest other one, (n,)."""
        k = min(self.neighbours + 1, len(x))
        parts = x.split(_CHUNK)  # type: ignore[no-untyped-call]
        nearest = [distances(part, x).kthvalue(k, dim=1).values for part in parts]
        return torch.cat(nearest)
