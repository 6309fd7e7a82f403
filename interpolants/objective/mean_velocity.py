"""Objective of the mean velocity."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, final

from torch import Tensor

from interpolants.fields.fields import Fields
from interpolants.interpolant.base import InterpolantSample
from interpolants.objective.base import FieldObjective


@final
@dataclass(frozen=True, kw_only=True)
class MeanVelocityObjective(FieldObjective):
    """E(1/2 |v|^2 - dI/dt . v), minimised by v = E[dI/dt | xt]; its target stays bounded.

    Args:
        weight: positive weight over time.
    """

    field: ClassVar[str] = "mean_velocity"

    def target(self, fields: Fields, sample: InterpolantSample) -> Tensor:
        return sample.mean_dot
