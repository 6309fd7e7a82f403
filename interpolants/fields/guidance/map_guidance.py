"""Guidance that a flow map has learned as an input."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import final

import torch
from torch import Tensor, nn

from interpolants.data.labels import Labels
from interpolants.fields.guidance.base import Guidance
from interpolants.net.condition import Condition
from interpolants.utils.checks import check


@final
@dataclass(frozen=True, kw_only=True)
class MapGuidance(Guidance):
    """Guidance of a flow map trained with `largest_scale`, by one call of the network.

    A guided jump is exact for an exact map, of any length: the scale and the interval are inputs
    of the network. The scale is at least 1 and at most the largest one in training.
    """

    def check(self, labels: Labels | None) -> None:
        rule, fix = "a model with labels", "train with label_dropout=0.1"
        check(labels is not None, "MapGuidance", rule, None, fix)

    def check_network(self, net: nn.Module) -> None:
        largest = getattr(net, "largest_scale", 0.0)
        rule, fix = "a map with scales as an input", "train with objective.largest_scale=8"
        check(largest > 0, "MapGuidance", rule, type(net).__name__, fix)
        rule = f"a scale in [1, {largest:g}], those of training"
        check(1 <= self.scale <= largest, "MapGuidance.scale", rule, self.scale)

    def networks(self, net: nn.Module) -> Sequence[nn.Module]:
        return [net]

    def poorer(self, net: nn.Module, t: Tensor, x: Tensor, condition: Condition) -> Tensor:
        predictions: Tensor = net(t, x, condition._replace(label=None, dropped=None))
        return predictions

    def __call__(self, net: nn.Module, t: Tensor, x: Tensor, condition: Condition) -> Tensor:
        at = torch.tensor([self.scale, *self.interval], device=x.device, dtype=x.dtype)
        told = condition._replace(guidance=at.expand(len(x), 3))
        predictions: Tensor = net(t, x, told)
        return predictions
