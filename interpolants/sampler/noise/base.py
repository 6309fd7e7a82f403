"""Sources of a solver's standard normals, by step index."""

from __future__ import annotations

import abc

from torch import Tensor


class Noise(abc.ABC):
    """A source of standard normals.

    Attributes:
        ahead: how many steps to draw together where steps are taken one by one; more than 1 pays
            where drawing has a cost of its own.
    """

    ahead: int = 1

    @abc.abstractmethod
    def draw(self, step: int, count: int, channels: int, like: Tensor) -> Tensor:
        """Normals of the steps from `step` on, (count, channels, *like.shape), in like's dtype
        and on its device."""

    def rows(self, first: int, last: int) -> Noise:
        """The source of samples `first` to `last` (exclusive) of a larger batch.

        A source whose samples are identified only by their place in a batch returns itself.
        """
        return self
