"""Metrics that compare samples with the training data, in a feature space."""

from __future__ import annotations

import abc
import math
from collections.abc import Callable
from typing import ClassVar, NamedTuple

import torch
from torch import Tensor

from interpolants.data.base import Data
from interpolants.metric.base import (
    Estimate,
    Keep,
    Metric,
    MetricResult,
    References,
    jackknife,
    paired_rows,
    result,
)
from interpolants.metric.features.base import Features
from interpolants.metric.features.raw import RawFeatures
from interpolants.utils.checks import check
from interpolants.utils.describe import digest
from interpolants.utils.seeds import keyed_generator

# Keeps the choice of training data independent of other draws.
_CHOICE = 43


class Compared(NamedTuple):
    """Features of samples and data, each (n, F).

    Attributes:
        samples: features of the generated samples.
        fresh: makes the features of as many held-out data.
        training: features of all training data, or of those of the label that was asked for.
        keep: keeps what does not depend on the samples.
    """

    samples: Tensor
    fresh: Callable[[], Tensor]
    training: Tensor
    keep: Keep


class FeatureMetric(Metric):
    """Metric between samples and all training data, with as many held-out data for the floor.

    Spreads are over repetitions of the samples, beside the same training data.

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

    @property
    def settings(self) -> str:
        return f"{self.name} in {self.features.name}, {digest({'': self._training})}"

    def measure(self, samples: Tensor, references: References) -> list[MetricResult]:
        name = type(self).__name__
        fix = "call fit(data) first"
        check(self._data is not None, f"{name}.measure", "a fitted metric", None, fix)
        fresh, chosen_rows = references.pairs[0][0][: len(samples)], references.of_label
        rows = Compared(
            samples=self.features(samples),
            fresh=lambda: self.features(fresh),
            training=self._training if chosen_rows is None else self._training[chosen_rows],
            keep=references.keep,
        )
        note = f"against training data in {self.features.name}"
        return [found._replace(note=note) for found in self.results(rows)]

    def __call__(self, x: Tensor, y: Tensor) -> Tensor:
        return self.distance(*paired_rows(x, y))

    def results(self, rows: Compared) -> list[MetricResult]:
        """Values and floors, those of `estimates` for samples and for held-out data."""

        def floors() -> Tensor:
            found = self.estimates(rows.fresh(), rows.training)
            return torch.tensor(list(found.values()), dtype=torch.float64)

        values, kept = self.estimates(rows.samples, rows.training), rows.keep("floors", floors)
        return [
            result(name, value, Estimate(*floor))
            for (name, value), floor in zip(values.items(), kept.tolist(), strict=True)
        ]

    def estimates(self, rows: Tensor, training: Tensor) -> dict[str, Estimate]:
        """Values by name for features (n, F) of samples or held-out data.

        By default it is the distance to the training data, with the spread of the jackknife.
        """
        value = float(self.distance(rows, training))
        variance = jackknife(lambda part: self.distance(part, training), rows)
        return {self.name: Estimate(value, math.sqrt(variance))}

    @abc.abstractmethod
    def distance(self, x: Tensor, y: Tensor) -> Tensor:
        """Distance between two samples of features, (n, F) and (m, F), 0-d, float64."""


def chosen(rows: Tensor, n: int) -> Tensor:
    """Fixed random choice of at most `n` rows.

    Every k-th row would be biased if the order of the data has a period: in MNIST's training
    images two groups of writers alternate.
    """
    return rows[torch.randperm(len(rows), generator=keyed_generator(_CHOICE))[:n]]
