"""Where a solver's standard normals come from, by step index."""

from __future__ import annotations

import abc

from torch import Tensor


class Noise(abc.ABC):
    """A source of standard normals."""

    @abc.abstractmethod
    def draw(self, step: int, channels: int, like: Tensor) -> Tensor:
        """Normals of shape (channels, *like.shape) in like's dtype and device, for one step."""
