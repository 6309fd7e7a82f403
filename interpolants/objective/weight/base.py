"""Positive weights of the objective over time; none moves the minimiser."""

from __future__ import annotations

import abc

from torch import Tensor


class Weight(abc.ABC):
    """A positive function on (0, 1)."""

    @abc.abstractmethod
    def value(self, t: Tensor) -> Tensor:
        """w(t) > 0, of t's shape."""

    @property
    def is_one(self) -> bool:
        """Whether w = 1 everywhere, so that there is nothing to multiply by."""
        return False

    def apply(self, t: Tensor, loss: Tensor) -> Tensor:
        """w(t) times a loss per sample, (B,)."""
        return self.value(t) * loss
