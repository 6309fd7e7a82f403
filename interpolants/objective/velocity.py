"""Objective of the velocity."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, final

from torch import Tensor

from interpolants.fields.fields import Fields
from interpolants.interpolant.base import InterpolantSample
from interpolants.objective.base import FieldObjective


@final
@dataclass(frozen=True, kw_only=True)
class VelocityObjective(FieldObjective):
    """E(1/2 |b|^2 - (dI/dt + gamma_dot z) . b), minimised by b = E[xt_dot | xt].

    Args:
        weight: positive weight over time.
    """

    field: ClassVar[str] = "velocity"

    def target(self, fields: Fields, sample: InterpolantSample) -> Tensor:
        return sample.xt_dot
