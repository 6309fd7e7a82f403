"""What a network is told about a sample besides its time and state."""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor


class Condition(NamedTuple):
    """Labels and pictures of B samples.

    Attributes:
        label: class numbers, int64, shape (B,), or vectors, shape (B, C); None for the null label,
            which a network trained with dropped labels knows as "any".
        image: channels that are shown beside the state, shape (B, K, *spatial): a mask, or a small
            picture at the size of the large one.
        dropped: samples whose label is withheld, bool, shape (B,); of nobody if None.
    """

    label: Tensor | None = None
    image: Tensor | None = None
    dropped: Tensor | None = None

    def rows(self, first: int, last: int) -> Condition:
        """Of the samples `first` to `last` (exclusive), in memory of its own."""
        return Condition._make(None if part is None else part[first:last].clone() for part in self)

    def interleaved(self, count: int) -> Condition:
        """Of `count` samples for each, next to each other."""
        return Condition._make(
            None if part is None else part.repeat_interleave(count, dim=0) for part in self
        )

    def repeated(self, rows: int) -> Condition:
        """The same for a batch of `rows` samples: rows i, i + B, ... are about sample i."""
        return Condition._make(
            part if part is None or len(part) == rows else _tiled(part, rows) for part in self
        )


def _tiled(part: Tensor, rows: int) -> Tensor:
    return part.repeat(rows // len(part), *(1,) * (part.dim() - 1))
