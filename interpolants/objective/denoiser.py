"""Objective of the denoiser."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, final

from torch import Tensor

from interpolants.fields.fields import Fields
from interpolants.interpolant.base import InterpolantSample
from interpolants.objective.base import FieldObjective


@final
@dataclass(frozen=True, kw_only=True)
class DenoiserObjective(FieldObjective):
    """E(1/2 |eta|^2 - z . eta), minimised by eta = E[z | xt]; its target is bounded.

    Args:
        weight: positive weight over time.
    """

    field: ClassVar[str] = "denoiser"
    needs_noise: ClassVar[bool] = True

    def target(self, fields: Fields, sample: InterpolantSample) -> Tensor:
        return sample.z
