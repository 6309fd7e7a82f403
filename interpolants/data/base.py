"""Data sources: distributions to sample from, and finite data sets.

A batch is a pure function of (seed, step), of which each rank gets its rows, so that a resumed
run gets exactly the batches it would have had without the interruption.
"""

from __future__ import annotations

import abc
from collections.abc import Iterator
from typing import Any, NamedTuple

import torch
from torch import Tensor

from interpolants.data.columns import Columns
from interpolants.data.standardize import check_precise, moments
from interpolants.space.base import Space
from interpolants.utils.checks import check
from interpolants.utils.seeds import keyed_generator

# Keys that keep the streams of training, held-out rows, fits, flips and dequantisation apart.
TRAIN, HELD_OUT, FIT, FLIP, CELL = 1, 2, 4, 5, 6

# Times as many draws as rows of one label are searched for it, and before it is given up.
_MOST_DRAWS, _FEW_DRAWS = 100, 3


class Batch(NamedTuple):
    """Batch of data for one step.

    Attributes:
        x1: data, shape (B, *event); float32, or float64 where rows differ by less than that holds.
        label: class of each sample, int64, shape (B,); or a vector for each, float32, shape
            (B, C); or None.
        x0: the base sample that x1 is paired with, shape (B, *event), or None if a coupling makes
            the pairs later.
        mask: for time series, True at existing observations, bool, shape (B, T); x1 is zero at the
            others. None if all exist.
    """

    x1: Tensor
    label: Tensor | None = None
    x0: Tensor | None = None
    mask: Tensor | None = None


class Data(abc.ABC):
    """Source of data samples, in raw units.

    Attributes:
        event_shape: shape of one sample.
        shift, scale: shape `event_shape`, of the precision of the data; the input of networks is
            (x - shift) / scale for data in a Euclidean space. For other spaces see `chart_units`.
        classes: names of the classes 0, 1, ..., if they have some.
        label_columns: names of the columns of labels, if they have some.
        table: columns of the table that the data are rows of, or None.
    """

    event_shape: tuple[int, ...]
    shift: Tensor
    scale: Tensor
    classes: tuple[str, ...] = ()
    label_columns: tuple[str, ...] = ()
    table: Columns | None = None

    @abc.abstractmethod
    def train_batch(
        self, step: int, size: int, seed: int, rank: int = 0, world_size: int = 1
    ) -> Batch:
        """Batch number `step` of this rank, as a pure function of the arguments.

        It is rows `rank * size` to `(rank + 1) * size` of the batch of `world_size * size` rows
        that a single process would get. Processes and threads may share the data.
        """

    @abc.abstractmethod
    def sample(self, n: int, generator: torch.Generator) -> Batch:
        """`n` draws from the distribution, or training rows with replacement."""

    @abc.abstractmethod
    def held_out(self, n: int, seed: int, label: Tensor | None = None) -> Batch:
        """At most `n` samples that are not used in training, in an order fixed by `seed`.

        Args:
            n: number of samples.
            seed: of their choice and order.
            label: class, 0-d, or vector, (C,), of all of them; any if None. There may be none of a
                label.
        """

    @abc.abstractmethod
    def reference_pair(
        self, n: int, draw: int = 0, label: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """Two disjoint samples of real data of equal size, at most `n` each.

        The first are held-out rows to compare generated samples with; their distance to the second
        is the floor of a metric.

        Args:
            n: number of rows of each.
            draw: different numbers give different samples.
            label: as of `held_out`.
        """

    def fingerprint(self) -> dict[str, Any]:
        """Plain data that differ if the data do, beside what the configuration decides."""
        return {"shape": list(self.event_shape)}

    @property
    @abc.abstractmethod
    def standardized(self) -> bool:
        """True if `shift` and `scale` are the moments of the data."""

    @abc.abstractmethod
    def fitting_batch(self) -> Batch:
        """Rows to fit scalings and bases to, before training.

        They are all training rows, a subset of those of a large data set, or many draws of a
        distribution.
        """

    @abc.abstractmethod
    def known_rows(self) -> Iterator[Tensor]:
        """Iterator over all rows in chunks, including held-out ones.

        For a distribution these are the rows of `fitting_batch`.
        """

    def labels(self) -> Tensor | None:
        """Labels of all training rows, or of many draws of a distribution; None without labels."""
        return self.fitting_batch().label

    @property
    def num_classes(self) -> int:
        """Number of classes 0, 1, ...; 0 if there are no labels or they are vectors."""
        return count_classes(self.labels())

    def dequantised(self, x: Tensor, generator: torch.Generator) -> Tensor:
        """Rows (B, *event) with a density, for likelihoods.

        They are `x` itself, unless the data are whole numbers; these get the noise of
        `interpolants.data.pixels.dequantised`.

        Args:
            x: rows in raw units.
            generator: on the device of `x`.
        """
        return x

    def chart_units(self, space: Space) -> tuple[Tensor, Tensor]:
        """Shift and scale in the chart of a space, which is fitted to the training rows.

        In a Euclidean space they are `shift` and `scale`; in others the moments in the chart for
        standardized data, and else 0 and 1.

        Raises:
            ValueError: if a row lies outside the space.
        """
        if space.euclidean:
            return self.shift, self.scale
        rows = self.fitting_batch().x1
        space.fit(rows)
        for known in self.known_rows():
            space.check(known)
        if not self.standardized:
            return torch.zeros(self.event_shape), torch.ones(self.event_shape)
        return self.chart_moments(space, rows)

    def chart_moments(self, space: Space, rows: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and standard deviation of each coordinate in the chart of a space.

        They are the moments of the rows, (N, *event), unless a distribution has exact ones.
        """
        return moments(space.to_chart(rows))


class Distribution(Data):
    """Distribution with an unlimited number of samples.

    Subclasses set `event_shape`, `shift` and `scale`, and implement `sample`, which draws only
    from the generator that it gets, on its device, in float32.

    Attributes:
        num_fit_draws: size of a `fitting_batch`.
    """

    num_fit_draws = 10_000

    def train_batch(
        self, step: int, size: int, seed: int, rank: int = 0, world_size: int = 1
    ) -> Batch:
        whole = self.sample(world_size * size, keyed_generator(TRAIN, seed, step, 0))
        if world_size == 1:
            return whole
        return take(whole, slice(rank * size, (rank + 1) * size))

    def held_out(self, n: int, seed: int, label: Tensor | None = None) -> Batch:
        generator = keyed_generator(HELD_OUT, seed)
        if label is None:
            return self.sample_unseen(n, generator)
        parts: list[Batch] = []
        # A label may be too rare to find as many as are wanted.
        for attempt in range(_MOST_DRAWS):
            drawn = self.sample_unseen(n, generator)
            assert drawn.label is not None
            parts.append(take(drawn, same_label(drawn.label, label)))
            found = sum(len(part.x1) for part in parts)
            if found >= n or (attempt >= _FEW_DRAWS and found == 0):
                break
        columns = zip(*parts, strict=True)
        joined = [None if column[0] is None else torch.cat(column) for column in columns]
        return take(Batch._make(joined), slice(n))

    def sample_unseen(self, n: int, generator: torch.Generator) -> Batch:
        """`n` draws that are not used in training.

        They are those of `sample`, unless the distribution consists of finite parts of which some
        are held out.
        """
        return self.sample(n, generator)

    def reference_pair(
        self, n: int, draw: int = 0, label: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        first, second = (self.held_out(n, 2 * draw + end, label).x1 for end in (0, 1))
        size = min(len(first), len(second))
        return first[:size], second[:size]

    @property
    def standardized(self) -> bool:
        return bool((self.shift != 0).any() or (self.scale != 1).any())

    def fitting_batch(self) -> Batch:
        return self.sample(self.num_fit_draws, keyed_generator(FIT))

    def known_rows(self) -> Iterator[Tensor]:
        yield self.fitting_batch().x1

    def units(self, standardize: bool) -> tuple[Tensor, Tensor]:
        """Shift and scale from the moments of many draws with a fixed key, or else 0 and 1."""
        if not standardize:
            return torch.zeros(self.event_shape), torch.ones(self.event_shape)
        return moments(self.fitting_batch().x1)


def count_classes(*labels: Tensor | None) -> int:
    """One more than the largest class; 0 without labels and for vectors."""
    whole = [part for part in labels if part is not None and not part.is_floating_point()]
    return max((int(part.max()) + 1 for part in whole), default=0)


def checked_labels(where: str, label: Tensor, n: int) -> Tensor:
    """Labels of n rows in the dtypes of batches, from whole or real numbers.

    Args:
        where: setting that they come from, for error messages.
        label: classes 0, 1, ..., (n,), or vectors of finite real numbers, (n, C).
        n: number of rows.

    Raises:
        ValueError: if they are neither.
    """
    real = label.is_floating_point()
    if real:
        fits = label.dim() == 2 and label.shape[1] > 0 and bool(label.isfinite().all())
    else:
        fits = label.dim() == 1 and label.dtype != torch.bool and bool((label >= 0).all())
    rule = f"a class 0, 1, ... or a vector of finite real numbers for each of {n} rows"
    check(fits and len(label) == n, where, rule, (label.dtype, tuple(label.shape)))
    return check_precise(where, label) if real else label.long()


def same_label(labels: Tensor, label: Tensor) -> Tensor:
    """True at the labels, (n,) or (n, C), that equal one class or vector, (n,)."""
    return labels == label if labels.dim() == 1 else (labels == label).all(dim=1)


def take(batch: Batch, rows: Tensor | slice) -> Batch:
    """Some rows of a batch."""
    return Batch._make(None if part is None else part[rows] for part in batch)
