"""Positive weights of the objective over time; none moves the minimiser."""

from __future__ import annotations

import abc

from torch import Tensor


class Weight(abc.ABC):
    """Positive function on (0, 1)."""

    @abc.abstractmethod
    def value(self, t: Tensor) -> Tensor:
        """w(t) > 0, of t's shape."""

    @property
    def is_one(self) -> bool:
        """True if w = 1 everywhere, so that no multiplication is needed."""
        return False

    def apply(self, t: Tensor, loss: Tensor) -> Tensor:
        """Multiply losses of samples, (B,), by w(t)."""
        return self.value(t) * loss
