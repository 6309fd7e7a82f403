"""Guidance by a smaller or less trained network."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import final

from torch import Tensor, nn

from interpolants.fields.guidance.base import Guidance
from interpolants.net.condition import Condition
from interpolants.net.precision import call_network


@final
@dataclass(frozen=True, kw_only=True)
class Autoguidance(Guidance):
    """Guidance away from a poorer model of the same data (Karras et al., arXiv 2406.02507).

    It keeps the variety that classifier-free guidance loses, and works without labels.

    Args:
        poor: a network trained to predict the same fields on the same path, in the same units,
            such as that of an earlier checkpoint, `interpolants.load(path).fields.net`. It is
            called with the same condition.
    """

    poor: nn.Module

    def networks(self, net: nn.Module) -> Sequence[nn.Module]:
        return [net, self.poor]

    def poorer(self, net: nn.Module, t: Tensor, x: Tensor, condition: Condition) -> Tensor:
        return call_network(self.poor, t, x, condition)
