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


def parts_of(batch: Batch, count: int) -> list[Batch]:
    """Consecutive parts of a batch, of one size."""
    size = len(batch.x1) // count
    return [take(batch, slice(k * size, (k + 1) * size)) for k in range(count)]


def joined(outcomes: Sequence[Outcome]) -> Outcome:
    """The outcome of a batch from those of its parts."""
    loss, parts = torch.stack([each.loss for each in outcomes]).mean(), [o.parts for o in outcomes]
    times = [each.t for each in outcomes if each.t is not None]
    t = torch.cat(times) if times else None
    return Outcome(loss, outcomes[0].names, torch.cat(parts), t)
