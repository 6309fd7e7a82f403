"""Distances between two sets of samples, and the value a perfect sampler would get.

A distance between finite samples is not zero even when both come from the same law. `with_floor`
therefore computes it twice: for the generated samples, and for as many fresh real ones.
"""

from __future__ import annotations

import abc
import re
from collections.abc import Callable, Sequence
from typing import ClassVar, NamedTuple

import torch
from torch import Tensor

from interpolants.data.base import Data
from interpolants.utils.checks import check
from interpolants.utils.shapes import flatten_event

# From this dimension on, |x - y|^2 = |x|^2 + |y|^2 - 2 x.y by matrix product is much faster, and
# distances of high-dimensional samples concentrate away from zero, where that form is accurate.
_MATMUL_DIMENSION = 32


class Metric(abc.ABC):
    """A distance between the laws of two sample sets, estimated from the samples.

    Symmetric in its arguments, invariant to the order of the samples, and deterministic: what is
    drawn at random is drawn from a seed of the metric's own.

    Attributes:
        of_training_data: whether it is about what samples have to do with the training data,
            whatever they are compared with.
    """

    of_training_data: ClassVar[bool] = False

    @property
    def name(self) -> str:
        """Class name in snake case, as it appears in logs."""
        return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", type(self).__name__).lower()

    def fit(self, data: Data) -> None:
        """Take what the metric needs from the data, before anything is compared; most need
        nothing, and none needs it twice.

        Raises:
            ValueError: if the data do not suit.
        """
        return

    def measure(
        self, samples: Tensor, pairs: Sequence[tuple[Tensor, Tensor]]
    ) -> list[MetricResult]:
        """One or more values of samples, each with its floor; arguments as of `with_floor`."""
        return [with_floor(self, samples, pairs)]

    @abc.abstractmethod
    def __call__(self, x: Tensor, y: Tensor) -> Tensor:
        """Distance between two sets of samples.

        Args:
            x: shape (n, *event).
            y: shape (m, *event).

        Returns:
            A 0-d float64 tensor.

        Raises:
            ValueError: if a set is empty or the event shapes differ.
        """


class MetricResult(NamedTuple):
    """A metric and the value it takes between two real sample sets.

    Attributes:
        name: of the metric.
        value: distance of the generated samples to real ones, a mean over references.
        floor: distance of as many real samples to the same references. A `value` near `floor`
            cannot be told from that of a perfect sampler with this many samples.
        note: what a reader of the value must know to compare it.
    """

    name: str
    value: float
    floor: float
    note: str = ""


def with_floor(
    metric: Metric, samples: Tensor, pairs: Sequence[tuple[Tensor, Tensor]]
) -> MetricResult:
    """Evaluate a metric beside its sampling floor, both as means over the same references.

    Args:
        metric: the distance.
        samples: generated samples, shape (n, *event).
        pairs: real samples to compare with, (m, *event), each with as many other real samples as
            were generated, (n, *event), whose distance to them is the floor.

    Raises:
        ValueError: if the other real samples and `samples` differ in number, which would make
            the floor that of another sample size.
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
    """Both sets as (n, D) and (m, D), float32 or better.

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
    """Mean of a function of the distance over all pairs, (1/nm) sum_ij kernel(|x_i - y_j|).

    The distances are computed `chunk_size` by `chunk_size` and summed in float64. When `x is y`
    only half of them are, by symmetry.

    Args:
        kernel: elementwise function of a block of distances.
        x: shape (n, D).
        y: shape (m, D).
        chunk_size: rows of a block.

    Returns:
        A 0-d float64 tensor.
    """
    matmul = x.shape[1] >= _MATMUL_DIMENSION
    mode = "use_mm_for_euclid_dist" if matmul else "donot_use_mm_for_euclid_dist"
    total = x.new_zeros((), dtype=torch.float64)
    for i in range(0, len(x), chunk_size):
        for j in range(i if x is y else 0, len(y), chunk_size):
            rows, others = x[i : i + chunk_size], y[j : j + chunk_size]
            block = kernel(torch.cdist(rows, others, compute_mode=mode))
            total += (2 if x is y and j > i else 1) * block.sum(dtype=torch.float64)
    return total / (len(x) * len(y))
