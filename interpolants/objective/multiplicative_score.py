"""Objective of the multiplicative score."""

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
class MultiplicativeScoreObjective(FieldObjective):
    """E(1/2 |h|^2 + (1 + z / level) . h), minimised by h = grad log p_t - 1.

    This is the multiplicative denoising score matching of arXiv 2510.02730 on paths of logarithms.
    The level of noise is gamma, or alpha on a one-sided path. The target is unbounded at the ends;
    `weight=noise_level` bounds the loss.

    Args:
        weight: positive weight over time.
    """

    field: ClassVar[str] = "multiplicative_score"
    needs_noise: ClassVar[bool] = True

    def target(self, fields: Fields, sample: InterpolantSample) -> Tensor:
        level = fields.interpolant.noise_level(fields.coefficients(sample.t))
        return -1 - sample.z / expand_time(level, sample.x1)
