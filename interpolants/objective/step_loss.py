"""Loss of an optimiser step, and the parts of a divided batch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from interpolants.data.base import Batch, take
from interpolants.utils.seeds import keyed_generator


class StepLoss(NamedTuple):
    """Loss of one batch.

    Attributes:
        loss: loss that is minimised, 0-d, per number of the data, so that learning rates and
            clipping are comparable at any size.
        names: names of the terms of the logged loss.
        parts: value of each term for each sample, (B, k).
        t: times at which the loss was evaluated, (B,); None for a loss of whole paths.
    """

    loss: Tensor
    names: tuple[str, ...]
    parts: Tensor
    t: Tensor | None = None


class BatchSlice(NamedTuple):
    """Consecutive rows of a larger batch, for which random numbers are drawn together.

    Attributes:
        first: index of its first row.
        size: number of rows.
        total: number of rows of the whole batch.
    """

    first: int
    size: int
    total: int

    def of(self, rows: Tensor) -> Tensor:
        """Rows of the slice in a tensor of the whole batch, (total, ...)."""
        return rows if self.size == self.total else rows[self.first : self.first + self.size]

    def generator(self, generator: torch.Generator) -> torch.Generator:
        """Separate generator of the slice; the given one if it is the whole batch."""
        if self.size == self.total:
            return generator
        key = torch.randint(2**62, (), generator=generator, device=generator.device)
        return keyed_generator(int(key), self.first, device=generator.device)


class MicroBatch(NamedTuple):
    """Part of a batch, and its rows in the whole."""

    part: BatchSlice
    batch: Batch


def whole(batch: Batch) -> BatchSlice:
    """Slice of all rows of a batch."""
    return BatchSlice(0, len(batch.x1), len(batch.x1))


def micro_batches(
    batch: Batch, size: int, first: int = 0, total: int | None = None
) -> list[MicroBatch]:
    """Consecutive parts of `size` rows each, the last of which may be shorter.

    Args:
        batch: the rows.
        size: rows of a part.
        first: index of the batch's first row in a larger batch.
        total: rows of that batch; those of this one if None.
    """
    rows = len(batch.x1)
    parts = []
    for begin in range(0, rows, size):
        end = min(begin + size, rows)
        part = BatchSlice(first + begin, end - begin, rows if total is None else total)
        parts.append(MicroBatch(part, take(batch, slice(begin, end))))
    return parts


def joined(losses: Sequence[StepLoss]) -> StepLoss:
    """Loss of a batch from the losses of its parts."""
    loss = torch.stack([each.loss for each in losses]).mean()
    times = [each.t for each in losses if each.t is not None]
    t = torch.cat(times) if times else None
    return StepLoss(loss, losses[0].names, torch.cat([each.parts for each in losses]), t)
