"""Distances between two samples, and their values for a perfect sampler.

A distance between finite samples is not zero even if both come from the same distribution.
`with_floor` therefore computes it for the generated samples and for as many fresh real ones.
"""

from __future__ import annotations

import abc
import re
from collections.abc import Callable, Sequence
from typing import ClassVar, NamedTuple

import torch
from torch import Tensor

from interpolants.data.base import Data
from interpolants.metric.pairwise import distances
from interpolants.utils.checks import check
from interpolants.utils.shapes import flatten_event


class Metric(abc.ABC):
    """Distance between two distributions, estimated from samples of both.

    It is symmetric in its arguments, invariant to the order of the samples, and deterministic:
    random choices depend on a seed of the metric.

    Attributes:
        of_training_data: whether it compares samples with the training data, for any references.
    """

    of_training_data: ClassVar[bool] = False

    @property
    def name(self) -> str:
        """Class name in snake case, as it appears in logs."""
        return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", type(self).__name__).lower()

    def fit(self, data: Data) -> None:
        """Fit the metric to the data, before any comparison; most need no fit.

        A second fit to the same data costs nothing.

        Raises:
            ValueError: if the metric does not apply to the data.
        """
        return

    def measure(
        self, samples: Tensor, pairs: Sequence[tuple[Tensor, Tensor]]
    ) -> list[MetricResult]:
        """Compute one or more values, each with its floor; arguments as of `with_floor`."""
        return [with_floor(self, samples, pairs)]

    @abc.abstractmethod
    def __call__(self, x: Tensor, y: Tensor) -> Tensor:
        """Distance between two samples.

        Args:
            x: shape (n, *event).
            y: shape (m, *event).

        Returns:
            A 0-d float64 tensor.

        Raises:
            ValueError: if a set is empty or the event shapes differ.
        """


class MetricResult(NamedTuple):
    """Value of a metric, with its floor.

    Attributes:
        name: name of the metric.
        value: distance of the generated samples to real ones, a mean over references.
        floor: distance of as many real samples to the same references. A `value` near `floor` is
            not distinguishable from that of a perfect sampler with this many samples.
        note: information that a reader needs to compare the value.
    """

    name: str
    value: float
    floor: float
    note: str = ""


def with_floor(
    metric: Metric, samples: Tensor, pairs: Sequence[tuple[Tensor, Tensor]]
) -> MetricResult:
    """Evaluate a metric and its floor, both as means over the same references.

    Args:
        metric: the distance.
        samples: generated samples, shape (n, *event).
        pairs: real samples to compare with, (m, *event), each with as many other real samples as
            were generated, (n, *event), for the floor.

    Raises:
        ValueError: if the other real samples and `samples` differ in number, for then the floor
            would be that of another sample size.
    """
    for _, fresh in pairs:
        check(
            len(fresh) == len(samples),
            "with_floor.pairs",
            f"as many other real rows as samples ({len(samples)})",
            len(fresh),
            "draw more, or cut both to the shorter",
        )
    values = [float(metric(samples, reference)) for reference, _ in pairs]
    floors = [float(metric(fresh, reference)) for reference, fresh in pairs]
    count = len(pairs)
    return MetricResult(metric.name, sum(values) / count, sum(floors) / count)


def paired_rows(x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    """Flatten both samples to (n, D) and (m, D), float32 or better.

    Raises:
        ValueError: if a set is empty or the event shapes differ.
    """
    check(len(x) > 0 and len(y) > 0, "Metric.x", "non-empty sets", (len(x), len(y)))
    same = x.shape[1:] == y.shape[1:]
    check(same, "Metric.x", f"event shape {tuple(y.shape[1:])}", tuple(x.shape[1:]))
    dtype = torch.promote_types(torch.promote_types(x.dtype, y.dtype), torch.float32)
    return flatten_event(x).to(dtype), flatten_event(y).to(dtype)


def mean_over_pairs(
    kernel: Callable[[Tensor], Tensor], x: Tensor, y: Tensor, chunk_size: int
) -> Tensor:
    """Mean of a kernel of the distance over all pairs, (1/nm) sum_ij kernel(|x_i - y_j|).

    The distances are computed in blocks of `chunk_size` by `chunk_size` and summed in float64.
    If `x is y`, only half of them are computed, by symmetry.

    Args:
        kernel: elementwise function of a block of distances.
        x: shape (n, D).
        y: shape (m, D).
        chunk_size: rows of a block.

    Returns:
        A 0-d float64 tensor.
    """
    total = x.new_zeros((), dtype=torch.float64)
    for i in range(0, len(x), chunk_size):
        for j in range(i if x is y else 0, len(y), chunk_size):
            rows, others = x[i : i + chunk_size], y[j : j + chunk_size]
            block = kernel(distances(rows, others))
            total += (2 if x is y and j > i else 1) * block.sum(dtype=torch.float64)
    return total / (len(x) * len(y))
