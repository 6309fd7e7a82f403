"""Euclidean space: data of any value."""

from __future__ import annotations

from typing import ClassVar, final

from torch import Tensor

from interpolants.space.base import Space


@final
class EuclideanSpace(Space):
    """R^D with the identity as its chart."""

    euclidean: ClassVar[bool] = True

    def check(self, x: Tensor) -> None:
        return

    def to_chart(self, x: Tensor) -> Tensor:
        return x

    def from_chart(self, y: Tensor) -> Tensor:
        return y

    def log_slope(self, y: Tensor) -> Tensor:
        return y.new_zeros(len(y))
