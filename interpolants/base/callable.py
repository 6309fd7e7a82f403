"""x0 drawn by a user's function."""

from __future__ import annotations

from collections.abc import Callable
from typing import final

import torch
from torch import Tensor

from interpolants.base.base import Base
from interpolants.space.scaling import Scaling
from interpolants.utils.checks import check


@final
class CallableBase(Base):
    """Distribution that a function samples from, in the units of the networks.

    Args:
        draw: called as `draw(n, generator)`; returns (n, *event) on the generator's device, and
            must use no other source of randomness, or runs cannot be resumed exactly.
    """

    def __init__(self, *, draw: Callable[[int, torch.Generator], Tensor]) -> None:
        check(callable(draw), "CallableBase.draw", "a function draw(n, generator)", draw)
        self.draw = draw
        self.scaling = Scaling()

    def sample(self, n: int, event_shape: tuple[int, ...], generator: torch.Generator) -> Tensor:
        x0 = self.draw(n, generator)
        check(
            tuple(x0.shape) == (n, *event_shape),
            "CallableBase.draw",
            f"a result of shape {(n, *event_shape)}",
            tuple(x0.shape),
        )
        return x0
