"""Guidance by the same network without its label."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

from torch import Tensor, nn

from interpolants.data.labels import Labels
from interpolants.fields.guidance.base import Guidance
from interpolants.net.condition import Condition
from interpolants.utils.checks import check


@final
@dataclass(frozen=True, kw_only=True)
class ClassifierFreeGuidance(Guidance):
    """Guidance away from the unconditional prediction (Ho and Salimans, arXiv 2207.12598).

    The network must have been trained with dropped labels (`label_dropout` above 0). The guided
    score is in general not that of a density; samples do not follow p(x) p(label|x)^w.
    """

    def check(self, labels: Labels | None) -> None:
        dropout = None if labels is None else labels.dropout
        fix = "train with label_dropout=0.1, or use guidance=autoguidance"
        where, rule = "ClassifierFreeGuidance", "a model with label_dropout above 0"
        check(bool(dropout), where, rule, dropout, fix)

    def poorer(self, net: nn.Module, t: Tensor, x: Tensor, condition: Condition) -> Tensor:
        predictions: Tensor = net(t, x, condition._replace(label=None, dropped=None))
        return predictions
