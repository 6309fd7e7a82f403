"""Distances in a space of features, to all training data."""

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

# Keeps the choice of training data apart from what else is drawn.
_CHOICE = 43


class Compared(NamedTuple):
    """Features of what is compared, each (n, F).

    Attributes:
        samples: those that were generated.
        fresh: as many held-out data.
        training: all training data.
    """

    samples: Tensor
    fresh: Tensor
    training: Tensor


class FeatureMetric(Metric):
    """Generated samples against all training data; its floor is that of as many held-out data.

    Args:
        features: where samples are compared; their own coordinates if None.
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
        """Values and floors; the distances to the training data unless a leaf knows better."""
        value = self.distance(rows.samples, rows.training)
        floor = self.distance(rows.fresh, rows.training)
        return [MetricResult(self.name, float(value), float(floor))]

    @abc.abstractmethod
    def distance(self, x: Tensor, y: Tensor) -> Tensor:
        """Of two sets of features, (n, F) and (m, F); 0-d, float64."""


def chosen(rows: Tensor, n: int) -> Tensor:
    """At most `n` of the rows, drawn once and for all.

    Every k-th row would not do, as the order of data may have a period: in MNIST's training
    images every other one is from another group of writers.
    """
    return rows[torch.randperm(len(rows), generator=keyed_generator(_CHOICE))[:n]]
