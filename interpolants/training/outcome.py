"""The loss of a batch, whole or from parts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from interpolants.data.base import Batch, take


class Outcome(NamedTuple):
    """The loss of one batch.

    Attributes:
        loss: what the optimiser follows, 0-d: per number of the data, so that learning rates and
            clipping mean the same at any size.
        names: of the parts that the logged loss is the sum of.
        parts: each of them for each sample, (B, k).
        t: times that the loss was taken at, (B,); None for a loss of whole paths.
    """

    loss: Tensor
    names: tuple[str, ...]
    parts: Tensor
    t: Tensor | None = None


class Share(NamedTuple):
    """Consecutive rows of a larger batch, which is drawn as a whole wherever a part of it is.

    Attributes:
        first: number of its first row.
        size: how many rows it has.
        total: how many the whole has.
    """

    first: int
    size: int
    total: int

    def of(self, whole: Tensor) -> Tensor:
        """The share's rows of what was drawn for the whole, (total, ...)."""
        return whole if self.size == self.total else whole[self.first : self.first + self.size]


class Part(NamedTuple):
    """A share of a batch, and its rows."""

    share: Share
    batch: Batch


def parts_of(batch: Batch, size: int, first: int = 0, total: int | None = None) -> list[Part]:
    """Consecutive parts of `size` rows each, the last of which may be shorter.

    Args:
        batch: the rows.
        size: of a part.
        first: number of the batch's first row in a larger batch.
        total: how many rows that has; those of this one if None.
    """
    rows = len(batch.x1)
    parts = []
    for begin in range(0, rows, size):
        end = min(begin + size, rows)
        share = Share(first + begin, end - begin, rows if total is None else total)
        parts.append(Part(share, take(batch, slice(begin, end))))
    return parts


def joined(outcomes: Sequence[Outcome]) -> Outcome:
    """The outcome of a batch from those of its parts."""
    loss, parts = torch.stack([each.loss for each in outcomes]).mean(), [o.parts for o in outcomes]
    times = [each.t for each in outcomes if each.t is not None]
    t = torch.cat(times) if times else None
    return Outcome(loss, outcomes[0].names, torch.cat(parts), t)
