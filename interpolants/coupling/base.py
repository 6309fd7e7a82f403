"""Who is paired with whom: joint laws of (x0, x1) with the given marginals."""

from __future__ import annotations

import abc
from typing import ClassVar

from torch import Tensor


class Coupling(abc.ABC):
    """Pairs base samples with data samples, batch by batch.

    Attributes:
        independent: whether x0 and x1 are independent, so that a standard normal base keeps a
            one-sided path's score.
        needs_pairs: whether the data itself must carry x0.
    """

    independent: ClassVar[bool] = False
    needs_pairs: ClassVar[bool] = False

    @abc.abstractmethod
    def pair(self, x0: Tensor, x1: Tensor, label: Tensor | None = None) -> Tensor:
        """Reorder x0 (B, *event) so that row i is paired with row i of x1 (B, *event).

        Args:
            x0, x1: samples of the two ends.
            label: class of each x1, (B,), or None.
        """
