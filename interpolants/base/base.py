"""The law of x0, in the units of the networks."""

from __future__ import annotations

import abc
from typing import ClassVar

import torch
from torch import Tensor

from interpolants.scaling import Scaling


class Base(abc.ABC):
    """A law to start from.

    Attributes:
        standard_normal: whether x0 ~ N(0, Id), so that a one-sided path has a score.
        scaling: between the units of the networks and those the user sees.
    """

    standard_normal: ClassVar[bool] = False
    scaling: Scaling

    @abc.abstractmethod
    def sample(self, n: int, event_shape: tuple[int, ...], generator: torch.Generator) -> Tensor:
        """`n` draws of shape (n, *event_shape), on the generator's device, in float32."""

    def held_out(self, n: int, event_shape: tuple[int, ...], seed: int) -> Tensor:
        """At most `n` draws that training has not seen, in a fixed order."""
        return self.sample(n, event_shape, torch.Generator().manual_seed(seed))
