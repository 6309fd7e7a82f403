"""Guidance by a smaller or less trained network."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, final

from torch import Tensor, nn

from interpolants.data.labels import Labels
from interpolants.fields.guidance.base import Guidance
from interpolants.net.condition import Condition
from interpolants.net.precision import call_network
from interpolants.utils.checks import check
from interpolants.utils.plain import OUTSIDE


@final
@dataclass(frozen=True, kw_only=True)
class Autoguidance(Guidance):
    """Guidance away from a poorer model of the same data (Karras et al., arXiv 2406.02507).

    It keeps the variety that classifier-free guidance loses, and works without labels.

    Args:
        poor: a network trained to predict the same fields on the same path, in the same units,
            such as that of an earlier checkpoint, `interpolants.load(path).fields.net`. It is
            called with the same condition. None in a model that was loaded, since a checkpoint
            names no other: sampling then needs a guidance with its network.
    """

    poor: Annotated[nn.Module | None, OUTSIDE] = None

    def check(self, labels: Labels | None) -> None:
        self._network()

    def networks(self, net: nn.Module) -> Sequence[nn.Module]:
        return [net, self._network()]

    def poorer(self, net: nn.Module, t: Tensor, x: Tensor, condition: Condition) -> Tensor:
        return call_network(self._network(), t, x, condition)

    def _network(self) -> nn.Module:
        fix = (
            "pass guidance=Autoguidance(...), or set guidance=autoguidance guidance.poor.path=..."
        )
        check(self.poor is not None, "Autoguidance.poor", "a poorer network", None, fix)
        assert self.poor is not None
        return self.poor
