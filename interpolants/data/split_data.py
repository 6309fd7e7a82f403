"""Data sets that are split into training and held-out rows."""

from __future__ import annotations

import abc

import torch
from torch import Tensor

from interpolants.data.base import HELD_OUT, SPLIT, TRAIN, Batch, Data, count_classes
from interpolants.utils.checks import check
from interpolants.utils.seeds import keyed_generator


class SplitData(Data):
    """Rows addressed by index, on each side of a fixed split.

    Subclasses return rows by index, and may store them in a smaller form.
    """

    # One attribute, so that threads never combine an order with the seed and epoch of another.
    _latest: tuple[int, int, Tensor] | None = None

    @abc.abstractmethod
    def rows(self, numbers: Tensor, *, held_out: bool = False) -> Batch:
        """Rows by their indices on one side of the split, int64, shape (B,), on the host."""

    @abc.abstractmethod
    def count(self, *, held_out: bool = False) -> int:
        """Number of rows on one side of the split."""

    @abc.abstractmethod
    def labels(self, *, held_out: bool = False) -> Tensor | None:
        """Labels of all rows on one side of the split; None without labels."""

    @property
    def num_train(self) -> int:
        """Number of training rows."""
        return self.count()

    @property
    def num_classes(self) -> int:
        return count_classes(self.labels(), self.labels(held_out=True))

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
        epoch, k = divmod(step, self.num_train // total)
        start = k * total + rank * size
        return self.rows(self._epoch_order(seed, epoch)[start : start + size])

    def sample(self, n: int, generator: torch.Generator) -> Batch:
        numbers = torch.randint(self.num_train, (n,), generator=generator, device=generator.device)
        return self.rows(numbers.cpu())

    def held_out(self, n: int, seed: int) -> Batch:
        return self.rows(_order(self.count(held_out=True), HELD_OUT, seed)[:n], held_out=True)

    def reference_pair(self, n: int, draw: int = 0) -> tuple[Tensor, Tensor]:
        size = min(n, self.count(held_out=True), self.num_train)
        numbers = _order(self.num_train, HELD_OUT, draw)[:size]
        return self.held_out(size, draw).x1, self.rows(numbers).x1

    def _epoch_order(self, seed: int, epoch: int) -> Tensor:
        """Order of the training rows in one epoch; the latest one is cached."""
        latest = self._latest
        if latest is None or latest[:2] != (seed, epoch):
            latest = (seed, epoch, _order(self.num_train, TRAIN, seed, epoch))
            self._latest = latest
        return latest[2]


def split_numbers(n: int, held_out_fraction: float, seed: int) -> tuple[Tensor, Tensor]:
    """Random split of the indices below n >= 2 into training and held-out ones.

    There is at least one of each.
    """
    order = _order(n, SPLIT, seed)
    count = min(max(1, round(held_out_fraction * n)), n - 1)
    return order[count:], order[:count]


def _order(n: int, *key: int) -> Tensor:
    return torch.randperm(n, generator=keyed_generator(*key))
