"""Distances between two samples, with their spreads, and their values for a perfect sampler.

A distance between finite samples is not zero even if both come from the same distribution, and it
is random. So it is computed for the generated samples and for as many fresh real ones, each with
the standard deviation that it would have over repetitions.
"""

from __future__ import annotations

import abc
import json
import math
import re
from collections.abc import Callable, Sequence
from typing import ClassVar, NamedTuple

import torch
from torch import Tensor

from interpolants.data.base import Data
from interpolants.utils.checks import check
from interpolants.utils.describe import describe
from interpolants.utils.shapes import flatten_event

Keep = Callable[[str, Callable[[], Tensor]], Tensor]
"""Function that returns what was computed under a name before, or computes and keeps it."""

# Groups of rows that the general estimate of a spread leaves out in turn.
_GROUPS = 5


def computed(name: str, compute: Callable[[], Tensor]) -> Tensor:
    """Compute and keep nothing."""
    return compute()


class Estimate(NamedTuple):
    """Value of a metric, with its standard deviation over repetitions of both samples."""

    value: float
    sd: float


class References(NamedTuple):
    """Real samples that generated ones are compared with.

    Attributes:
        pairs: real samples to compare with, (m, *event), each with as many other real samples as
            were generated, (n, *event), for the floor.
        of_label: True at the training rows of the label that was asked for, (N,); all if None.
        keep: keeps results that depend on the references alone.
    """

    pairs: Sequence[tuple[Tensor, Tensor]]
    of_label: Tensor | None = None
    keep: Keep = computed


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

    @property
    def names(self) -> tuple[str, ...]:
        """Names of its values."""
        return (self.name,)

    @property
    def settings(self) -> str:
        """Everything besides samples and references that decides the values."""
        return json.dumps(describe(self))

    def fit(self, data: Data) -> None:
        """Fit the metric to the data, before any comparison; most need no fit.

        A second fit to the same data costs nothing.

        Raises:
            ValueError: if the metric does not apply to the data.
        """
        return

    def measure(self, samples: Tensor, references: References) -> list[MetricResult]:
        """Compute one or more values, each with its floor and the spread of both.

        Value and floor are means over the same references.

        Args:
            samples: generated samples, (n, *event).
            references: real samples.

        Raises:
            ValueError: if the other real samples and `samples` differ in number, for then the
                floor would be that of another sample size.
        """
        pairs, keep = references.pairs, references.keep
        for _, fresh in pairs:
            rule = f"as many other real rows as samples ({len(samples)})"
            fix = "draw more, or cut both to the shorter"
            check(len(fresh) == len(samples), "References.pairs", rule, len(fresh), fix)

        def prepared(k: int) -> Tensor:
            return keep(f"reference {k}", lambda: self.prepare(pairs[k][0]))

        def floors() -> Tensor:
            found = [
                self.estimate(fresh, real, self.prepare(fresh), prepared(k))
                for k, (real, fresh) in enumerate(pairs)
            ]
            return torch.tensor(found, dtype=torch.float64)

        own = self.prepare(samples)
        values = [
            self.estimate(samples, real, own, prepared(k)) for k, (real, _) in enumerate(pairs)
        ]
        floor = _mean([Estimate(*row) for row in keep("floors", floors).tolist()])
        return [result(self.name, _mean(values), floor)]

    def prepare(self, x: Tensor) -> Tensor:
        """Numbers that `estimate` needs of one sample alone, kept between comparisons."""
        return torch.empty(0)

    def estimate(self, x: Tensor, y: Tensor, own: Tensor, other: Tensor) -> Estimate:
        """Distance between two samples, with its spread.

        In general the spread is that of the values without each of five parts of either sample
        (the grouped jackknife). At the floor of a distance, where the value depends on the
        samples' differences squared, it is up to 1.4 times too large.

        Args:
            x, y: as in a call.
            own, other: results of `prepare` of both.
        """
        value = float(self(x, y))
        variance = jackknife(lambda part: self(part, y), x)
        variance += jackknife(lambda part: self(x, part), y)
        return Estimate(value, math.sqrt(variance))

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
        sd: standard deviation of the value over repetitions.
        floor: distance of as many real samples to the same references. If it differs from `value`
            by no more than about twice the larger spread, the samples are not distinguishable
            from those of a perfect sampler with this many samples.
        floor_sd: standard deviation of the floor over repetitions.
        note: information that a reader needs to compare the value.
    """

    name: str
    value: float
    sd: float
    floor: float
    floor_sd: float
    note: str = ""


def result(name: str, value: Estimate, floor: Estimate, note: str = "") -> MetricResult:
    """Result of a value and its floor."""
    return MetricResult(name, value.value, value.sd, floor.value, floor.sd, note)


def _mean(estimates: Sequence[Estimate]) -> Estimate:
    """Mean over references, with the spread of one: all are of the same samples."""
    count = len(estimates)
    square = sum(one.sd**2 for one in estimates) / count
    return Estimate(sum(one.value for one in estimates) / count, math.sqrt(square))


def mean_estimate(values: Tensor) -> Estimate:
    """Mean of values of independent rows, (n,), with its standard error."""
    wide = values.double()
    return Estimate(float(wide.mean()), math.sqrt(row_variance(wide)))


def row_variance(influence: Tensor) -> float:
    """Variance of a mean over rows, from each row's share in it, (n,); 0 for a single row."""
    n = len(influence)
    return float(influence.double().var()) / n if n > 1 else 0.0


def jackknife(estimate: Callable[[Tensor], Tensor], rows: Tensor) -> float:
    """Variance of an estimate by leaving out each of five interleaved parts of its rows.

    It is 0 for a single row.
    """
    count = min(_GROUPS, len(rows))
    if count < 2:
        return 0.0
    part = torch.arange(len(rows)) % count
    without = [float(estimate(rows[part != k])) for k in range(count)]
    mean = sum(without) / count
    return (count - 1) / count * sum((value - mean) ** 2 for value in without)


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
