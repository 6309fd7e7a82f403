"""Metrics that compare samples with the training data, in a feature space."""

from __future__ import annotations

import abc
from collections.abc import Sequence
from typing import ClassVar, NamedTuple

import torch
from torch import Tensor

from interpolants.data.base import Data
from interpolants.metric.base import Metric, MetricResult, paired_rows
from interpolants.metric.features.base import Features
from interpolants.metric.features.raw import RawFeatures
from interpolants.utils.checks import check
from interpolants.utils.seeds import keyed_generator

# Keeps the choice of training data independent of other draws.
_CHOICE = 43


class Compared(NamedTuple):
    """Features of samples and data, each (n, F).

    Attributes:
        samples: features of the generated samples.
        fresh: features of as many held-out data.
        training: features of all training data.
    """

    samples: Tensor
    fresh: Tensor
    training: Tensor


class FeatureMetric(Metric):
    """Metric between samples and all training data, with as many held-out data for the floor.

    Args:
        features: feature map; the coordinates of the samples if None.
    """

    of_training_data: ClassVar[bool] = True

    def __init__(self, *, features: Features | None = None) -> None:
        self.features = RawFeatures() if features is None else features
        self._data: Data | None = None
        self._training = torch.empty(0)

    def fit(self, data: Data) -> None:
        if self._data is not data:
            self._training, self._data = self.features.of_training(data), data

    def measure(
        self, samples: Tensor, pairs: Sequence[tuple[Tensor, Tensor]]
    ) -> list[MetricResult]:
        name = type(self).__name__
        fix = "call fit(data) first"
        check(self._data is not None, f"{name}.measure", "a fitted metric", None, fix)
        fresh = pairs[0][0][: len(samples)]
        rows = Compared(self.features(samples), self.features(fresh), self._training)
        note = f"against training data in {self.features.name}"
        return [
            MetricResult(result.name, result.value, result.floor, note)
            for result in self.results(rows)
        ]

    def __call__(self, x: Tensor, y: Tensor) -> Tensor:
        return self.distance(*paired_rows(x, y))

    def results(self, rows: Compared) -> list[MetricResult]:
        """Values and floors, by default the distances to the training data."""
        value = self.distance(rows.samples, rows.training)
        floor = self.distance(rows.fresh, rows.training)
        return [MetricResult(self.name, float(value), float(floor))]

    @abc.abstractmethod
    def distance(self, x: Tensor, y: Tensor) -> Tensor:
        """Distance between two samples of features, (n, F) and (m, F), 0-d, float64."""


def chosen(rows: Tensor, n: int) -> Tensor:
    """Fixed random choice of at most `n` rows.

    Every k-th row would be biased if the order of the data has a period: in MNIST's training
    images two groups of writers alternate.
    """
    return rows[torch.randperm(len(rows), generator=keyed_generator(_CHOICE))[:n]]
