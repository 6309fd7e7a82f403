"""Objective of the score."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, final

from torch import Tensor

from interpolants.fields.fields import Fields
from interpolants.interpolant.base import InterpolantSample
from interpolants.objective.base import FieldObjective
from interpolants.utils.shapes import expand_time


@final
@dataclass(frozen=True, kw_only=True)
class ScoreObjective(FieldObjective):
    """E(1/2 |s|^2 + z / level . s), minimised by s = grad log p_t.

    The level of noise is gamma, or alpha on a one-sided path. The target is unbounded at the ends;
    the denoiser has a bounded one.

    Args:
        weight: positive weight over time.
    """

    field: ClassVar[str] = "score"
    needs_noise: ClassVar[bool] = True

    def target(self, fields: Fields, sample: InterpolantSample) -> Tensor:
        level = fields.interpolant.noise_level(fields.coefficients(sample.t))
        return -sample.z / expand_time(level, sample.x1)
