"""Networks with a fixed condition, called as functions of (t, x)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import final

from torch import Tensor, nn

from interpolants.fields.guidance.base import Guidance
from interpolants.net.condition import Condition


@final
class ConditionedNetwork(nn.Module):
    """Network net(t, x, condition) with the condition of B samples fixed, and optional guidance.

    Args:
        net: called as `net(t, x, condition)`.
        condition: condition of B samples; of k B rows, rows i, i + B, ... belong to sample i.
        guidance: guidance of the predictions; none if None.

    Raises:
        ValueError: if the guidance is not one of the network.
    """

    def __init__(
        self, net: nn.Module, condition: Condition, guidance: Guidance | None = None
    ) -> None:
        super().__init__()
        if guidance is not None:
            guidance.check_network(net)
        self.net = net
        self.condition = condition
        self.guidance = guidance

    def assign(self, condition: Condition) -> None:
        """Replace the condition, in the same memory if sizes agree, which captured graphs read."""
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
        """Networks that an evaluation calls, once for each call."""
        return [self.net] if self.guidance is None else self.guidance.networks(self.net)

    def forward(self, t: Tensor, x: Tensor, moment: Condition | None = None) -> Tensor:
        """Predictions of all heads, (B, heads, *event), until the second time of `moment`."""
        condition = self.condition.repeated(len(x))
        if moment is not None:
            condition = condition._replace(until=moment.until)
        if self.guidance is None:
            predictions: Tensor = self.net(t, x, condition)
            return predictions
        return self.guidance(self.net, t, x, condition)
