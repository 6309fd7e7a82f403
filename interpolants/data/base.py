"""What training data is: a law to draw fresh samples from, or a finite set of rows.

Batches are a pure function of (seed, step, rank), so that a resumed run sees exactly the batches
it would have seen.
"""

from __future__ import annotations

import abc
from typing import NamedTuple

import torch
from torch import Tensor

from interpolants.checks import check
from interpolants.seeds import keyed_generator

# Keys that keep the streams of training, held-out rows and epoch orders apart.
_TRAIN, _HELD_OUT, _ORDER = 1, 2, 3


class Batch(NamedTuple):
    """Data of one step.

    Attributes:
        x1: data, shape (B, *event).
        label: class of each sample, shape (B,), or None.
        x0: the base sample that x1 is paired with, shape (B, *event), or None where the pair is
            made later by a coupling.
    """

    x1: Tensor
    label: Tensor | None = None
    x0: Tensor | None = None


class Data(abc.ABC):
    """A source of data samples.

    Attributes:
        event_shape: shape of one sample.
        shift, scale: broadcastable to the event; networks see (x - shift) / scale.
    """

    event_shape: tuple[int, ...]
    shift: Tensor
    scale: Tensor

    @abc.abstractmethod
    def train_batch(
        self, step: int, size: int, seed: int, rank: int = 0, world_size: int = 1
    ) -> Batch:
        """Batch number `step` of this rank, a pure function of its arguments."""

    @abc.abstractmethod
    def sample(self, n: int, generator: torch.Generator) -> Batch:
        """`n` draws from the law (finite sets: training rows, with replacement)."""

    @abc.abstractmethod
    def held_out(self, n: int, seed: int) -> Batch:
        """At most `n` samples that training never sees, in an order fixed by `seed`."""


class Distribution(Data):
    """A law that can be sampled without end: leaves implement `sample`."""

    def train_batch(
        self, step: int, size: int, seed: int, rank: int = 0, world_size: int = 1
    ) -> Batch:
        return self.sample(size, keyed_generator(_TRAIN, seed, step, rank))

    def held_out(self, n: int, seed: int) -> Batch:
        return self.sample(n, keyed_generator(_HELD_OUT, seed))


class FiniteData(Data):
    """Rows in memory, split once into training and held-out rows.

    Args:
        x: all rows, shape (N, *event).
        label: their classes, shape (N,), or None.
        held_out_fraction: share of rows kept out of training, in (0, 1).
        split_seed: fixes which rows those are.
    """

    def __init__(
        self,
        x: Tensor,
        label: Tensor | None = None,
        *,
        held_out_fraction: float = 0.2,
        split_seed: int = 0,
    ) -> None:
        name = type(self).__name__
        check(
            0 < held_out_fraction < 1,
            f"{name}.held_out_fraction",
            "a number in (0, 1)",
            held_out_fraction,
        )
        check(len(x) >= 2, f"{name}", "at least 2 rows", len(x))
        order = torch.randperm(len(x), generator=keyed_generator(_ORDER, split_seed))
        num_held_out = min(max(1, round(held_out_fraction * len(x))), len(x) - 1)
        held_out, train = order[:num_held_out], order[num_held_out:]
        self.event_shape = tuple(x.shape[1:])
        self._train = Batch(x[train], None if label is None else label[train])
        self._held_out = Batch(x[held_out], None if label is None else label[held_out])

    @property
    def num_train(self) -> int:
        """Number of training rows."""
        return len(self._train.x1)

    @property
    def train_rows(self) -> Tensor:
        """All training rows, shape (num_train, *event)."""
        return self._train.x1

    def train_batch(
        self, step: int, size: int, seed: int, rank: int = 0, world_size: int = 1
    ) -> Batch:
        total = size * world_size
        check(
            total <= self.num_train,
            f"{type(self).__name__}.batch_size",
            f"at most the {self.num_train} training rows over all ranks",
            total,
            "lower batch_size",
        )
        per_epoch = self.num_train // total
        epoch, k = divmod(step, per_epoch)
        order = torch.randperm(self.num_train, generator=keyed_generator(_TRAIN, seed, epoch))
        start = k * total + rank * size
        return _take(self._train, order[start : start + size])

    def sample(self, n: int, generator: torch.Generator) -> Batch:
        rows = torch.randint(self.num_train, (n,), generator=generator)
        return _take(self._train, rows)

    def held_out(self, n: int, seed: int) -> Batch:
        num_rows = len(self._held_out.x1)
        order = torch.randperm(num_rows, generator=keyed_generator(_HELD_OUT, seed))
        return _take(self._held_out, order[:n])


def _take(batch: Batch, rows: Tensor) -> Batch:
    return Batch(batch.x1[rows], None if batch.label is None else batch.label[rows])
