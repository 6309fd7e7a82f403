"""What training data is: a law to draw fresh samples from, or a finite set of rows.

A batch is a pure function of (seed, step), of which each rank sees its rows, so that a resumed
run sees exactly the batches it would have seen.
"""

from __future__ import annotations

import abc
from collections.abc import Iterator
from typing import NamedTuple

import torch
from torch import Tensor

from interpolants.data.standardize import moments
from interpolants.space.base import Space
from interpolants.utils.checks import check
from interpolants.utils.seeds import keyed_generator

# Keys that keep the streams of training, held-out rows, splits, fits and flips apart.
TRAIN, HELD_OUT, SPLIT, FIT, FLIP = 1, 2, 3, 4, 5


class Batch(NamedTuple):
    """Data of one step.

    Attributes:
        x1: data, shape (B, *event).
        label: class of each sample, int64, shape (B,); or a vector for each, float32, shape
            (B, C); or None.
        x0: the base sample that x1 is paired with, shape (B, *event), or None where the pair is
            made later by a coupling.
        mask: of series, which observations there are, bool, shape (B, T); x1 is zero at the
            others. All of them if None.
    """

    x1: Tensor
    label: Tensor | None = None
    x0: Tensor | None = None
    mask: Tensor | None = None


class Data(abc.ABC):
    """A source of data samples, in raw units.

    Attributes:
        event_shape: shape of one sample.
        shift, scale: shape `event_shape`, float32; networks see (x - shift) / scale of data in a
            Euclidean space. In another one they see what `chart_units` says.
    """

    event_shape: tuple[int, ...]
    shift: Tensor
    scale: Tensor

    @abc.abstractmethod
    def train_batch(
        self, step: int, size: int, seed: int, rank: int = 0, world_size: int = 1
    ) -> Batch:
        """Batch number `step` of this rank, a pure function of its arguments.

        It is rows `rank * size` to `(rank + 1) * size` of the batch of `world_size * size` rows
        that one process would see. Processes and threads may share the data.
        """

    @abc.abstractmethod
    def sample(self, n: int, generator: torch.Generator) -> Batch:
        """`n` draws from the law (finite sets: training rows, with replacement)."""

    @abc.abstractmethod
    def held_out(self, n: int, seed: int) -> Batch:
        """At most `n` samples that training never sees, in an order fixed by `seed`."""

    @abc.abstractmethod
    def reference_pair(self, n: int, draw: int = 0) -> tuple[Tensor, Tensor]:
        """Two disjoint real samples of one size, at most `n` each: held-out rows to compare
        generated samples with, and others whose distance to them is the floor; `draw` numbers
        different choices."""

    @property
    @abc.abstractmethod
    def standardized(self) -> bool:
        """Whether `shift` and `scale` are the moments of the data."""

    @abc.abstractmethod
    def fitting_batch(self) -> Batch:
        """What is looked at once, before training: all training rows, of large sets a choice of
        them, or many draws of a law."""

    @abc.abstractmethod
    def known_rows(self) -> Iterator[Tensor]:
        """All rows there are, some at a time, held-out ones too; of a law, those of
        `fitting_batch`."""

    def labels(self) -> Tensor | None:
        """The label of every training row, or of many draws of a law; None without labels."""
        return self.fitting_batch().label

    @property
    def num_classes(self) -> int:
        """How many classes 0, 1, ... there are; 0 without labels that are whole numbers."""
        return count_classes(self.labels())

    def dequantised(self, x: Tensor, generator: torch.Generator) -> Tensor:
        """Rows (B, *event) whose law has a density, for likelihoods: `x` itself, unless the data
        are whole numbers. These get the noise of `interpolants.data.pixels.dequantised`.

        Args:
            x: rows in raw units.
            generator: on the device of `x`.
        """
        return x

    def chart_units(self, space: Space) -> tuple[Tensor, Tensor]:
        """Shift and scale in the chart of a space, which is fitted on the training rows.

        They are `shift` and `scale` in a Euclidean space; in others the moments in the chart of
        standardized data, and 0 and 1 of data that are not.

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
        """Mean and standard deviation of each coordinate in the chart of a space: of the rows,
        (N, *event), unless a law knows its own."""
        return moments(space.to_chart(rows))


class Distribution(Data):
    """A law that can be sampled without end.

    Leaves set `event_shape`, `shift` and `scale`, and implement `sample`, drawing from the given
    generator only, on its device, in float32.

    Attributes:
        num_fit_draws: size of a `fitting_batch`.
    """

    num_fit_draws = 10_000

    def train_batch(
        self, step: int, size: int, seed: int, rank: int = 0, world_size: int = 1
    ) -> Batch:
        whole = self.sample(world_size * size, keyed_generator(TRAIN, seed, step, 0))
        return take(whole, slice(rank * size, (rank + 1) * size))

    def held_out(self, n: int, seed: int) -> Batch:
        return self.sample_unseen(n, keyed_generator(HELD_OUT, seed))

    def sample_unseen(self, n: int, generator: torch.Generator) -> Batch:
        """`n` draws that training never sees: as `sample`, unless a law is made of finite parts
        some of which are held out."""
        return self.sample(n, generator)

    def reference_pair(self, n: int, draw: int = 0) -> tuple[Tensor, Tensor]:
        return self.held_out(n, 2 * draw).x1, self.held_out(n, 2 * draw + 1).x1

    @property
    def standardized(self) -> bool:
        return bool((self.shift != 0).any() or (self.scale != 1).any())

    def fitting_batch(self) -> Batch:
        return self.sample(self.num_fit_draws, keyed_generator(FIT))

    def known_rows(self) -> Iterator[Tensor]:
        yield self.fitting_batch().x1

    def units(self, standardize: bool) -> tuple[Tensor, Tensor]:
        """Shift and scale: the moments of many draws of a fixed key, or 0 and 1."""
        if not standardize:
            return torch.zeros(self.event_shape), torch.ones(self.event_shape)
        return moments(self.fitting_batch().x1)


def count_classes(*labels: Tensor | None) -> int:
    """One more than the largest of some whole numbers; 0 of none, and of other labels."""
    whole = [part for part in labels if part is not None and not part.is_floating_point()]
    return max((int(part.max()) + 1 for part in whole), default=0)


def checked_labels(where: str, label: Tensor, n: int) -> Tensor:
    """Labels of n rows as batches have them, from whole or real numbers.

    Args:
        where: the setting that they come from.
        label: classes 0, 1, ..., (n,), or vectors of finite real numbers, (n, C).

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
    return label.float() if real else label.long()


def take(batch: Batch, rows: Tensor | slice) -> Batch:
    """Some rows of a batch."""
    return Batch._make(None if part is None else part[rows] for part in batch)
