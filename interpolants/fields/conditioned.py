"""A network that has been told its condition, and is called as (t, x) again."""

from __future__ import annotations

from collections.abc import Sequence
from typing import final

from torch import Tensor, nn

from interpolants.fields.guidance.base import Guidance
from interpolants.net.condition import Condition


@final
class ConditionedNetwork(nn.Module):
    """net(t, x, condition) for the B samples of one condition, guided if asked.

    Args:
        net: called as `net(t, x, condition)`.
        condition: of B samples; of k B rows, rows i, i + B, ... are about sample i.
        guidance: what to do with the predictions; nothing if None.
    """

    def __init__(
        self, net: nn.Module, condition: Condition, guidance: Guidance | None = None
    ) -> None:
        super().__init__()
        self.net = net
        self.condition = condition
        self.guidance = guidance

    def assign(self, condition: Condition) -> None:
        """Go on with other samples; in the same memory where sizes agree, which captured graphs
        read."""
        pairs = [
            (own, other)
            for own, other in zip(self.condition, condition, strict=True)
            if own is not None and other is not None
        ]
        if any(own.shape != other.shape for own, other in pairs):
            self.condition = condition
        else:
            for own, other in pairs:
                own.copy_(other)

    @property
    def networks(self) -> Sequence[nn.Module]:
        """Those that are called, whose calls count."""
        return [self.net] if self.guidance is None else self.guidance.networks(self.net)

    def forward(self, t: Tensor, x: Tensor) -> Tensor:
        """All heads, (B, heads, *event)."""
        condition = self.condition.repeated(len(x))
        if self.guidance is None:
            predictions: Tensor = self.net(t, x, condition)
            return predictions
        return self.guidance(self.net, t, x, condition)
