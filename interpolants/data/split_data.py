"""Data sets that are split into training and held-out rows."""

from __future__ import annotations

import abc
import hashlib
from collections.abc import Iterable
from typing import Any

import numpy as np
import torch
from torch import Tensor

from interpolants.data.base import HELD_OUT, TRAIN, Batch, Data, count_classes, same_label
from interpolants.data.fingerprint import MOST_BYTES, content, spread_rows
from interpolants.utils.checks import check
from interpolants.utils.describe import digest
from interpolants.utils.seeds import keyed_generator


class SplitData(Data):
    """Rows addressed by index, on each side of a fixed split.

    Subclasses return rows by index, and may store them in a smaller form.

    Attributes:
        columns: names of the numbers in a row, if they have some.
    """

    columns: tuple[str, ...] = ()

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
            "batch_size",
            f"at most the {self.num_train} training rows of {type(self).__name__}, over all ranks",
            total,
            "lower it",
        )
        epoch, k = divmod(step, self.num_train // total)
        start = k * total + rank * size
        return self.rows(self._of_epoch(seed, epoch, start, start + size))

    def sample(self, n: int, generator: torch.Generator) -> Batch:
        numbers = torch.randint(self.num_train, (n,), generator=generator, device=generator.device)
        return self.rows(numbers.cpu())

    def held_out(self, n: int, seed: int, label: Tensor | None = None) -> Batch:
        return self.rows(self._ordered(n, True, seed, label), held_out=True)

    def reference_pair(
        self, n: int, draw: int = 0, label: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        held, fresh = (self._ordered(n, side, draw, label) for side in (True, False))
        size = min(len(held), len(fresh))
        return self.rows(held[:size], held_out=True).x1, self.rows(fresh[:size]).x1

    def fingerprint(self) -> dict[str, Any]:
        """Shape, names, and the number and a hash of the rows of each side."""
        names = {"columns": list(self.columns), "classes": list(self.classes)}
        found = super().fingerprint() | names
        for name, side in (("training rows", False), ("held-out rows", True)):
            found |= {name: self.count(held_out=side), content(name): self.content(side)}
        return found

    def content(self, held_out: bool) -> str:
        """Hash of all labels and of the rows of one side, or of evenly spread ones, 64 MB."""
        count, one = self.count(held_out=held_out), self.rows(torch.zeros(1).long())
        size = sum(part.nbytes for part in one if part is not None)
        rows = self.rows(spread_rows(count, MOST_BYTES // size), held_out=held_out)
        return digest(rows._asdict() | {"labels": self.labels(held_out=held_out)})

    def _ordered(self, n: int, held_out: bool, seed: int, label: Tensor | None = None) -> Tensor:
        """At most n rows of one side in random order, or of those with a label."""
        order = _order(self.count(held_out=held_out), HELD_OUT, seed)
        labels = self.labels(held_out=held_out)
        if label is None or labels is None:
            return order[:n]
        return order[same_label(labels, label)[order]][:n]

    def _of_epoch(self, seed: int, epoch: int, first: int, last: int) -> Tensor:
        """Part of the order of the training rows in one epoch, of which the latest is cached."""
        latest = self._latest
        if latest is None or latest[:2] != (seed, epoch):
            latest = (seed, epoch, _order(self.num_train, TRAIN, seed, epoch))
            self._latest = latest
        return latest[2][first:last]


def held_out_by_hash(
    where: str, values: Iterable[bytes], held_out_fraction: float, split_seed: int
) -> Tensor:
    """Choose held-out rows by hashes of their own values, bool, (n,).

    Of the distinct values those with the smallest hashes are held out. So the side of a row does
    not depend on the number or the order of the others, equal rows are on one side, and if a row
    is added or removed at most one other changes sides, with those equal to it.

    Args:
        where: class of the data, for error messages.
        values: content of each row, or name of its file.
        held_out_fraction: fraction of distinct values held out; at least one is on each side.
        split_seed: another seed makes another choice.

    Raises:
        ValueError: if all rows are equal.
    """
    key = split_seed.to_bytes(8, "big", signed=True)
    hashes = b"".join(hashlib.blake2b(v, digest_size=8, key=key).digest() for v in values)
    distinct, rank = np.unique(np.frombuffer(hashes, dtype=">u8"), return_inverse=True)
    count = len(distinct)
    fix = "choose data that vary"
    rule = "at least 2 different rows, to hold one out"
    check(count >= 2, f"{where}.held_out_fraction", rule, count, fix)
    held = min(max(1, round(held_out_fraction * count)), count - 1)
    return torch.from_numpy(rank < held)


def row_bytes(x: Tensor) -> Iterable[bytes]:
    """Content of each row, by which equal rows are known; 0 and -0 are equal."""
    rows = np.ascontiguousarray((x.flatten(1) + 0).numpy())
    return (row.tobytes() for row in rows)


def _order(n: int, *key: int) -> Tensor:
    return torch.randperm(n, generator=keyed_generator(*key))
