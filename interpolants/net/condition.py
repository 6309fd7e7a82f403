"""Conditioning inputs of a network."""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor


class Condition(NamedTuple):
    """Labels and conditioning images of B samples.

    Attributes:
        label: class numbers, int64, shape (B,), or vectors, shape (B, C); None for the null label,
            which a network trained with dropped labels knows as "any".
        image: channels concatenated to the state, shape (B, K, *spatial): a mask, or a small
            image enlarged to the size of the state.
        dropped: samples whose label is dropped, bool, shape (B,); none if None.
        until: second time of a flow map, shape (B,) or 0-d; None for the velocity at t.
        guidance: guidance scale of a flow map with its first and last guided time, shape (B, 3);
            None for no guidance.
    """

    label: Tensor | None = None
    image: Tensor | None = None
    dropped: Tensor | None = None
    until: Tensor | None = None
    guidance: Tensor | None = None

    def rows(self, first: int, last: int) -> Condition:
        """Copy the condition of the samples `first` to `last` (exclusive)."""
        return Condition._make(None if part is None else part[first:last].clone() for part in self)

    def chosen(self, rows: Tensor) -> Condition:
        """Condition of some samples, by their numbers, (n,)."""
        return Condition._make(None if part is None else part[rows] for part in self)

    def interleaved(self, count: int) -> Condition:
        """Repeat each sample `count` times, copies next to each other."""
        return Condition._make(
            None if part is None else part.repeat_interleave(count, dim=0) for part in self
        )

    def repeated(self, rows: int) -> Condition:
        """Tile to a batch of `rows` samples, whose rows i, i + B, ... belong to sample i."""
        return Condition._make(
            part if part is None or len(part) == rows else _tiled(part, rows) for part in self
        )


def _tiled(part: Tensor, rows: int) -> Tensor:
    return part.repeat(rows // len(part), *(1,) * (part.dim() - 1))
