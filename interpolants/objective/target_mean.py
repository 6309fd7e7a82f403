"""Objective of the target mean."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, final

from torch import Tensor

from interpolants.fields.fields import Fields
from interpolants.interpolant.base import InterpolantSample
from interpolants.objective.base import FieldObjective


@final
@dataclass(frozen=True, kw_only=True)
class TargetMeanObjective(FieldObjective):
    """E(1/2 |m|^2 - x1 . m), minimised by m = E[x1 | xt].

    Args:
        weight: positive weight over time.
    """

    field: ClassVar[str] = "target_mean"

    def target(self, fields: Fields, sample: InterpolantSample) -> Tensor:
        return sample.x1
